import '@slytherin/ring/worker'
