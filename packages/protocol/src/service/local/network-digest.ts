/** One hash for a network, weights included: what the randomness of its encryption is bound to, so that no two models meet the same. */

import { sha256 } from '@noble/hashes/sha2.js'
import type { Network } from '@slytherin/engine'

export function networkDigest(network: Network): Uint8Array {
  const hash = sha256.create()
  const text = (value: string): void => {
    hash.update(new TextEncoder().encode(`${value.length}:${value};`))
  }
  const add = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      text(`${value.constructor.name} ${value.byteLength}`)
      hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    } else if (Array.isArray(value)) {
      text(`list ${value.length}`)
      for (const member of value) add(member)
    } else if (typeof value === 'object' && value !== null) {
      const members = Object.entries(value).filter(([, member]) => typeof member !== 'function' && member !== undefined)
      text(`object ${members.length}`)
      for (const [key, member] of members) {
        text(key)
        add(member)
      }
    } else text(`${typeof value} ${String(value)}`)
  }
  add(network)
  return hash.digest()
}
