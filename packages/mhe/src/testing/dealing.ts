/** The parts of a dealing, to read one by one and to put together what no honest dealer sends; exported as `@slytherin/mhe/testing/dealing`. */
export { readAnswer, writeAnswer } from '../threshold/consistency.js'
export { readDealtShare, writeAnnouncement, writeDealtShare } from '../threshold/dealing-format.js'
export { openEnvelope, sealEnvelope } from '../threshold/envelope.js'
export { fingerprintCount } from '../threshold/residues.js'
