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
    if (header.kind.startsWith('publicKey')) sessions.set(parties, header.session)
    if (header.kind !== kind) return undefined
    return encodeMessage(header, kind, await alter(decodeBody(kind, header.body, sizes, message.from), message.from))
  })
}

/** What a key holder signs for a share and its salt. */
export function signedShare(parties: Cohort, peer: string, share: Uint8Array, salt: Uint8Array): Uint8Array {
  return digestOf('slytherin public key share', sessions.get(parties)!, peer, sha256(share), salt)
}

/** What a key holder commits itself to, and what it signs of that. */
export function commitmentTo(parties: Cohort, peer: string, share: Uint8Array, salt: Uint8Array, session = sessions.get(parties)!) {
  const commitment = digestOf('slytherin public key commitment', session, peer, sha256(share), salt)
  return { commitment, signed: digestOf('slytherin public key commitment made', session, peer, commitment) }
}

/** What a party signs of its sum of the shares. */
export function confirmed(parties: Cohort, peer: string, hash: Uint8Array): Uint8Array {
  return digestOf('slytherin public key confirmation', sessions.get(parties)!, peer, hash)
}

/** SHA-256 of label and parts, each after its length: the protocol's encoding, written down once more. */
function digestOf(label: string, ...values: (Uint8Array | string)[]): Uint8Array {
  const parts = [label, ...values].map(value => (typeof value === 'string' ? utf8ToBytes(value) : value))
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
