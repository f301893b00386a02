export * from '@slytherin/ring'
