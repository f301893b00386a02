/**
 * `@slytherin/mhe`: the multiparty layer of CKKS, local steps only. One module per protocol, each with the same verbs:
 * `referencePolynomial → share → aggregate → finalize`.
 *
 * @module
 */
export { ShareAggregation } from './aggregation.js'
export {
  DecryptionQuotaError,
  DuplicateShareError,
  FloodingHeadroomError,
  FloodingSecurityError,
  InvalidShareRequestError,
  MalformedShareError,
  MissingShareError,
  RefreshLevelError,
  RefreshQuotaError,
  ShareAlreadyGivenError,
  ShareMismatchError,
  SoleKeyShareError,
  UnknownPartyError
} from './errors.js'
export {
  checkHeadroom,
  type FloodedCiphertext,
  type FloodingContext,
  floodingNoise,
  minimumNoise,
  noiseAfterFlooding,
  precisionLeft,
  roundToPrecision,
  slotPrecision
} from './flooding.js'
export { GaloisKeyGeneration, type GaloisShare } from './galois-key.js'
export { InMemoryShareLedger, type ShareLedger, type ShareLedgerEntry } from './ledger.js'
export { EncryptionProofs, type ProofCheck, type ProofRequest, type ProvableWitness } from './proofs/encryption-proofs.js'
export { InvalidProofRequestError, MalformedProofError, ProofAttemptsError, UnprovenEncryptionError } from './proofs/errors.js'
export { LARGEST_PROOF_BATCH, type ProofSize, proofSize, provedErrorBits, type ResponseSize } from './proofs/proof-size.js'
export type { ProofStatement } from './proofs/transcript.js'
export { decodeUndivided, encodeUndivided, undividedLength } from './proofs/undivided.js'
export { ProvableSwitch, type ProvableSwitchRequest, type ProvableSwitchShare } from './provable-switch.js'
export { type CoinPlace, PublicCoins } from './public-coins.js'
export { PublicKeyGeneration } from './public-key.js'
export { PublicKeySwitch, type SwitchRequest, type SwitchShare } from './public-key-switch.js'
export { Refresh, type RefreshRequest, type RefreshShare } from './refresh.js'
export {
  type AutomorphismTerm,
  foldTransform,
  IDENTITY_TRANSFORM,
  type RefreshTransform,
  splitTransform,
  transformName
} from './refresh-transform.js'
export { RelinearizationKeyGeneration, type RelinearizationShareOne, type RelinearizationShareTwo } from './relinearization-key.js'
export { rerandomize } from './rerandomization.js'
export {
  SHARE_HEADER_BYTES,
  ShareFormat,
  type ShareIdentity,
  type ShareKind,
  type ShareLayout,
  type ShareProtocol
} from './share-format.js'
export {
  encodeComponent,
  type ProvableShare,
  type ProvableShareRequest,
  type RefreshShareRequest,
  ShareGiver,
  type ShareGiverInit,
  type SwitchShareRequest
} from './share-giver.js'
export { type AccessStructure, firstHolders } from './threshold/access-structure.js'
export { ActiveSet } from './threshold/active-set.js'
export { Attempt, type AttemptInit } from './threshold/attempt.js'
export { type Complaint, type Evidence, judge, type Verdict } from './threshold/complaint.js'
export { Fingerprints } from './threshold/consistency.js'
export { Dealer, type Dealing } from './threshold/dealer.js'
export { type DealtShare, envelopeLength } from './threshold/dealing-format.js'
export { envelopePublicKey } from './threshold/envelope.js'
export {
  CiphertextAlreadyAnsweredError,
  EnvelopeMismatchError,
  IncompleteRoundError,
  InconsistentShareError,
  InvalidSharingError,
  MalformedDealingError,
  NotActiveError,
  NotZeroError,
  SecondCoinError,
  SharingMismatchError,
  SpareMasksUsedError,
  TooManyOpeningsError,
  TooManyWrongSharesError,
  UnreadableEnvelopeError
} from './threshold/errors.js'
export { type AcceptedDealing, checkAnswer, checkShare, completeRound, receiveShare } from './threshold/receiver.js'
export { CONSISTENCY_BITS } from './threshold/residues.js'
export { type DealingKind, DealingRound, type RoundInit } from './threshold/round.js'
export { ShamirShare, type Sharing } from './threshold/shamir-share.js'
export { ThresholdShareGiver, type ThresholdShareGiverInit } from './threshold/threshold-share-giver.js'
export { findWrongDealers, vouch } from './threshold/vouching.js'
export {
  type RefreshWholeRequest,
  type SwitchWholeRequest,
  WholeKeyHolder,
  type WholeKeyHolderInit
} from './whole-key/holder.js'
export { type MaskedComponent, type MaskedRefreshRequest, type Reencryption, WholeKeyRefresh } from './whole-key/refresh.js'
export { floodResult, WholeKeySwitch } from './whole-key/result.js'
