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
  const contents = labels.map(contentOf)
  const input = new Uint8Array(contents.reduce((sum, [, content]) => sum + HEADER_BYTES + content.length, HEADER_BYTES + seed.length))
  const view = new DataView(input.buffer)
  let at = 0
  const append = (kind: number, content: Uint8Array): void => {
    input[at] = kind
    view.setUint32(at + 1, content.length, true)
    input.set(content, at + HEADER_BYTES)
    at += HEADER_BYTES + content.length
  }
  append(0, seed)
  for (const [kind, content] of contents) append(kind, content)
  // Dealers draw thousands of residues so: hashing once is cheaper than part by part.
  const derived = sha256(input)
  input.fill(0)
  return derived
}

const HEADER_BYTES = 5
const encoder = new TextEncoder()

function contentOf(label: string | number | Uint8Array): readonly [kind: number, content: Uint8Array] {
  if (typeof label === 'string') return [1, encoder.encode(label)]
  if (typeof label !== 'number') return [3, label]
  const content = new Uint8Array(8)
  new DataView(content.buffer).setFloat64(0, label, true)
  return [2, content]
}
