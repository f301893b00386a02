/**
 * Everything that can go wrong between parties, one class per cause.
 *
 * An error says which peer is at fault, in which message and field, what was expected and what came, and (where there is one) the remedy. The same fields
 * travel back to the sender as a `Failure` message (see wire/failure.ts), so both ends read the same sentence. No error ever carries key material.
 */
import { type ErrorCode, entryOf } from './codes.js'
import { plainText } from './plain.js'

/** What an error says beside its code. All texts are bounded and freed of control characters: much of it comes from other parties. */
export interface ErrorDetails {
  /** Peer at fault, as the transport names it. */
  peer?: string
  /** Message kind in which the fault was found, e.g. `refresh`. */
  kind?: string
  /** Field of that message, e.g. `c1[2]`. */
  field?: string
  /** What should have come, in words or as a number with its unit. */
  expected?: string
  /** What came. */
  actual?: string
  /** Phase of the session, e.g. `galois-keys`. */
  phase?: string
  /** What to do about it. */
  remedy?: string
  /** Peer that caused a session to end. */
  culprit?: string
  /** Why, where the fault is not in one field: another party's words, or a cause below. */
  reason?: string
}

function sentence(summary: string, details: ErrorDetails): string {
  const where: string[] = []
  if (details.peer !== undefined) where.push(`peer ${details.peer}`)
  if (details.kind !== undefined) where.push(`message ${details.kind}`)
  if (details.field !== undefined) where.push(`field ${details.field}`)
  if (details.phase !== undefined) where.push(`phase ${details.phase}`)
  if (details.culprit !== undefined) where.push(`caused by ${details.culprit}`)
  let text = summary
  if (where.length > 0) text += ` (${where.join(', ')})`
  if (details.expected !== undefined) text += `; expected ${details.expected}`
  if (details.actual !== undefined) text += `${details.expected === undefined ? '; got' : ', got'} ${details.actual}`
  if (details.reason !== undefined) text += `: ${details.reason}`
  if (details.remedy !== undefined) text += `. ${details.remedy}`
  return text
}

/** Base of every error this package throws; a class names its code (codes.ts), which those that specialise it share. */
export abstract class ProtocolError extends Error implements ErrorDetails {
  /** As it travels; `errorFromCode` makes the error again at the other end. */
  readonly code: ErrorCode
  declare readonly peer?: string
  declare readonly kind?: string
  declare readonly field?: string
  declare readonly expected?: string
  declare readonly actual?: string
  declare readonly phase?: string
  declare readonly remedy?: string
  declare readonly culprit?: string
  declare readonly reason?: string

  constructor(given: ErrorDetails, options?: ErrorOptions) {
    const { code } = new.target as unknown as { readonly code: ErrorCode }
    // Much of it comes from others.
    const details: ErrorDetails = {}
    for (const key of DETAIL_KEYS) if (given[key] !== undefined) details[key] = plainText(given[key])
    super(sentence(entryOf(code).summary, details), options)
    this.code = code
    this.name = new.target.name
    for (const key of DETAIL_KEYS) {
      const value = details[key]
      if (value !== undefined) Object.defineProperty(this, key, { value, enumerable: true })
    }
  }
}

/** The names of all details, in the order in which they are written. */
export const DETAIL_KEYS = [
  'peer',
  'kind',
  'field',
  'expected',
  'actual',
  'phase',
  'remedy',
  'culprit',
  'reason'
] as const satisfies readonly (keyof ErrorDetails)[]

/** Bytes that are not a message of this protocol: bad framing, unknown kind, missing or ill-typed field, wrong length. */
export class MalformedMessageError extends ProtocolError {
  static readonly code = 'malformed-message'
}

/** A message, field or count above the bound that follows from the plan and the parameters. */
export class OversizedMessageError extends ProtocolError {
  static readonly code = 'oversized-message'
}

/** A sequence number (or a descriptor) that was already used. */
export class ReplayedMessageError extends ProtocolError {
  static readonly code = 'replayed-message'
}

/** A message that the session's state does not expect now, or a sequence number below one already seen. */
export class OutOfOrderMessageError extends ProtocolError {
  static readonly code = 'out-of-order-message'
}

/** A message of another session, or of no session where one is needed. */
export class WrongSessionError extends ProtocolError {
  static readonly code = 'wrong-session'
}

/** The sender, or a peer named in a message, is not in the roster. */
export class UnknownMemberError extends ProtocolError {
  static readonly code = 'unknown-member'
}

/** The sender's (or the receiver's) roles do not include what the message needs. */
export class NotPermittedError extends ProtocolError {
  static readonly code = 'not-permitted'
}

/** A second, different share (or input) for an instance that already has one. */
export class ShareConflictError extends ProtocolError {
  static readonly code = 'share-conflict'
}

/** A residue at or above its prime. */
export class InvalidResidueError extends ProtocolError {
  static readonly code = 'residue-range'
}

/** A querier asked for more than the signed descriptor grants. */
export class QuotaExceededError extends ProtocolError {
  static readonly code = 'quota-exceeded'
}

/** A party that the session needs is gone: connection lost, or silent beyond the deadline. `peer` is who, `phase` is when. */
export class PartyMissingError extends ProtocolError {
  static readonly code = 'party-missing'
  constructor(details: ErrorDetails & { peer: string; phase: string }, options?: ErrorOptions) {
    super(details, options)
  }
}

/** The transport has no connection to this peer. */
export class PeerUnreachableError extends ProtocolError {
  static readonly code = 'peer-unreachable'
  constructor(details: ErrorDetails & { peer: string }, options?: ErrorOptions) {
    super(details, options)
  }
}

/** No answer in time. */
export class DeadlineExceededError extends ProtocolError {
  static readonly code = 'deadline-exceeded'
}

/** A party does not accept the proposed session: `field` of the descriptor, and the `remedy`. */
export class DescriptorRejectedError extends ProtocolError {
  static readonly code = 'descriptor-rejected'
  constructor(details: ErrorDetails & { field: string; remedy: string }, options?: ErrorOptions) {
    super(details, options)
  }
}

/** A signature or a commitment that does not verify. */
export class SignatureError extends ProtocolError {
  static readonly code = 'signature'
}

/** A proof that ciphertexts are encryptions does not hold: `culprit` is who encrypted; none of them is used. */
export class ProofRejectedError extends ProtocolError {
  static readonly code = 'proof-rejected'
}

/** Something was asked for what its sender has not been seen to prove. */
export class ProofMissingError extends ProtocolError {
  static readonly code = 'proof-missing'
}

/** A party has signed another collective public key than the one that was summed here: somebody was shown other shares. */
export class PublicKeyMismatchError extends ProtocolError {
  static readonly code = 'key-mismatch'
}

/** A witness has computed other second components than the evaluator asks about: one of the two does not follow the protocol. */
export class EndorsementRefusedError extends ProtocolError {
  static readonly code = 'endorsement-refused'
}

/** A key holder is asked for help that fewer witnesses have endorsed than it demands. */
export class NotEndorsedError extends ProtocolError {
  static readonly code = 'not-endorsed'
}

/** Two parties run software that does not speak with each other; `remedy` says which of the two to update. */
export class VersionMismatchError extends ProtocolError {
  static readonly code = 'version-mismatch'
}

/** A signed document where another one stands that it contradicts: the first is kept. */
export class DocumentConflictError extends ProtocolError {
  static readonly code = 'document-conflict'
}

/** A key epoch that is unknown, expired or spent, or of other parties than those that this one knows. */
export class EpochRefusedError extends ProtocolError {
  static readonly code = 'epoch-refused'
}

/** A model release that is unknown, withdrawn or of another epoch. */
export class ReleaseRefusedError extends ProtocolError {
  static readonly code = 'release-refused'
}

/** A grant that is unknown, spent, expired, revoked, or not for this model or this sender. */
export class GrantRefusedError extends ProtocolError {
  static readonly code = 'grant-refused'
}

/** A share of an old sharing is asked for or given: the holder has left, or works from a restored backup. */
export class StaleSharingError extends ProtocolError {
  static readonly code = 'stale-sharing'
}

/** The evaluator's queue is full; `remedy` says when to try again. */
export class QueueFullError extends ProtocolError {
  static readonly code = 'queue-full'
}

/** What should be kept finds no room; what was kept before is still there. */
export class StorageFullError extends ProtocolError {
  static readonly code = 'storage-full'
}

/** The session has ended before its time; `culprit` is the peer, `reason` the cause. */
export class SessionAbortedError extends ProtocolError {
  static readonly code = 'session-aborted'
  constructor(details: ErrorDetails & { culprit: string; reason: string }, options?: ErrorOptions) {
    super(details, options)
  }
}

/** The peer refused: `remote` is its error, rebuilt from the Failure it sent. */
export class RemoteFailureError extends ProtocolError {
  static readonly code = 'remote-failure'
  readonly remote: ProtocolError
  constructor(peer: string, remote: ProtocolError, details: ErrorDetails = {}) {
    super({ ...details, peer, reason: details.reason ?? `[${remote.code}] ${remote.message}` }, { cause: remote })
    this.remote = remote
  }
}

/** A fault inside a party that is none of the above; peers only learn its name. */
export class InternalError extends ProtocolError {
  static readonly code = 'internal'
}
