/** A party of a slytherin cohort as a process: configuration, identity, storage, network, cryptography worker, command line. */
export * from './framing/errors.js'
export { FrameStream } from './framing/frame-stream.js'
export { StreamDuplex } from './framing/stream-duplex.js'
export { decodeFrames, encodeFrames } from './framing/transforms.js'
export * from './network/errors.js'
export { type FailureCodec, Libp2pTransport, type NetworkNotice, type TransportOptions, type TransportPeer } from './network/transport.js'
