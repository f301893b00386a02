export * from '@slytherin/protocol/service'
