/** Sessions between parties: descriptor, ceremony, model upload, queries, refreshes, results; over any transport. */

export * from './cryptography/party-cryptography.js'
export { RejectedShareError } from './cryptography/rejected-share.js'
export * from './errors/errors.js'
export { translateError } from './errors/translate.js'
export type { KeyHolderSecrets } from './local/key-holder.js'
export { type EvaluatorName, LocalCryptography, type LocalCryptographyOptions } from './local/local-cryptography.js'
export type { ModelSource } from './local/model-owner.js'
export { SessionStateError } from './local/open-session.js'
export { MemoryPartStore, MissingPartError, type PartStore } from './local/part-store.js'
export { Coordinator } from './parties/coordinator.js'
export { Member } from './parties/member.js'
export * from './parties/options.js'
export { decodeDescriptor, encodeDescriptor, MINIMUM_FLOODING_BITS, type SessionDescriptor } from './terms/descriptor.js'
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
} from './terms/plan.js'
export * from './terms/roster.js'
export * from './terms/signer.js'
export { type Fault, type MemoryMessage, MemoryNetwork } from './testing/memory-network.js'
export { type Addressing, decodeBody, encodeMessage, type Header, PROTOCOL_VERSION, readHeader } from './wire/codec.js'
export { decodeFailure, encodeFailure, errorFromCode, remoteFailure } from './wire/failure.js'
export type { Bodies, Kind, ReplyOf, RequestKind } from './wire/kinds.js'
export { MAXIMUM_FAILURE_BYTES, type MessageSizes, messageSizes } from './wire/sizes.js'
export { signTranscript, type TranscriptEntry, type TranscriptExport, verifyTranscript } from './wire/transcript.js'
export * from './wire/transport.js'
