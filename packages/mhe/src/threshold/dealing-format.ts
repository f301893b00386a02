/**
 * Bytes of a dealing.
 *
 *   announcement, public   magic "SLTA", version 1, dealer, two zeros, hash of the round (32), SHA-256 of every envelope (32 each, in the order of the receivers)
 *   contents of an envelope   magic "SLTD", version 1, three zeros, K masks, K spare masks and the K masks of these, of a residue (8 bytes, little-endian) per prime
 *                             each, S(j) packed in NTT form
 *
 * The announcement is what a dealer signs: it fixes every share before the coin is known.
 */
import type { Context } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { equalBytes, hashParts, hex } from '../hash.js'
import type { Fingerprinted } from './consistency.js'
import { ENVELOPE_OVERHEAD } from './envelope.js'
import { MalformedDealingError } from './errors.js'
import { fingerprintCount, type Residues, readResidues, residuesLength, writeResidues } from './residues.js'
import type { DealingRound } from './round.js'
import { decodeShare } from './shamir-share.js'

const ANNOUNCEMENT_MAGIC = [0x53, 0x4c, 0x54, 0x41] as const
const SHARE_MAGIC = [0x53, 0x4c, 0x54, 0x44] as const
const VERSION = 1
const HEADER_BYTES = 8
const HASH_BYTES = 32
/** Masks, spare masks, masks of spare masks. */
const WORDS = 3
const HASHES_OFFSET = HEADER_BYTES + HASH_BYTES

/** What one dealer dealt to one receiver, read and of the right form. Secret: wiped on dispose. */
export class DealtShare implements Disposable, Fingerprinted {
  constructor(
    readonly dealer: number,
    readonly receiver: number,
    readonly polynomial: Polynomial,
    readonly masks: readonly Residues[],
    readonly spare: readonly Residues[],
    readonly spareMasks: readonly Residues[]
  ) {}

  /** What `console.log` and `util.inspect` print. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `DealtShare { dealer: ${this.dealer}, receiver: ${this.receiver} }`
  }

  /** Who dealt to whom, and nothing of the share. */
  toJSON(): object {
    return { dealer: this.dealer, receiver: this.receiver }
  }

  /** Wipes the share; may be repeated. */
  dispose(): void {
    if (this.polynomial.isDisposed) return
    this.polynomial.wipe()
    this.polynomial.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

export const envelopeHash = (envelope: Uint8Array): Uint8Array => hashParts(envelope)

export function writeAnnouncement(round: DealingRound, dealer: number, envelopes: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(HASHES_OFFSET + HASH_BYTES * envelopes.length)
  out.set(announcementHeader(dealer))
  out.set(round.hash, HEADER_BYTES)
  envelopes.forEach((envelope, i) => {
    out.set(envelopeHash(envelope), HASHES_OFFSET + HASH_BYTES * i)
  })
  return out
}

/** @returns the hashes of the envelopes, in the order of the receivers. @throws MalformedDealingError naming the dealer; InvalidSharingError */
export function readAnnouncement(round: DealingRound, dealer: number, bytes: Uint8Array): readonly Uint8Array[] {
  round.checkDealer(dealer)
  const count = round.access.points.length
  const length = HASHES_OFFSET + HASH_BYTES * count
  if (bytes.length !== length) throw new MalformedDealingError(dealer, 'length of the announcement', length, bytes.length)
  const header = announcementHeader(dealer)
  const start = bytes.subarray(0, HEADER_BYTES)
  if (!equalBytes(start, header)) throw new MalformedDealingError(dealer, 'header of the announcement', hex(header), hex(start))
  const announced = bytes.subarray(HEADER_BYTES, HASHES_OFFSET)
  if (!equalBytes(announced, round.hash))
    throw new MalformedDealingError(dealer, 'round of the announcement', hex(round.hash), hex(announced))
  return Array.from({ length: count }, (_, i) => bytes.slice(HASHES_OFFSET + HASH_BYTES * i, HASHES_OFFSET + HASH_BYTES * (i + 1)))
}

/** The caller wipes it. */
export function writeDealtShare(context: Context, { polynomial, masks, spare, spareMasks }: Fingerprinted): Uint8Array {
  const { ring } = context
  const words = [...masks, ...spare, ...spareMasks]
  const offset = HEADER_BYTES + residuesLength(ring.moduli, words.length)
  const packed = ring.encodePacked(polynomial)
  const out = new Uint8Array(offset + packed.length)
  out.set([...SHARE_MAGIC, VERSION])
  writeResidues(out, HEADER_BYTES, words)
  out.set(packed, offset)
  packed.fill(0)
  return out
}

/** @throws MalformedDealingError naming the dealer */
export function readDealtShare(context: Context, dealer: number, receiver: number, bytes: Uint8Array): DealtShare {
  const { ring, parameters } = context
  const count = fingerprintCount(ring.moduli)
  const offset = HEADER_BYTES + residuesLength(ring.moduli, WORDS * count)
  const length = offset + ring.packedLength(parameters.keyIndices())
  if (bytes.length !== length) throw new MalformedDealingError(dealer, 'length of the share', length, bytes.length)
  const header = Uint8Array.from([...SHARE_MAGIC, VERSION, 0, 0, 0])
  if (!equalBytes(bytes.subarray(0, HEADER_BYTES), header)) {
    throw new MalformedDealingError(dealer, 'header of the share', hex(header), 'another')
  }
  const words = readResidues(ring.moduli, bytes, HEADER_BYTES, WORDS * count, position => {
    throw new MalformedDealingError(dealer, `mask ${position}`, 'below its prime', 'not')
  })
  const [masks, spare, spareMasks] = [0, 1, 2].map(part => words.slice(part * count, (part + 1) * count)) as [
    Residues[],
    Residues[],
    Residues[]
  ]
  return new DealtShare(dealer, receiver, decodeShare(context, dealer, bytes.subarray(offset)), masks, spare, spareMasks)
}

/** Exact bytes of one envelope. */
export function envelopeLength({ ring, parameters }: Context): number {
  const masks = residuesLength(ring.moduli, WORDS * fingerprintCount(ring.moduli))
  return ENVELOPE_OVERHEAD + HEADER_BYTES + masks + ring.packedLength(parameters.keyIndices())
}

const announcementHeader = (dealer: number): Uint8Array => Uint8Array.from([...ANNOUNCEMENT_MAGIC, VERSION, dealer, 0, 0])
