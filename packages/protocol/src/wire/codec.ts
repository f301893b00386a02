/**
 * Bytes of a message to its parts and back. The envelope is read by hand, strictly, before anything is decoded:
 *
 *   version, session (0 or 32 bytes), lane, sequence, each at most once and in order, then exactly one body that ends where the message ends.
 *
 * So the receiver knows kind and length, and can refuse, before a body of hostile bytes reaches the protobuf decoder.
 *
 * A message has one form: numbers in as few bytes as they take, fields in order and once, none that is unknown or says what its absence says. Bytes that are
 * another form of a message are no message, so that a hash over bytes and one over what they say stand for the same.
 */
import { equalBytes } from '../base/digest.js'
import { MalformedMessageError, OversizedMessageError, ProtocolError } from '../errors/errors.js'
import { Envelope } from '../generated/messages.js'
import { type Bodies, KIND_OF_FIELD, KINDS, type Kind } from './kinds.js'
import type { MessageSizes } from './sizes.js'

/** Version in every envelope; a message of another one is refused as malformed. */
export const PROTOCOL_VERSION = 3
const MAXIMUM_UINT32 = 2 ** 32 - 1

/** Node compares megabytes as fast as memory gives them. */
const compare = globalThis.Buffer?.compare
const same = (a: Uint8Array, b: Uint8Array): boolean => (compare === undefined ? equalBytes(a, b) : compare(a, b) === 0)

/** An envelope that has been read, with its body as bytes. */
export interface Header {
  readonly version: number
  /** Empty, the proposal id or the session id. */
  readonly session: Uint8Array
  /** A sender has one request under way in each lane, so that a slow one holds up no other. */
  readonly lane: number
  /** Place in its lane. */
  readonly sequence: number
  readonly kind: Kind
  /** Undecoded body. */
  readonly body: Uint8Array
}

/** What says which session a message belongs to, and its place there. */
export type Addressing = Pick<Header, 'session' | 'lane' | 'sequence'>

/** An envelope with one body, in the one form that `readHeader` takes. */
export function encodeMessage<K extends Kind>(addressing: Addressing, kind: K, body: Bodies[K]): Uint8Array {
  const { session, lane, sequence } = addressing
  return Envelope.encode({ version: PROTOCOL_VERSION, session, lane, sequence, [kind]: body } as Partial<Envelope>)
}

class Cursor {
  position = 0
  constructor(
    readonly bytes: Uint8Array,
    readonly peer: string
  ) {}

  malformed(field: string, expected: string, actual?: string): MalformedMessageError {
    return new MalformedMessageError({ peer: this.peer, kind: 'envelope', field, expected, ...(actual === undefined ? {} : { actual }) })
  }

  /** An unsigned 32-bit varint, in as few bytes as it takes: five at most. */
  varint(field: string): number {
    let value = 0
    for (let i = 0; i < 5; i++) {
      const byte = this.bytes[this.position++]
      if (byte === undefined) throw this.malformed(field, 'more bytes', 'end of message')
      value += (byte & 0x7f) * 2 ** (7 * i)
      if (byte < 0x80) {
        if (value > MAXIMUM_UINT32 || (byte === 0 && i > 0)) break
        return value
      }
    }
    throw this.malformed(field, 'a 32-bit number in as few bytes as it takes')
  }

  /** A number that is written: zero is not. */
  written(field: string): number {
    const value = this.varint(field)
    if (value === 0) throw this.malformed(field, 'a number above zero, or none', '0')
    return value
  }

  delimited(field: string): Uint8Array {
    const length = this.varint(field)
    const end = this.position + length
    if (end > this.bytes.length) throw this.malformed(field, `${length} bytes`, `${this.bytes.length - this.position} bytes`)
    const part = this.bytes.subarray(this.position, end)
    this.position = end
    return part
  }
}

/** @throws MalformedMessageError naming the envelope field */
export function readHeader(bytes: Uint8Array, peer: string): Header {
  const cursor = new Cursor(bytes, peer)
  let version = 0
  let session = new Uint8Array(0) as Uint8Array
  let lane = 0
  let sequence = 0
  let previous = 0
  while (cursor.position < bytes.length) {
    const tag = cursor.varint('tag')
    const field = Math.floor(tag / 8)
    const wire = tag % 8
    if (field <= previous) throw cursor.malformed('tag', `a field above ${previous}`, `field ${field}`)
    previous = field
    const kind = KIND_OF_FIELD.get(field)
    if (kind === undefined && field > 4) throw cursor.malformed('body', 'a known kind of message', `field ${field}`)
    if (wire !== (field === 2 || kind !== undefined ? 2 : 0))
      throw cursor.malformed('tag', 'the wire type of its field', `field ${field}, wire type ${wire}`)
    if (field === 1) version = cursor.written('version')
    else if (field === 2) {
      session = cursor.delimited('session')
      if (session.length !== 32) throw cursor.malformed('session', '32 bytes', `${session.length} bytes`)
    } else if (field === 3) lane = cursor.written('lane')
    else if (field === 4) sequence = cursor.written('sequence')
    else if (kind !== undefined) {
      const body = cursor.delimited('body')
      if (cursor.position !== bytes.length)
        throw cursor.malformed('body', 'to end the message', `${bytes.length - cursor.position} bytes after it`)
      if (version !== PROTOCOL_VERSION) throw cursor.malformed('version', String(PROTOCOL_VERSION), String(version))
      return { version, session, lane, sequence, kind, body }
    }
  }
  throw cursor.malformed('body', 'a message', 'none')
}

/** Decodes the body of a message of known kind within the bounds of its kind. @throws MalformedMessageError, OversizedMessageError */
export function decodeBody<K extends Kind>(kind: K, body: Uint8Array, sizes: MessageSizes | undefined, peer: string): Bodies[K] {
  const entry = KINDS[kind]
  const bound = entry.bound(sizes)
  if (body.length > bound)
    throw new OversizedMessageError({ peer, kind, field: 'body', expected: `at most ${bound} bytes`, actual: `${body.length} bytes` })
  try {
    const limits = entry.limits?.(sizes)
    const decoded = entry.codec.decode(body, limits === undefined ? undefined : { limits }) as Bodies[K]
    if (!same(entry.codec.encode(decoded), body)) {
      throw new MalformedMessageError({ peer, kind, field: 'body', expected: 'the one form of what it says', actual: 'another' })
    }
    return decoded
  } catch (error) {
    if (error instanceof ProtocolError) throw error
    if (error instanceof Error && error.name === 'MaxLengthError')
      throw new OversizedMessageError({ peer, kind, field: repeatedField(error) ?? 'body', reason: error.message }, { cause: error })
    throw new MalformedMessageError(
      { peer, kind, field: 'body', reason: error instanceof Error ? error.message : 'undecodable' },
      { cause: error }
    )
  }
}

/** The field of which the decoder found too many elements; it names it in its text only. */
function repeatedField(error: Error): string | undefined {
  return /field "(\w+)"/.exec(error.message)?.[1]
}
