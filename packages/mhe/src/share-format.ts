/**
 * Bytes of shares and of their sums.
 *
 *   0  magic "SLSH"          4 bytes
 *   4  version               1 byte, 1
 *   5  kind                  1 byte, 0 a party's share, 1 a sum of shares
 *   6  protocol              1 byte
 *   7  level                 1 byte
 *   8  tag                   16 bytes: hash of (session, protocol, instance), so that a share cannot slip into another instance
 *  24  polynomials           residues packed at ceil(log2 q) bits, NTT form, standard order, one polynomial after the other
 *
 * Reading is strict: the length is known in advance, every residue must be below its prime, padding bits must be zero.
 */
import type { Context } from '@slytherin/ckks'
import { deriveSeed, type Polynomial } from '@slytherin/ring'
import { MalformedShareError, ShareMismatchError } from './errors.js'
import { equalBytes, hex } from './hash.js'
import { checkSessionId } from './reference.js'
import { releasingOnError } from './scratch.js'

const MAGIC = [0x53, 0x4c, 0x53, 0x48] as const
const VERSION = 1
const TAG_BYTES = 16
const TAG_OFFSET = 8
const TAG_DOMAIN = 'slytherin share tag'

/** Bytes before the residues. */
export const SHARE_HEADER_BYTES = TAG_OFFSET + TAG_BYTES

/** Wire codes of the protocols. */
const PROTOCOL_CODES = {
  'public-key': 1,
  'relinearization-1': 2,
  'relinearization-2': 3,
  galois: 4,
  refresh: 5,
  switch: 6,
  'refresh-whole': 7,
  'switch-whole': 8
} as const

/** Protocols that have shares. */
export type ShareProtocol = keyof typeof PROTOCOL_CODES

/** One party's share, or the sum of all. */
export type ShareKind = 'share' | 'aggregate'

/** Which share: instance within the protocol and session, and the level of the ciphertext it is for, or the highest that a key serves. */
export interface ShareIdentity {
  readonly instance: string
  readonly level: number
}

/** How a protocol's share maps to a list of polynomials. */
export interface ShareLayout<S> {
  readonly protocol: ShareProtocol
  /** Moduli of each polynomial, in order. */
  shape(level: number): readonly (readonly number[])[]
  /** The share's polynomials in the order of `shape`; views, not copies. */
  parts(share: S): readonly Polynomial[]
  /** The inverse of `parts`; takes the polynomials over. */
  assemble(parts: readonly Polynomial[]): S
}

/** Reads, writes, sums and releases the shares of one protocol. */
export class ShareFormat<S> {
  constructor(
    readonly context: Context,
    readonly sessionId: Uint8Array,
    private readonly layout: ShareLayout<S>
  ) {
    checkSessionId(sessionId)
  }

  /** Whose shares these are. */
  get protocol(): ShareProtocol {
    return this.layout.protocol
  }

  /** Exact number of bytes of a serialised share at a level. */
  serializedLength(level: number): number {
    return this.layout.shape(level).reduce((length, indices) => length + this.context.ring.packedLength([...indices]), SHARE_HEADER_BYTES)
  }

  /** Header, then every polynomial packed to the bits of its primes. @throws ShareMismatchError unless it has the shape of the level */
  serialize(share: S, identity: ShareIdentity, kind: ShareKind = 'share'): Uint8Array {
    this.checkShape(share, identity.level)
    const out = new Uint8Array(this.serializedLength(identity.level))
    out.set(this.header(identity, kind))
    let offset = SHARE_HEADER_BYTES
    for (const part of this.layout.parts(share)) {
      const bytes = this.context.ring.encodePacked(part)
      out.set(bytes, offset)
      offset += bytes.length
    }
    return out
  }

  /** @throws MalformedShareError for anything that is not exactly a share of this protocol, session, instance and level */
  deserialize(bytes: Uint8Array, identity: ShareIdentity, kind: ShareKind = 'share'): S {
    const { ring } = this.context
    const length = this.serializedLength(identity.level)
    if (bytes.length !== length) throw new MalformedShareError(this.protocol, 'length', length, bytes.length)
    this.checkHeader(bytes, identity, kind)
    return releasingOnError(made => {
      let offset = SHARE_HEADER_BYTES
      this.layout.shape(identity.level).forEach((indices, k) => {
        const end = offset + ring.packedLength([...indices])
        made.push(decodeStrictly(this.context, this.protocol, `polynomial ${k}`, bytes.subarray(offset, end), indices))
        offset = end
      })
      return this.layout.assemble(made)
    })
  }

  /** Sum of shares, as a new share; the operands stay as they are. @throws ShareMismatchError when there is none or shapes differ */
  sum(shares: Iterable<S>): S {
    return releasingOnError(made => {
      let total: S | undefined
      for (const share of shares) {
        if (total === undefined) {
          for (const part of this.layout.parts(share)) made.push(part.clone())
          total = this.layout.assemble(made)
        } else {
          this.addInPlace(total, share)
        }
      }
      if (total === undefined) throw new ShareMismatchError(this.protocol, 'number of shares', 'at least 1', 0)
      return total
    })
  }

  /** `total += share`. @throws ShareMismatchError when their shapes differ */
  addInPlace(total: S, share: S): void {
    const left = this.layout.parts(total)
    const right = this.layout.parts(share)
    if (left.length !== right.length) throw new ShareMismatchError(this.protocol, 'number of polynomials', left.length, right.length)
    left.forEach((part, k) => {
      const expected = part.indices.join(',')
      const actual = right[k]!.indices.join(',')
      if (expected !== actual) throw new ShareMismatchError(this.protocol, `moduli of polynomial ${k}`, expected, actual)
    })
    left.forEach((part, k) => {
      this.context.ring.add(part, part, right[k]!)
    })
  }

  /** Lets go of every polynomial of a share. */
  dispose(share: S): void {
    for (const part of this.layout.parts(share)) part.dispose()
  }

  /** @throws ShareMismatchError unless it has the polynomials of a share for this level */
  checkShape(share: S, level: number): void {
    const shape = this.layout.shape(level)
    const parts = this.layout.parts(share)
    if (parts.length !== shape.length) throw new ShareMismatchError(this.protocol, 'number of polynomials', shape.length, parts.length)
    shape.forEach((indices, k) => {
      const expected = indices.join(',')
      const actual = parts[k]!.indices.join(',')
      if (expected !== actual) throw new ShareMismatchError(this.protocol, `moduli of polynomial ${k}`, expected, actual)
    })
  }

  private header(identity: ShareIdentity, kind: ShareKind): Uint8Array {
    const header = new Uint8Array(SHARE_HEADER_BYTES)
    header.set(MAGIC)
    header[4] = VERSION
    header[5] = kind === 'share' ? 0 : 1
    header[6] = PROTOCOL_CODES[this.protocol]
    header[7] = identity.level
    header.set(deriveSeed(this.sessionId, TAG_DOMAIN, this.protocol, identity.instance).subarray(0, TAG_BYTES), TAG_OFFSET)
    return header
  }

  private checkHeader(bytes: Uint8Array, identity: ShareIdentity, kind: ShareKind): void {
    const expected = this.header(identity, kind)
    const fields = [
      ['magic', 0, 4],
      ['version', 4, 5],
      ['kind', 5, 6],
      ['protocol', 6, 7],
      ['level', 7, 8],
      ['session and instance tag', TAG_OFFSET, SHARE_HEADER_BYTES]
    ] as const
    for (const [field, start, end] of fields) {
      const want = expected.subarray(start, end)
      const got = bytes.subarray(start, end)
      if (!equalBytes(want, got)) throw new MalformedShareError(this.protocol, field, hex(want), hex(got))
    }
  }
}

/** Residues of one polynomial in NTT form, with the cause of a refusal told in this layer's terms. @throws MalformedShareError */
export function decodeStrictly(
  context: Context,
  protocol: string,
  field: string,
  bytes: Uint8Array,
  indices: readonly number[]
): Polynomial {
  const length = context.ring.packedLength([...indices])
  if (bytes.length !== length) throw new MalformedShareError(protocol, `${field} length`, length, bytes.length)
  try {
    return context.ring.decodePacked(bytes, [...indices], 'ntt')
  } catch (error) {
    throw new MalformedShareError(protocol, field, 'residues below their primes', error instanceof Error ? error.message : String(error))
  }
}
