/** Seeds: 32 bytes from the platform's generator, and seeds derived from seeds by SHA-256. */

import { sha256 } from '@noble/hashes/sha2.js'
import { LengthMismatchError } from '../errors.js'

export const SEED_BYTES = 32

/** 32 bytes of `crypto.getRandomValues`. */
export function randomSeed(): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(SEED_BYTES))
}

/** @throws LengthMismatchError unless the seed has 32 bytes */
export function checkSeed(seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES) throw new LengthMismatchError('seed', SEED_BYTES, seed.length)
}

/**
 * SHA-256 of the seed and the labels, each preceded by its kind (one byte) and its length (four bytes, little-endian), so that no two different
 * lists of labels give the same input. Numbers are encoded as 8-byte little-endian doubles, strings as UTF-8.
 *
 * @example deriveSeed(seed, 'relinearization', 3)
 */
export function deriveSeed(seed: Uint8Array, ...labels: readonly (string | number | Uint8Array)[]): Uint8Array {
  const hash = sha256.create()
  const append = (kind: number, content: Uint8Array): void => {
    const header = new Uint8Array(5)
    header[0] = kind
    new DataView(header.buffer).setUint32(1, content.length, true)
    hash.update(header).update(content)
  }
  append(0, seed)
  for (const label of labels) {
    if (typeof label === 'string') append(1, new TextEncoder().encode(label))
    else if (typeof label === 'number') {
      const content = new Uint8Array(8)
      new DataView(content.buffer).setFloat64(0, label, true)
      append(2, content)
    } else append(3, label)
  }
  return hash.digest()
}
