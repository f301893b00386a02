/**
 * What of a party runs in a browser as it runs in Node: framing, hello, streams and deadlines of the transport, over a host that is given, and signatures. The same
 * checks of what comes from others, in the same code.
 */

export type { NetworkNotice, TransportHost } from './network/carrier.js'
export { protocolFailures } from './network/failures.js'
export { guardedYamux } from './network/guarded-yamux.js'
export { PeerTransport } from './network/peer-transport.js'
export { DEFAULT_LIMITS } from './network/settings.js'
export { signerOf, verifySignature } from './signing.js'
