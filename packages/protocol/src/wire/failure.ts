/** Errors as bytes: what a transport sends back when a request handler throws, and how the asker rebuilds it. */
import {
  DETAIL_KEYS,
  DeadlineExceededError,
  DescriptorRejectedError,
  type ErrorCode,
  type ErrorDetails,
  InternalError,
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  OversizedMessageError,
  PartyMissingError,
  PeerUnreachableError,
  type ProtocolError,
  QuotaExceededError,
  RemoteFailureError,
  ReplayedMessageError,
  ResidueRangeError,
  SessionAbortedError,
  ShareConflictError,
  SignatureError,
  UnknownMemberError,
  WrongSessionError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import { Failure } from '../generated/messages.js'
import { MAXIMUM_FAILURE_BYTES } from './sizes.js'

/** Longest text of one field on the wire, in characters. */
const MAXIMUM_DETAIL = 600

const known = (text: string | undefined): string => text ?? 'unknown'

const BUILDERS: { readonly [C in Exclude<ErrorCode, 'remote-failure'>]: (details: ErrorDetails) => ProtocolError } = {
  'malformed-message': details => new MalformedMessageError(details),
  'oversized-message': details => new OversizedMessageError(details),
  'replayed-message': details => new ReplayedMessageError(details),
  'out-of-order-message': details => new OutOfOrderMessageError(details),
  'wrong-session': details => new WrongSessionError(details),
  'unknown-member': details => new UnknownMemberError(details),
  'not-permitted': details => new NotPermittedError(details),
  'share-conflict': details => new ShareConflictError(details),
  'residue-range': details => new ResidueRangeError(details),
  'quota-exceeded': details => new QuotaExceededError(details),
  'party-missing': details => new PartyMissingError({ ...details, peer: known(details.peer), phase: known(details.phase) }),
  'peer-unreachable': details => new PeerUnreachableError({ ...details, peer: known(details.peer) }),
  'deadline-exceeded': details => new DeadlineExceededError(details),
  'descriptor-rejected': details => new DescriptorRejectedError({ ...details, field: known(details.field), remedy: known(details.remedy) }),
  signature: details => new SignatureError(details),
  'session-aborted': details => new SessionAbortedError({ ...details, culprit: known(details.culprit), reason: known(details.reason) }),
  internal: details => new InternalError(details)
}

function isBuildable(code: string): code is keyof typeof BUILDERS {
  return Object.hasOwn(BUILDERS, code)
}

/** A typed error from its code and fields; a code this version does not know becomes an InternalError that names it. */
export function errorFromCode(code: string, details: ErrorDetails): ProtocolError {
  if (isBuildable(code)) return BUILDERS[code](details)
  if (code === 'remote-failure')
    return new RemoteFailureError(known(details.peer), new InternalError({ reason: known(details.reason) }), details)
  return new InternalError({ ...details, reason: details.reason === undefined ? `failure code ${code}` : `${code}: ${details.reason}` })
}

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
    for (const key of DETAIL_KEYS) if (failure[key] !== '') details[key] = failure[key].slice(0, MAXIMUM_DETAIL).replace(/\p{Cc}/gu, ' ')
    return errorFromCode(failure.code, details)
  } catch (error) {
    return new MalformedMessageError({ peer, kind: 'failure', field: 'body' }, { cause: error })
  }
}

/** What `Transport.request` rejects with when `peer` answered with these Failure bytes. */
export function remoteFailure(bytes: Uint8Array, peer: string): RemoteFailureError {
  return new RemoteFailureError(peer, decodeFailure(bytes, peer))
}
