/** What is thrown while a request is answered, as the problem that its sender is told. */
import { type BackendCode, BackendError } from '../backend.js'
import { Problem, type ProblemKind } from './problem.js'

const KIND_OF_CODE: Record<BackendCode, ProblemKind> = {
  'party-absent': 'not-ready',
  'evaluator-absent': 'not-ready',
  'no-answer': 'no-answer',
  'quota-spent': 'quota-spent',
  'grant-refused': 'not-granted',
  'queue-full': 'busy',
  refused: 'query-failed',
  failed: 'query-failed'
}

/** Seconds after which a service that cannot answer may be asked again. */
const RETRY_AFTER: Partial<Record<BackendCode, number>> = { 'party-absent': 5, 'evaluator-absent': 5, 'queue-full': 10 }

export function problemOf(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  if (thrown instanceof BackendError) {
    const { code, message } = thrown
    const retryAfter = RETRY_AFTER[code]
    return new Problem(KIND_OF_CODE[code], message, retryAfter === undefined ? {} : { retryAfter }, { cause: thrown })
  }
  const { code, statusCode } = thrown as { readonly code?: string; readonly statusCode?: number }
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new Problem('too-large', 'the body is larger than this gateway takes')
  // What the HTTP layer refuses may quote the request.
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Problem('malformed-request', 'expected an HTTP request that can be read')
  return new Problem('internal-error', 'see the log of the gateway', {}, { cause: thrown })
}
