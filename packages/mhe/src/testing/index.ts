/** For tests of what is built on this package, exported as `@slytherin/mhe/testing`; runs under vitest. */
export { shareLedgerCompliance } from './share-ledger-compliance.js'
