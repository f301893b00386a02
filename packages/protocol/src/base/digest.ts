/** SHA-256 of messages, and of unambiguous encodings of what is signed. */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

export const DIGEST_BYTES = 32

/** Below this many bytes the synchronous hash is quicker than the round trip to the platform's. */
const SMALL = 2048

/** Up to this many bytes (a few milliseconds) Node's own synchronous hash is quicker than Web Crypto, which copies its input first. */
const MEDIUM = 2 ** 22

const nodeCrypto = globalThis.process?.getBuiltinModule?.('node:crypto')

/** SHA-256; large inputs go through the platform's native implementation. */
export async function hash(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length < SMALL) return sha256(bytes)
  if (nodeCrypto !== undefined && bytes.length <= MEDIUM) return Uint8Array.from(nodeCrypto.hash('sha256', bytes, 'buffer'))
  const owned = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', owned))
}

function lengthPrefixed(part: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(8)
  new DataView(prefix.buffer).setBigUint64(0, BigInt(part.length), true)
  return concatBytes(prefix, part)
}

/** SHA-256 over a label and parts, each with its length before it, so that no two lists have the same encoding. Parts are meant to be short (or hashes). */
export function digest(label: string, ...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoded = [label, ...parts].map(part => lengthPrefixed(typeof part === 'string' ? utf8ToBytes(part) : part))
  return sha256(concatBytes(...encoded))
}

export function toHex(bytes: Uint8Array): string {
  return bytesToHex(bytes)
}

/** @throws Error for text that is not hexadecimal */
export function fromHex(text: string): Uint8Array {
  return hexToBytes(text)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  let difference = 0
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!
  return difference === 0
}

export function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length))
}
