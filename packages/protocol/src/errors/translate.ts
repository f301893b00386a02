/**
 * Errors of the packages below, as errors of this one.
 *
 * Cryptography may run in a worker, where only an error's name and text survive the way back; so the name decides (codes.ts). Their texts hold sizes, levels and
 * indices, never secrets, and are passed on; of an error that is not known only the name is.
 */
import { build } from './build.js'
import { CODE_OF_NAME } from './codes.js'
import { type ErrorDetails, InternalError, ProtocolError } from './errors.js'

/** Fields of the same name that other packages' errors carry, or the cause within them. */
const SHARED_FIELDS = ['field', 'expected', 'actual'] as const

/** The error itself when it is of this package, otherwise the one of the same meaning, with `details` added. */
export function translateError(error: unknown, details: ErrorDetails): ProtocolError {
  if (error instanceof ProtocolError) return error
  if (!(error instanceof Error)) return new InternalError({ ...details, reason: typeof error }, { cause: error })
  const code = CODE_OF_NAME.get(error.name)
  if (code === undefined) return new InternalError({ ...details, reason: error.name }, { cause: error })
  const fields: ErrorDetails = {}
  for (const key of SHARED_FIELDS) {
    const value = fieldOf(error, key) ?? fieldOf(error.cause, key)
    if (typeof value === 'string' || typeof value === 'number') fields[key] = String(value)
  }
  return build(code, { ...details, ...fields, reason: error.message }, { cause: error })
}

function fieldOf(error: unknown, key: (typeof SHARED_FIELDS)[number]): unknown {
  return error instanceof Error ? (error as Error & Partial<Record<typeof key, unknown>>)[key] : undefined
}
