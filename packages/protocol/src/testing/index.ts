/** For tests of what is built on this package, exported as `@slytherin/protocol/testing`. */
export { type Fault, type MemoryMessage, MemoryNetwork } from './memory-network.js'
