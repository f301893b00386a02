/** For tests of what is built on this package, exported as `@slytherin/mhe/testing`; runs under vitest. */

/** The parts of a dealing, to put together what no honest dealer sends. */
export { readAnswer, writeAnswer } from '../threshold/consistency.js'
export { writeAnnouncement, writeDealtShare } from '../threshold/dealing-format.js'
export { sealEnvelope } from '../threshold/envelope.js'
export { fingerprintCount } from '../threshold/residues.js'
export { errorPositions } from '../threshold/vouching.js'
export { shareLedgerCompliance } from './share-ledger-compliance.js'
