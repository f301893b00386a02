/** The root of a release's parts: a Merkle tree (RFC 6962, section 2.1) over the SHA-256 of each part, so that one part can be shown to be of a release. */
import { sha256 } from '@noble/hashes/sha2.js'
import { fromHex, toHex } from '../../base/digest.js'

const LEAF = 0x00
const NODE = 0x01

/** @param parts SHA-256 of every part in order, hexadecimal @returns the root, hexadecimal; of no parts the hash of nothing */
export function partsRoot(parts: readonly string[]): string {
  if (parts.length === 0) return toHex(sha256(new Uint8Array(0)))
  return toHex(rootOf(parts.map(part => sha256(Uint8Array.of(LEAF, ...fromHex(part))))))
}

function rootOf(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 1) return leaves[0]!
  const left = 2 ** Math.ceil(Math.log2(leaves.length) - 1)
  return sha256(Uint8Array.of(NODE, ...rootOf(leaves.slice(0, left)), ...rootOf(leaves.slice(left))))
}
