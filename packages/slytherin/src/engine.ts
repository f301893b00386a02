export * from '@slytherin/engine'
