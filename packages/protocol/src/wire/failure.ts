/** Errors as bytes: what a transport sends back when a request handler throws, and how the asker rebuilds it. */
import { errorFromCode } from '../errors/build.js'
import {
  DETAIL_KEYS,
  type ErrorDetails,
  MalformedMessageError,
  OversizedMessageError,
  type ProtocolError,
  RemoteFailureError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { Failure } from '../generated/failure.js'
import { MAXIMUM_FAILURE_BYTES } from './sizes.js'

/** Longest text of one field on the wire, in characters. */
const MAXIMUM_DETAIL = 600

/** Failure bytes of anything thrown. Errors of other packages are renamed first; what is unknown shows only its name. */
export function encodeFailure(error: unknown): Uint8Array {
  const failure = translateError(error, {})
  const fields: Partial<Failure> = { code: failure.code }
  for (const key of DETAIL_KEYS) {
    const value = failure[key]
    if (value !== undefined) fields[key] = value.slice(0, MAXIMUM_DETAIL)
  }
  return Failure.encode(fields)
}

/** The typed error of a Failure. Never throws: bytes that are no Failure give a MalformedMessageError. */
export function decodeFailure(bytes: Uint8Array, peer: string): ProtocolError {
  if (bytes.length > MAXIMUM_FAILURE_BYTES) {
    return new OversizedMessageError({
      peer,
      kind: 'failure',
      expected: `at most ${MAXIMUM_FAILURE_BYTES} bytes`,
      actual: `${bytes.length} bytes`
    })
  }
  try {
    const failure = Failure.decode(bytes)
    if (failure.code === '')
      return new MalformedMessageError({ peer, kind: 'failure', field: 'code', expected: 'a failure code', actual: 'none' })
    const details: ErrorDetails = {}
    for (const key of DETAIL_KEYS) if (failure[key] !== '') details[key] = failure[key].slice(0, MAXIMUM_DETAIL)
    return errorFromCode(failure.code, details)
  } catch (error) {
    return new MalformedMessageError({ peer, kind: 'failure', field: 'body' }, { cause: error })
  }
}

/** What `Transport.request` rejects with when `peer` answered with these Failure bytes. */
export function remoteFailure(bytes: Uint8Array, peer: string): RemoteFailureError {
  return new RemoteFailureError(peer, decodeFailure(bytes, peer))
}
