export * from '@slytherin/node'
