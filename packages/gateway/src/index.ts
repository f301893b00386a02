/**
 * `@slytherin/gateway`: the Open Inference Protocol (KServe v2) over HTTP in front of whatever answers (backend.ts); a querier's party in `slytherin serve`.
 * It knows no cryptography, and imports no other package of slytherin.
 *
 * @module
 */
export { BindingRefusedError, isLoopback } from './access/binding.js'
export { type TokenEntry, TokenFile } from './access/tokens.js'
export {
  type Asked,
  type Backend,
  type BackendCode,
  BackendError,
  type Catalogue,
  type ModelGrant,
  type Prediction,
  type SampleAnswer,
  type ServedModel
} from './backend.js'
export { DEFAULT_BATCH_DELAY, DEFAULT_BODY_LIMIT, DEFAULT_TIMEOUT } from './constants.js'
export { type AnsweredRequest, Gateway, type GatewayOptions, type TlsFiles } from './gateway.js'
