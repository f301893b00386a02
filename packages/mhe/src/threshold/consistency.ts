/**
 * What shows that a dealer's shares lie on one polynomial of degree below t, and nothing else.
 *
 *   coin                 r_k uniform in R_QP and u_k uniform residues, k = 1 … K, drawn after all shares are dealt
 *   fingerprint          L_k(A) = Σ_x r_k[x]·A[x]              modulo every prime; x over the N points of the NTT
 *   dealt besides S(j)   masks m_k(j), spare masks v_k(j) and their masks w_k(j), of uniform polynomials of degree t - 1, one residue per prime each
 *   answer, public       W_k(X) = L_k(S)(X) + m_k(X) and V_k(X) = Σ_l u_k,l·v_l(X) + w_k(X)       t coefficients of one residue per prime each
 *   receiver j checks    L_k(S(j)) + m_k(j) = W_k(j) and Σ_l u_k,l·v_l(j) + w_k(j) = V_k(j)       for every k and prime
 *
 * What it catches: let H be the receivers that check. If no polynomial of degree below t over Z_q goes through their (S(j), m(j)), j in H, modulo some prime q, the
 * part of them that leaves the code is h ≠ 0, and all of H accept only if L_k(h_S) + h_m,k = 0 for every k, which uniform r_k have probability q^-K of: at most
 * 2^-128 with K = ⌈128 / log2 q_min⌉, or 2^-(128 - b) for a dealer that can try 2^b coins. Whoever of H does not accept complains. The same of v and w.
 * Modulo primes where h = 0 there is nothing to catch; so too where H has t members or fewer, whose shares always fit.
 *
 * What it shows: W_k and V_k are uniform whatever S and v, for m_k and w_k are; so nothing. Under a second coin the difference of two answers would be a function of
 * S alone, therefore one coin per dealing.
 *
 * Where the constant term is to be zero, m_k(0) = 0 as well and everybody checks W_k(0) = 0, with the same error. Where it is to be the dealer's share before,
 * m_k(0) is the spare mask of that share, and all W_k(0) lie on one polynomial (vouching.ts). That the constant terms of a first dealing are those of public-key
 * shares is not shown: let an active set make the public key after the dealing, and the secret is what was dealt, by definition.
 */
import type { Context } from '@slytherin/ckks'
import { deriveSeed, type Modulus, type Polynomial } from '@slytherin/ring'
import { equalBytes, hex } from '../hash.js'
import { expandReference } from '../reference.js'
import { overwritable } from '../scratch.js'
import { MalformedDealingError } from './errors.js'
import {
  addResidues,
  evaluate,
  fingerprintCount,
  type Residues,
  readResidues,
  residuesLength,
  sumOfProducts,
  uniformResidues,
  writeResidues
} from './residues.js'
import { COIN_BYTES, type DealingRound } from './round.js'

const MAGIC = [0x53, 0x4c, 0x54, 0x57] as const
const VERSION = 1
const COIN_OFFSET = 8
const COEFFICIENTS_OFFSET = COIN_OFFSET + COIN_BYTES
const COIN_LABEL = 'slytherin threshold fingerprint'
const SPARE_LABEL = 'slytherin threshold fingerprint of spare masks'

/** So many balanced residues below 2^48, and one remainder below 2^49, have an exact sum. */
const EXACT_TERMS = 16

/** L_1 … L_K of one coin. Public; the caller disposes it. */
export class Fingerprints implements Disposable {
  readonly #weights: readonly Polynomial[]
  /** u_k,l. */
  readonly #spareWeights: readonly (readonly Residues[])[]

  constructor(
    readonly context: Context,
    readonly coin: Uint8Array
  ) {
    const { ring, parameters } = context
    const each = Array.from({ length: fingerprintCount(ring.moduli) }, (_, k) => k)
    this.#weights = each.map(k => expandReference(ring, parameters.keyIndices(), deriveSeed(coin, COIN_LABEL, k)))
    this.#spareWeights = each.map(k => each.map(l => uniformResidues(ring.moduli, coin, SPARE_LABEL, k, l)))
  }

  /** L_k(A) for every k. */
  of(polynomial: Polynomial): Residues[] {
    const { ring, parameters } = this.context
    const product = overwritable(ring, parameters.keyIndices(), 'ntt')
    try {
      return this.#weights.map(weight => {
        ring.multiply(product, weight, polynomial)
        return ring.moduli.map((modulus, row) => sumOf(product.row(row), modulus))
      })
    } finally {
      product.wipe()
      product.dispose()
    }
  }

  /** Σ_l u_k,l·v_l for every k. */
  ofSpare(spare: readonly Residues[]): Residues[] {
    return this.#spareWeights.map(weights => sumOfProducts(this.context.ring.moduli, weights, spare))
  }

  /** Lets go of the weights. */
  dispose(): void {
    for (const weight of this.#weights) weight.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Σ of balanced residues, in [0, q). */
function sumOf(residues: Float64Array, { number, value }: Modulus): bigint {
  let sum = 0
  for (let x = 0; x < residues.length; x += EXACT_TERMS) {
    const end = Math.min(x + EXACT_TERMS, residues.length)
    for (let i = x; i < end; i++) sum += residues[i]!
    sum %= number
  }
  return ((BigInt(sum) % value) + value) % value
}

/** A dealer's answer to the coin: per power of X the K coefficients of W, then the K of V. */
export type Answer = readonly (readonly Residues[])[]

/** What is checked of a dealt share. */
export interface Fingerprinted {
  /** S(j), NTT form over every modulus. */
  readonly polynomial: Polynomial
  /** m_1(j) … m_K(j). */
  readonly masks: readonly Residues[]
  /** v_1(j) … v_K(j). */
  readonly spare: readonly Residues[]
  /** w_1(j) … w_K(j). */
  readonly spareMasks: readonly Residues[]
}

/** The K residues of W, then the K of V, that belong to S and v with these masks: of a share, or of one coefficient of the dealer's polynomials. */
export function maskedFingerprints(fingerprints: Fingerprints, { masks, spareMasks, spare, polynomial }: Fingerprinted): Residues[] {
  const { moduli } = fingerprints.context.ring
  return [...addResidues(moduli, fingerprints.of(polynomial), masks), ...addResidues(moduli, fingerprints.ofSpare(spare), spareMasks)]
}

/** Does a dealt share lie on the answered polynomials? Looks at all of it. */
export function liesOn(fingerprints: Fingerprints, answer: Answer, share: Fingerprinted, point: number): boolean {
  const { moduli } = fingerprints.context.ring
  let equal = true
  maskedFingerprints(fingerprints, share).forEach((found, k) => {
    const coefficients = answer.map(words => words[k]!)
    evaluate(moduli, coefficients, point).forEach((expected, row) => {
      equal = found[row] === expected && equal
    })
  })
  return equal
}

/**
 * An answer as bytes: magic "SLTW", version 1, dealer, two zeros, the coin, then t·2K residues per prime of 8 bytes, little-endian.
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
  const count = 2 * fingerprintCount(moduli)
  const all = readResidues(moduli, bytes, COEFFICIENTS_OFFSET, round.access.threshold * count, position => {
    throw new MalformedDealingError(dealer, `residue ${position} of the answer`, 'below its prime', 'not')
  })
  return Array.from({ length: round.access.threshold }, (_, power) => all.slice(power * count, (power + 1) * count))
}

function answerLength({ access, context: { ring } }: DealingRound): number {
  return COEFFICIENTS_OFFSET + residuesLength(ring.moduli, access.threshold * 2 * fingerprintCount(ring.moduli))
}
