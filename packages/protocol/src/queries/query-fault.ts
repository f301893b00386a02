/** What becomes of a query's failure: which message it is about, and how those who asked are told. */
import { errorFromCode } from '../errors/build.js'
import { DETAIL_KEYS, type ErrorDetails, type ProtocolError, RemoteFailureError } from '../errors/errors.js'

/** Shares come in answer to `refresh` and `switch`, and errors about them say of which. */
export function messageOf(error: unknown): string {
  const protocol: unknown = error instanceof Error && 'party' in error && 'protocol' in error ? error.protocol : undefined
  return typeof protocol === 'string' ? protocol : 'queryEvaluate'
}

/** What a key holder refused, for those who asked the query: its own error, typed as it is, with who refused. */
export function asTold(error: ProtocolError): ProtocolError {
  if (!(error instanceof RemoteFailureError)) return error
  const { remote } = error
  const details: ErrorDetails = {}
  for (const key of DETAIL_KEYS) if (remote[key] !== undefined) details[key] = remote[key]
  return errorFromCode(remote.code, {
    ...details,
    reason: `refused by ${error.peer}${remote.reason === undefined ? '' : `: ${remote.reason}`}`
  })
}
