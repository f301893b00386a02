/**
 * Bytes of a call, request or reply:
 *
 *   0  magic "SLYC"      4 bytes       12  number of blobs    4 bytes
 *   4  version           1 byte, 1     16  length of each     4 bytes each
 *   5  0                 3 bytes           head               canonical JSON: {"head": …, "kind": …}
 *   8  length of head    4 bytes           blobs              one after the other, to the end
 *
 * All numbers little-endian. One message has one form.
 */
import { canonicalBytes, canonicalJson, parseJson } from '../../base/canonical.js'
import { MalformedMessageError, OversizedMessageError } from '../../errors/errors.js'
import { MAXIMUM_DESCRIPTOR_BYTES } from '../../terms/limits.js'
import type { BlobBound, CallKind, Message } from './call.js'

const MAGIC = [0x53, 0x4c, 0x59, 0x43] as const
const VERSION = 1
const FIXED = 16
const MAXIMUM_HEAD_BYTES = MAXIMUM_DESCRIPTOR_BYTES
const MAXIMUM_BLOBS = 4096

/** Most bytes of a message with such blobs. */
export function messageBound({ count, bytes, total = count * bytes }: BlobBound): number {
  return FIXED + MAXIMUM_HEAD_BYTES + 4 * count + Math.min(total, count * bytes)
}

/** Bytes of a request or reply. Nothing is checked here: the receiver does that (`checkCall`). */
export function encodeCall(kind: string, head: unknown, blobs: readonly Uint8Array[]): Uint8Array {
  const json = canonicalBytes({ kind, head })
  const start = FIXED + 4 * blobs.length + json.length
  const out = new Uint8Array(blobs.reduce((sum, blob) => sum + blob.length, start))
  const view = new DataView(out.buffer)
  out.set(MAGIC)
  out[MAGIC.length] = VERSION
  view.setUint32(8, json.length, true)
  view.setUint32(12, blobs.length, true)
  let offset = start
  for (const [k, blob] of blobs.entries()) {
    view.setUint32(FIXED + 4 * k, blob.length, true)
    out.set(blob, offset)
    offset += blob.length
  }
  out.set(json, FIXED + 4 * blobs.length)
  return out
}

/** A message taken apart, its head not yet checked against a schema. Blobs are views of `bytes`. */
export interface RawCall extends Message<unknown> {
  readonly kind: string
}

/** @throws MalformedMessageError, naming the field */
export function decodeCall(bytes: Uint8Array, peer: string): RawCall {
  const malformed = (field: string, expected: string, actual?: string | number): MalformedMessageError =>
    new MalformedMessageError({ peer, kind: 'call', field, expected, ...(actual === undefined ? {} : { actual: String(actual) }) })
  if (bytes.length < FIXED) throw malformed('length', `at least ${FIXED} bytes`, bytes.length)
  if (MAGIC.some((byte, k) => bytes[k] !== byte)) throw malformed('magic', 'SLYC')
  if (bytes[4] !== VERSION) {
    throw new MalformedMessageError({
      peer,
      kind: 'call',
      field: 'version',
      expected: `${VERSION}`,
      actual: `${bytes[4]}`,
      remedy: 'Run the same version of the software at both ends.'
    })
  }
  if (bytes[5] !== 0 || bytes[6] !== 0 || bytes[7] !== 0) throw malformed('reserved', '0')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const headLength = view.getUint32(8, true)
  const count = view.getUint32(12, true)
  if (headLength > MAXIMUM_HEAD_BYTES) throw malformed('head', `at most ${MAXIMUM_HEAD_BYTES} bytes`, headLength)
  if (count > MAXIMUM_BLOBS) throw malformed('blobs', `at most ${MAXIMUM_BLOBS}`, count)
  const start = FIXED + 4 * count + headLength
  if (bytes.length < start) throw malformed('length', `at least ${start} bytes`, bytes.length)
  const lengths = Array.from({ length: count }, (_, k) => view.getUint32(FIXED + 4 * k, true))
  const total = lengths.reduce((sum, length) => sum + length, start)
  if (bytes.length !== total) throw malformed('length', `${total} bytes`, bytes.length)
  const headBytes = bytes.subarray(FIXED + 4 * count, start)
  let json: unknown
  let canonical: string
  try {
    json = parseJson(headBytes)
    canonical = canonicalJson(json)
  } catch {
    throw malformed('head', 'JSON')
  }
  if (canonical !== new TextDecoder().decode(headBytes)) throw malformed('head', 'canonical JSON')
  if (typeof json !== 'object' || json === null || !('kind' in json) || typeof json.kind !== 'string' || !('head' in json)) {
    throw malformed('head', 'kind and head')
  }
  if (Object.keys(json).length !== 2) throw malformed('head', 'kind and head alone', Object.keys(json).join(', ').slice(0, 100))
  let offset = start
  const blobs = lengths.map(length => {
    offset += length
    return bytes.subarray(offset - length, offset)
  })
  return { kind: json.kind, head: json.head, blobs }
}

/** @throws MalformedMessageError, OversizedMessageError unless head and blobs are what the kind says */
export function checkCall<Q, R, S extends 'request' | 'reply'>(
  kind: CallKind<Q, R>,
  side: S,
  raw: RawCall,
  peer: string
): Message<S extends 'request' ? Q : R> {
  const name = kind.kind
  if (raw.kind !== name) throw new MalformedMessageError({ peer, kind: name, field: 'kind', expected: name, actual: raw.kind.slice(0, 80) })
  const parsed = kind[side].safeParse(raw.head)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]
    throw new MalformedMessageError({
      peer,
      kind: name,
      field: issue?.path.join('.') || 'head',
      reason: issue?.message ?? 'does not match the schema'
    })
  }
  const { count, bytes, total = count * bytes } = side === 'request' ? kind.requestBlobs : kind.replyBlobs
  if (raw.blobs.length > count) {
    throw new MalformedMessageError({ peer, kind: name, field: 'blobs', expected: `at most ${count}`, actual: `${raw.blobs.length}` })
  }
  const long = raw.blobs.findIndex(blob => blob.length > bytes)
  if (long >= 0) {
    throw new OversizedMessageError({
      peer,
      kind: name,
      field: `blobs[${long}]`,
      expected: `at most ${bytes} bytes`,
      actual: `${raw.blobs[long]!.length} bytes`
    })
  }
  const sum = raw.blobs.reduce((all, blob) => all + blob.length, 0)
  if (sum > total) {
    throw new OversizedMessageError({ peer, kind: name, field: 'blobs', expected: `at most ${total} bytes in all`, actual: `${sum} bytes` })
  }
  return { head: parsed.data as S extends 'request' ? Q : R, blobs: raw.blobs }
}
