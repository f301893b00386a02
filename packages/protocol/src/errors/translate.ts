/**
 * Errors of the packages below, as errors of this one.
 *
 * Cryptography may run in a worker, where only an error's name and text survive the way back; so the name decides. Their texts hold sizes, levels and
 * indices, never secrets, and are passed on; of an error that is not known only the name is.
 */
import {
  type ErrorDetails,
  InternalError,
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  ProtocolError,
  QuotaExceededError,
  ResidueRangeError,
  ShareConflictError,
  UnknownMemberError
} from './errors.js'

type Builder = (details: ErrorDetails, options: ErrorOptions) => ProtocolError

const malformed: Builder = (details, options) => new MalformedMessageError(details, options)
const conflict: Builder = (details, options) => new ShareConflictError(details, options)

const outOfOrder: Builder = (details, options) => new OutOfOrderMessageError(details, options)

const BY_NAME: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ['ResidueRangeError', (details, options) => new ResidueRangeError(details, options)],
  // ring and ckks
  ['LengthMismatchError', malformed],
  ['BasisMismatchError', malformed],
  ['DegreeMismatchError', malformed],
  ['LevelMismatchError', malformed],
  ['ScaleMismatchError', malformed],
  ['InvalidLevelError', malformed],
  ['InvalidScaleError', malformed],
  ['MalformedBytesError', malformed],
  ['MalformedCiphertextError', malformed],
  ['MalformedPublicKeyError', malformed],
  ['MalformedKeySwitchKeyError', malformed],
  // multiparty
  ['MalformedShareError', malformed],
  ['ShareMismatchError', malformed],
  ['InvalidShareRequestError', malformed],
  ['RefreshLevelError', malformed],
  ['FloodingHeadroomError', malformed],
  ['ShareAlreadyGivenError', conflict],
  ['DuplicateShareError', conflict],
  ['MissingShareError', outOfOrder],
  ['UnknownPartyError', (details, options) => new UnknownMemberError(details, options)],
  ['DecryptionQuotaError', (details, options) => new QuotaExceededError(details, options)],
  ['StatisticalSecurityError', (details, options) => new NotPermittedError(details, options)],
  // engine, and this package's cryptography
  ['InvalidPlanError', malformed],
  ['PlanMismatchError', malformed],
  ['RejectedShareError', malformed],
  ['SessionStateError', outOfOrder],
  ['MissingPartError', outOfOrder]
])

/** Fields of the same name that other packages' errors carry, or the cause within them. */
const SHARED_FIELDS = ['field', 'expected', 'actual'] as const

/** The error itself when it is of this package, otherwise the one of the same meaning, with `details` added. */
export function translateError(error: unknown, details: ErrorDetails): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (!(error instanceof Error)) return new InternalError({ ...details, reason: typeof error }, { cause: error })
  const builder = BY_NAME.get(error.name)
  if (builder === undefined) return new InternalError({ ...details, reason: error.name }, { cause: error })
  const fields: ErrorDetails = {}
  for (const key of SHARED_FIELDS) {
    const value = fieldOf(error, key) ?? fieldOf(error.cause, key)
    if (typeof value === 'string' || typeof value === 'number') fields[key] = String(value)
  }
  return builder({ ...details, ...fields, reason: error.message }, { cause: error })
}

function fieldOf(error: unknown, key: (typeof SHARED_FIELDS)[number]): unknown {
  return error instanceof Error ? (error as Error & Partial<Record<typeof key, unknown>>)[key] : undefined
}
