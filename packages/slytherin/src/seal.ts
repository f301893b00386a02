export * from '@slytherin/ckks/seal'
