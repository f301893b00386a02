export * from '@slytherin/web'
