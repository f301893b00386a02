/**
 * What shows that a dealer's shares lie on one polynomial of degree below t, and nothing else.
 *
 *   coin                 r_k uniform in R_QP, k = 1 … K, drawn after all shares are dealt
 *   fingerprint          L_k(A) = Σ_x r_k[x]·A[x]              modulo every prime; x over the N points of the NTT
 *   dealt besides S(j)   masks m_k(j) of uniform polynomials m_k of degree t - 1, one residue per prime
 *   answer, public       W_k(X) = L_k(S)(X) + m_k(X)           t coefficients of one residue per prime
 *   receiver j checks    L_k(S(j)) + m_k(j) = W_k(j)           for every k and prime
 *
 * What it catches: let H be the receivers that check. If no polynomial of degree below t over Z_q goes through their (S(j), m(j)), j in H, modulo some prime q, the
 * part of them that leaves the code is h ≠ 0, and all of H accept only if L_k(h_S) + h_m,k = 0 for every k, which uniform r_k have probability q^-K of: at most
 * 2^-128 with K = ⌈128 / log2 q_min⌉, or 2^-(128 - b) for a dealer that can try 2^b coins. Whoever of H does not accept complains.
 * Modulo primes where h = 0 there is nothing to catch; so too where H has t members or fewer, whose shares always fit.
 *
 * What it shows: W_k is uniform whatever S, for m_k is; so nothing. Under a second coin the difference of two answers would be a function of S alone, therefore one
 * coin per dealing.
 *
 * Where the constant term is to be zero, m_k(0) = 0 as well and everybody checks W_k(0) = 0, with the same error. It cannot catch a dealer whose *constant term* is
 * another than it should be (s_i of its public-key share, s̃_i of the sharing before): see docs/architecture.md for how that shows.
 */
import type { Context } from '@slytherin/ckks'
import { deriveSeed, type Modulus, type Polynomial } from '@slytherin/ring'
import { equalBytes, hex } from '../hash.js'
import { expandReference } from '../reference.js'
import { overwritable } from '../scratch.js'
import { MalformedDealingError } from './errors.js'
import { evaluate, type Residues, readResidues, residuesLength, writeResidues } from './residues.js'
import { COIN_BYTES, type DealingRound } from './round.js'

/** -log2 of the probability that shares on no polynomial pass. */
export const CONSISTENCY_BITS = 128

const MAGIC = [0x53, 0x4c, 0x54, 0x57] as const
const VERSION = 1
const COIN_OFFSET = 8
const COEFFICIENTS_OFFSET = COIN_OFFSET + COIN_BYTES
const COIN_LABEL = 'slytherin threshold fingerprint'

/** Balanced residues below 2^48 whose sum with one more is exact. */
const EXACT_TERMS = 16

/** K. */
export function fingerprintCount(moduli: readonly Modulus[]): number {
  return Math.ceil(CONSISTENCY_BITS / Math.min(...moduli.map(({ log2 }) => log2)))
}

/** L_1 … L_K of one coin. Public; the caller disposes it. */
export class Fingerprints implements Disposable {
  readonly #weights: readonly Polynomial[]

  constructor(
    readonly context: Context,
    readonly coin: Uint8Array
  ) {
    const { ring, parameters } = context
    this.#weights = Array.from({ length: fingerprintCount(ring.moduli) }, (_, k) =>
      expandReference(ring, parameters.keyIndices(), deriveSeed(coin, COIN_LABEL, k))
    )
  }

  /** L_k(A) for every k. */
  of(polynomial: Polynomial): Residues[] {
    const { ring, parameters } = this.context
    const product = overwritable(ring, parameters.keyIndices(), 'ntt')
    try {
      return this.#weights.map(weight => {
        ring.multiply(product, weight, polynomial)
        return ring.moduli.map(({ number, value }, row) => {
          let sum = 0
          product.row(row).forEach((residue, x) => {
            sum += residue
            if (x % EXACT_TERMS === EXACT_TERMS - 1) sum %= number
          })
          return ((BigInt(sum) % value) + value) % value
        })
      })
    } finally {
      product.wipe()
      product.dispose()
    }
  }

  dispose(): void {
    for (const weight of this.#weights) weight.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** A dealer's answer to the coin: per power of X the K coefficients of W. */
export type Answer = readonly (readonly Residues[])[]

/** Does a dealt share lie on the answered polynomial? Looks at all of it. */
export function liesOn(
  fingerprints: Fingerprints,
  answer: Answer,
  share: { readonly polynomial: Polynomial; readonly masks: readonly Residues[] },
  point: number
): boolean {
  const { moduli } = fingerprints.context.ring
  const found = fingerprints.of(share.polynomial)
  let equal = true
  found.forEach((fingerprint, k) => {
    const expected = evaluate(
      moduli,
      answer.map(coefficients => coefficients[k]!),
      point
    )
    moduli.forEach(({ value: q }, row) => {
      const value = (fingerprint[row]! + share.masks[k]![row]!) % q
      equal = value === expected[row]! && equal
    })
  })
  return equal
}

/**
 * An answer as bytes: magic "SLTW", version 1, dealer, two zeros, the coin, then t·K residues per prime of 8 bytes, little-endian.
 */
export function writeAnswer(round: DealingRound, dealer: number, coin: Uint8Array, answer: Answer): Uint8Array {
  const out = new Uint8Array(answerLength(round))
  out.set(MAGIC)
  out.set([VERSION, dealer], MAGIC.length)
  out.set(coin, COIN_OFFSET)
  writeResidues(out, COEFFICIENTS_OFFSET, answer.flat())
  return out
}

/** @throws MalformedDealingError naming the dealer */
export function readAnswer(round: DealingRound, dealer: number, coin: Uint8Array, bytes: Uint8Array): Answer {
  const { moduli } = round.context.ring
  const length = answerLength(round)
  if (bytes.length !== length) throw new MalformedDealingError(dealer, 'length of the answer', length, bytes.length)
  const header = Uint8Array.from([...MAGIC, VERSION, dealer, 0, 0])
  const start = bytes.subarray(0, COIN_OFFSET)
  if (!equalBytes(start, header)) throw new MalformedDealingError(dealer, 'header of the answer', hex(header), hex(start))
  const answered = bytes.subarray(COIN_OFFSET, COEFFICIENTS_OFFSET)
  if (!equalBytes(answered, coin)) throw new MalformedDealingError(dealer, 'coin answered', hex(coin), hex(answered))
  const count = fingerprintCount(moduli)
  const all = readResidues(moduli, bytes, COEFFICIENTS_OFFSET, round.access.threshold * count, position => {
    throw new MalformedDealingError(dealer, `residue ${position} of the answer`, 'below its prime', 'not')
  })
  return Array.from({ length: round.access.threshold }, (_, power) => all.slice(power * count, (power + 1) * count))
}

function answerLength({ access, context: { ring } }: DealingRound): number {
  return COEFFICIENTS_OFFSET + residuesLength(ring.moduli, access.threshold * fingerprintCount(ring.moduli))
}
