export * from '@slytherin/mhe'
