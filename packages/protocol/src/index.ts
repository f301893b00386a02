/** Sessions between parties: descriptor, ceremony, model upload, queries, refreshes, results; over any transport. */
export { type Addressing, decodeBody, encodeMessage, type Header, PROTOCOL_VERSION, readHeader } from './codec.js'
export { Coordinator } from './coordinator.js'
export * from './cryptography/index.js'
export * from './cryptography.js'
export { decodeDescriptor, encodeDescriptor, MINIMUM_FLOODING_BITS, type SessionDescriptor } from './descriptor.js'
export * from './errors.js'
export { decodeFailure, encodeFailure, errorFromCode, remoteFailure } from './failure.js'
export type { Bodies, Kind, ReplyOf, RequestKind } from './kinds.js'
export { Member } from './member.js'
export { type Fault, type MemoryMessage, MemoryNetwork } from './memory-network.js'
export * from './options.js'
export {
  type Architecture,
  checkParameters,
  galoisElements,
  inputCount,
  outputCount,
  type Plan,
  type PlanParameters,
  parsePlan,
  type StepReport
} from './plan.js'
export * from './roster.js'
export * from './signer.js'
export { MAXIMUM_FAILURE_BYTES, type MessageSizes, messageSizes } from './sizes.js'
export { signTranscript, type TranscriptEntry, type TranscriptExport, verifyTranscript } from './transcript.js'
export { translateError } from './translate.js'
export * from './transport.js'
