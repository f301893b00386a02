/**
 * SHA-256 and HMAC-SHA-256 (FIPS 180-4, FIPS 198-1) over byte strings.
 *
 * Share files reach tens of megabytes, so the platform's native hash is used where there is one; the portable implementation gives the
 * same result elsewhere.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as portableSha256 } from '@noble/hashes/sha2.js'

interface NativeHash {
  update(bytes: Uint8Array): NativeHash
  digest(): Uint8Array
}

interface NativeCrypto {
  createHash(name: string): NativeHash
}

type BuiltinLoader = { process?: { getBuiltinModule?: (name: string) => NativeCrypto | undefined } }

const native = (globalThis as BuiltinLoader).process?.getBuiltinModule?.('node:crypto')

/** SHA-256 of bytes as they come, 32 bytes. @param write gives the pieces to `update`; where one ends and the next begins is not hashed */
export function hashPieces(write: (update: (piece: Uint8Array) => void) => void): Uint8Array {
  const hash = native ? native.createHash('sha256') : portableSha256.create()
  write(piece => void hash.update(piece))
  return new Uint8Array(hash.digest())
}

/** @returns the 32-byte SHA-256 of the concatenation of `parts`, each preceded by its length (8 bytes, little-endian) */
export function hashParts(...parts: readonly (Uint8Array | string)[]): Uint8Array {
  const hash = native ? native.createHash('sha256') : portableSha256.create()
  for (const part of parts) {
    const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : part
    hash.update(lengthPrefix(bytes.length))
    hash.update(bytes)
  }
  return new Uint8Array(hash.digest())
}

/** @returns HMAC-SHA-256 under `key` of the length-prefixed concatenation of `parts`, 32 bytes */
export function authenticateParts(key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Uint8Array {
  return hmac(portableSha256, key, hashParts(...parts))
}

/** Lower-case hexadecimal. */
export function hex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  return bytes
}
