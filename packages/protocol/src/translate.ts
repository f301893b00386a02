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
  ProtocolError,
  QuotaExceededError,
  ResidueRangeError,
  ShareConflictError,
  UnknownMemberError
} from './errors.js'

type Builder = (details: ErrorDetails, options: ErrorOptions) => ProtocolError

const malformed: Builder = (details, options) => new MalformedMessageError(details, options)
const conflict: Builder = (details, options) => new ShareConflictError(details, options)

const BY_NAME: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ['ResidueRangeError', (details, options) => new ResidueRangeError(details, options)],
  ['LengthMismatchError', malformed],
  ['BasisMismatchError', malformed],
  ['LevelMismatchError', malformed],
  ['ScaleMismatchError', malformed],
  ['MalformedCiphertextError', malformed],
  ['MalformedShareError', malformed],
  ['MalformedKeyError', malformed],
  ['ShareMismatchError', malformed],
  ['ShareAlreadyGivenError', conflict],
  ['DuplicateShareError', conflict],
  ['InvalidShareRequestError', malformed],
  ['RefreshLevelError', malformed],
  ['FloodingHeadroomError', malformed],
  ['UnknownPartyError', (details, options) => new UnknownMemberError(details, options)],
  ['DecryptionQuotaError', (details, options) => new QuotaExceededError(details, options)]
])

/** The error itself when it is of this package, otherwise the one of the same meaning, with `details` added. */
export function translateError(error: unknown, details: ErrorDetails): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (!(error instanceof Error)) return new InternalError({ ...details, reason: typeof error }, { cause: error })
  const builder = BY_NAME.get(error.name)
  if (builder === undefined) return new InternalError({ ...details, reason: error.name }, { cause: error })
  const field = 'field' in error && typeof error.field === 'string' ? { field: error.field } : {}
  return builder({ ...details, ...field, reason: error.message }, { cause: error })
}
