export * from '@slytherin/ckks'
