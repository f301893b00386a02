/** For tests of what is built on this package, exported as `@slytherin/mhe/testing`; runs under vitest. */

export { errorPositions } from '../threshold/vouching.js'
export { shareLedgerCompliance } from './share-ledger-compliance.js'
