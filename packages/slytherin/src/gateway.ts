export * from '@slytherin/gateway'
