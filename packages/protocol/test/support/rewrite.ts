import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Bodies, decodeBody, encodeMessage, type Kind, messageSizes, readHeader } from '@slytherin/protocol'
import type { Cohort } from './cohort.js'

const sessions = new WeakMap<Cohort, Uint8Array>()

/** Alters every message of a kind to a peer, well-formed as it was. */
export function rewrite<K extends Kind>(
  parties: Cohort,
  kind: K,
  to: string,
  alter: (body: Bodies[K], from: string) => Bodies[K] | Promise<Bodies[K]>
): void {
  const sizes = messageSizes(parties.plan)
  parties.network.setFault(async message => {
    if (message.to !== to) return undefined
    const header = readHeader(message.bytes, message.from)
    if (header.kind === 'publicKeyPart') sessions.set(parties, header.session)
    if (header.kind !== kind) return undefined
    return encodeMessage(header, kind, await alter(decodeBody(kind, header.body, sizes, message.from), message.from))
  })
}

/** What a key holder signs for a share, written down once more: label and parts, each after its length. */
export function signedShare(parties: Cohort, peer: string, share: Uint8Array): Uint8Array {
  const parts = [utf8ToBytes('slytherin public key share'), sessions.get(parties)!, utf8ToBytes(peer), sha256(share)]
  return sha256(
    concatBytes(
      ...parts.flatMap(part => {
        const length = new Uint8Array(8)
        new DataView(length.buffer).setBigUint64(0, BigInt(part.length), true)
        return [length, part]
      })
    )
  )
}
