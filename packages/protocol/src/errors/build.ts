/** A typed error from its code, as it comes from a peer or stands for an error of another package. */
import { type ErrorCode, entryOf, isErrorCode, type SimpleCode } from './codes.js'
import * as errors from './errors.js'

type ErrorClass = { readonly code: ErrorCode } & (new (details: errors.ErrorDetails, options?: ErrorOptions) => errors.ProtocolError)

const CLASSES: ReadonlyMap<ErrorCode, ErrorClass> = new Map(
  Object.values(errors as Record<string, unknown>)
    .filter(isErrorClass)
    .map(type => [type.code, type])
)

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === 'function' && 'code' in value
}

/** The error of a code, with `unknown` for a detail that it never lacks. A remote failure takes more than details: `errorFromCode` builds it. */
export function build(code: SimpleCode, details: errors.ErrorDetails, options?: ErrorOptions): errors.ProtocolError {
  const complete = { ...details }
  for (const key of entryOf(code).required ?? []) complete[key] ??= 'unknown'
  return new (CLASSES.get(code)!)(complete, options)
}

/** A typed error from its code and fields; a code this version does not know becomes an InternalError that names it. */
export function errorFromCode(code: string, details: errors.ErrorDetails): errors.ProtocolError {
  if (!isErrorCode(code)) {
    return build('internal', { ...details, reason: details.reason === undefined ? `failure code ${code}` : `${code}: ${details.reason}` })
  }
  if (code !== 'remote-failure') return build(code, details)
  const { peer = 'unknown', reason = 'unknown' } = details
  return new errors.RemoteFailureError(peer, build('internal', { reason }), details)
}
