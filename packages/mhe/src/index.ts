/**
 * `@slytherin/mhe`: the multiparty layer of CKKS, local steps only. One module per protocol, each with the same verbs:
 * `referencePolynomial → share → aggregate → finalize`.
 */
export { SecretKey as SecretShare } from '@slytherin/ckks'
export { ShareAggregation } from './aggregation.js'
export {
  DecryptionQuotaError,
  DuplicateShareError,
  FloodingHeadroomError,
  InvalidShareRequestError,
  MalformedShareError,
  MissingShareError,
  MultipartyError,
  RefreshLevelError,
  ShareAlreadyGivenError,
  ShareMismatchError,
  StatisticalSecurityError,
  UnknownPartyError
} from './errors.js'
export {
  checkFlooding,
  checkHeadroom,
  type FloodedCiphertext,
  type FloodingContext,
  floodingNoise,
  MINIMUM_STATISTICAL_BITS,
  minimumNoise,
  noiseAfterFlooding,
  precisionLeft,
  roundToPrecision,
  slotPrecision
} from './flooding.js'
export { GaloisKeyGeneration, type GaloisShare } from './galois-key.js'
export { InMemoryShareLedger, type ShareLedger, type ShareLedgerEntry } from './ledger.js'
export { PublicKeyGeneration } from './public-key.js'
export { PublicKeySwitch, type SwitchRequest, type SwitchShare } from './public-key-switch.js'
export { referenceSeed, SESSION_ID_BYTES } from './reference.js'
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
  decodeComponent,
  encodeComponent,
  type RefreshShareRequest,
  SHARE_KEY_BYTES,
  ShareGiver,
  type ShareGiverInit,
  type SwitchShareRequest
} from './share-giver.js'
