export * from '@slytherin/protocol'
