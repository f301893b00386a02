/**
 * Sessions between parties: descriptor, ceremony, model upload, queries, refreshes, results; over any transport.
 *
 * @module
 */

export { type AuditOptions, type AuditReport, audit, clean } from './audit/audit.js'
export { type Culprit, type CulpritParts, culpritParts, culpritSchema, verifyCulprit } from './audit/culprit.js'
export { type SessionFacts, subjectOf, type VerifySignature } from './audit/facts.js'
export { type Accusation, AUDIT_STEPS, type AuditStep, type Finding, OFFENCES, type Offence, sameAccusation } from './audit/findings.js'
export { Gathering } from './audit/gathering.js'
export { recording } from './audit/recording.js'
export { chained, type EvidenceRecord, recordSchema } from './audit/records.js'
export type { ReplayCryptography, ReplayProgress } from './audit/replay.js'
export { type EvidenceSink, type EvidenceSource, type EvidenceStore, hashOf, MemoryEvidence, MemoryEvidenceStore } from './audit/source.js'
export { canonicalJson } from './base/canonical.js'
export type { Planner, PlanningContext, SessionLimits } from './cohort/planning.js'
export * from './cryptography/data-owner.js'
export * from './cryptography/evaluator.js'
export * from './cryptography/key-holder.js'
export * from './cryptography/model-owner.js'
export * from './cryptography/party-cryptography.js'
export * from './cryptography/proofs.js'
export * from './cryptography/querier.js'
export { RejectedShareError } from './cryptography/rejected-share.js'
export * from './cryptography/session.js'
export { errorFromCode } from './errors/build.js'
export { CODES, type ErrorCode } from './errors/codes.js'
export * from './errors/errors.js'
export { plainText } from './errors/plain.js'
export { translateError } from './errors/translate.js'
export { UnforeseenRequestError } from './errors/unforeseen-request.js'
export { LocalCryptography, type LocalCryptographyOptions } from './local/local-cryptography.js'
export { ModelOwner, type ModelSource } from './local/model-owner.js'
export { SessionStateError } from './local/open-session.js'
export { MemoryPartStore, MissingPartError, type PartStore } from './local/part-store.js'
export { MemorySessionSecrets, SESSION_SECRET_BYTES, type SessionSecretStore, type SessionSecrets } from './local/session-secrets.js'
export { Coordinator } from './parties/coordinator.js'
export { Member } from './parties/member.js'
export type { CoordinatorOptions, MemberOptions, PartyOptions } from './parties/options.js'
export type { QueryOptions, SampleSource } from './queries/samples.js'
export type { Evidence } from './session/evidence.js'
export { MAXIMUM_PADDING_BYTES, measureLine } from './session/line.js'
export type { SessionSummary } from './session/summary.js'
export { decodeDescriptor, encodeDescriptor, MINIMUM_FLOODING_BITS, type SessionDescriptor } from './terms/descriptor.js'
export { type DecryptionsEvent, PHASES, type Phase, type PhaseFigures, type ProgressEvent, type WaitingEvent } from './terms/phases.js'
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
export type { AcceptancePolicy, AssistancePolicy, ProofReliance } from './terms/policy.js'
export { inputBatches, modelBatches, PROOF_BATCH, type ProofBatch, type ProofTerms } from './terms/proof-batches.js'
export * from './terms/roster.js'
export * from './terms/signer.js'
export * from './terms/statements.js'
export { type Addressing, decodeBody, encodeMessage, type Header, PROTOCOL_VERSION, readHeader } from './wire/codec.js'
export { DEFAULT_DEADLINES, type Deadlines } from './wire/deadlines.js'
export { decodeFailure, encodeFailure, remoteFailure } from './wire/failure.js'
export type { Bodies, Kind, ReplyOf, RequestKind } from './wire/kinds.js'
export { MAXIMUM_FAILURE_BYTES, type MessageSizes, messageSizes } from './wire/sizes.js'
export { signTranscript, type TranscriptEntry, type TranscriptExport, verifyTranscript } from './wire/transcript.js'
export * from './wire/transport.js'
