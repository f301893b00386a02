/** For tests of what is built on this package, exported as `@slytherin/protocol/testing`. */
export { DealtEpoch, type DealtEpochOptions, type DealtMeans } from './dealt-epoch.js'
export { FakeCryptography, type Gate, logitsOf, TINY_ARCHITECTURE } from './fake-cryptography.js'
export { fixedSecrets } from './fixed-secrets.js'
export { type Fault, type MemoryMessage, MemoryNetwork } from './memory-network.js'
