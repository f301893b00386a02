/** Checks of single fields of a message, whoever receives it. */
import { DIGEST_BYTES } from '../base/digest.js'
import { MalformedMessageError } from '../errors/errors.js'
import { MAXIMUM_TEXT_BYTES } from '../terms/limits.js'

/** A SHA-256 value. @throws MalformedMessageError */
export function checkHash(value: Uint8Array, field: string, kind: string, peer: string): void {
  checkExactly(value, DIGEST_BYTES, field, kind, peer)
}

/** A byte string of a known length. @throws MalformedMessageError */
export function checkExactly(value: Uint8Array, bytes: number, field: string, kind: string, peer: string): void {
  if (value.length === bytes) return
  throw new MalformedMessageError({ peer, kind, field, expected: `${bytes} bytes`, actual: `${value.length} bytes` })
}

/** An index below a count. @throws MalformedMessageError */
export function checkIndex(index: number, count: number, field: string, kind: string, peer: string): void {
  if (index < count) return
  throw new MalformedMessageError({ peer, kind, field, expected: `below ${count}`, actual: String(index) })
}

/** A short, non-empty text of visible ASCII. @throws MalformedMessageError */
export function checkText(text: string, field: string, kind: string, peer: string): void {
  if (text.length <= MAXIMUM_TEXT_BYTES && /^[\x21-\x7e]+$/.test(text)) return
  throw new MalformedMessageError({
    peer,
    kind,
    field,
    expected: `1 to ${MAXIMUM_TEXT_BYTES} visible ASCII characters`,
    actual: `${text.length} characters`
  })
}

/** Byte strings, at least one and at most `count`, none empty or above `bytes`. @throws MalformedMessageError */
export function checkList(list: readonly Uint8Array[], count: number, bytes: number, field: string, kind: string, peer: string): void {
  if (list.length < 1 || list.length > count) {
    throw new MalformedMessageError({ peer, kind, field, expected: `1 to ${count} elements`, actual: String(list.length) })
  }
  for (const [index, element] of list.entries()) checkBytes(element, bytes, `${field}[${index}]`, kind, peer)
}

/** A byte string, not empty and at most `bytes` long. @throws MalformedMessageError */
export function checkBytes(value: Uint8Array, bytes: number, field: string, kind: string, peer: string): void {
  if (value.length >= 1 && value.length <= bytes) return
  throw new MalformedMessageError({ peer, kind, field, expected: `1 to ${bytes} bytes`, actual: `${value.length} bytes` })
}
