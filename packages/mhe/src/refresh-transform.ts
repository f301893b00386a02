/**
 * Linear maps that ride inside a refresh: from the message polynomial m one or several outputs, each a sum of signed monomials times automorphisms,
 *
 *   T_k(m) = Σ_t ±X^(e_t)·σ_(g_t)(m)      in Z[X]/(X^N + 1)
 *
 * Every term moves coefficients about and changes signs, so T_k is linear over the integers without any rounding, and commutes with reduction modulo whatever Q:
 * T_k(m - M) + T_k(M) = T_k(m) to the last bit, however large the masks M are. (A map with fractions of slots would round the masks and lose the message.)
 *
 * The scale that outputs are read at belongs to the map: the two halves of a split hold twice what they stand for, and so have twice the scale.
 */
import { conjugationElement, galoisElementOf } from '@slytherin/ckks'
import type { Polynomial, Ring } from '@slytherin/ring'
import { InvalidShareRequestError } from './errors.js'
import type { Scratch } from './scratch.js'

/** sign·X^exponent·σ_element */
export interface AutomorphismTerm {
  /** Galois element g, odd, 1 ≤ g < 2N; 1 leaves the polynomial as it is. */
  readonly element: number
  /** 0 ≤ exponent < 2N */
  readonly exponent: number
  readonly sign: 1 | -1
}

/** An exact linear map that rides inside a refresh. */
export interface RefreshTransform {
  /** One ciphertext comes out for each. */
  readonly outputs: readonly (readonly AutomorphismTerm[])[]
  /** Scale of the outputs relative to the input's. */
  readonly scaleFactor: number
}

const UNCHANGED: AutomorphismTerm = { element: 1, exponent: 0, sign: 1 }

/** A plain refresh. */
export const IDENTITY_TRANSFORM: RefreshTransform = { outputs: [[UNCHANGED]], scaleFactor: 1 }

/**
 * From z = a + X^(N/2)·b with a, b real slot vectors (`pairSlots` of `@slytherin/ckks`) a and b, at twice the scale:
 *
 *   z + σ(z) = 2·a,     (z - σ(z))·X^(-N/2) = 2·b,     σ the conjugation, which turns X^(N/2) into its negative
 *
 * In slots: the real parts, and the imaginary parts with their sign turned in odd slots.
 */
export function splitTransform(N: number): RefreshTransform {
  const conjugate: AutomorphismTerm = { element: conjugationElement(N), exponent: 0, sign: 1 }
  // X^(-N/2) is -X^(N/2)
  const turned = (term: AutomorphismTerm, sign: 1 | -1): AutomorphismTerm => ({ ...term, exponent: N / 2, sign })
  return {
    outputs: [
      [UNCHANGED, conjugate],
      [turned(UNCHANGED, -1), turned(conjugate, 1)]
    ],
    scaleFactor: 2
  }
}

/**
 * Rotate-and-add folds: (1 + ρ_(r_1))·(1 + ρ_(r_2))·…, ρ_r the rotation of the slots to the left by r. One output at the same scale; k folds have 2^k terms.
 */
export function foldTransform(N: number, rotations: readonly number[]): RefreshTransform {
  let shifts = [0]
  for (const rotation of rotations) shifts = shifts.flatMap(shift => [shift, shift + rotation])
  return { outputs: [shifts.map(shift => ({ ...UNCHANGED, element: galoisElementOf(shift, N) }))], scaleFactor: 1 }
}

export function isIdentity({ outputs, scaleFactor }: RefreshTransform): boolean {
  const [first] = outputs
  if (outputs.length !== 1 || first?.length !== 1 || scaleFactor !== 1) return false
  const { element, exponent, sign } = first[0]!
  return element === 1 && exponent === 0 && sign === 1
}

/** A text that says all of the map, so that different maps have different names: it enters ledger, seeds and reference polynomials. */
export function transformName(transform: RefreshTransform): string {
  if (isIdentity(transform)) return 'identity'
  const outputs = transform.outputs.map(terms =>
    terms.map(({ element, exponent, sign }) => `${sign > 0 ? '+' : '-'}X${exponent}s${element}`).join('')
  )
  return `${outputs.join(',')}/${transform.scaleFactor}`
}

/** The factor by which T_k can enlarge a coefficient, the standard deviation of an error, or |slot|: its number of terms. */
export function growth(terms: readonly AutomorphismTerm[]): number {
  return terms.length
}

/** @throws InvalidShareRequestError naming what is wrong with the map */
export function checkTransform({ outputs, scaleFactor }: RefreshTransform, N: number): void {
  const demand = (field: string, holds: boolean, expected: string, actual: number): void => {
    if (!holds) throw new InvalidShareRequestError('refresh', `transform ${field}`, expected, actual)
  }
  demand('scale factor', Number.isFinite(scaleFactor) && scaleFactor > 0, 'positive and finite', scaleFactor)
  demand('outputs', outputs.length > 0, 'at least 1', outputs.length)
  for (const terms of outputs) {
    demand('terms', terms.length > 0, 'at least 1', terms.length)
    for (const { element, exponent, sign } of terms) {
      demand(
        'element',
        Number.isInteger(element) && element % 2 === 1 && element >= 1 && element < 2 * N,
        `odd and below ${2 * N}`,
        element
      )
      demand('exponent', Number.isInteger(exponent) && exponent >= 0 && exponent < 2 * N, `0 to ${2 * N - 1}`, exponent)
      demand('sign', sign === 1 || sign === -1, '1 or -1', sign)
    }
  }
}

/** `out += Σ_t ±X^(e_t)·σ_(g_t)(message)`; both in NTT form over the same moduli. */
export function addImage(ring: Ring, out: Polynomial, message: Polynomial, terms: readonly AutomorphismTerm[], scratch: Scratch): void {
  const moved = scratch.allocate(out.indices, 'ntt')
  for (const { element, exponent, sign } of terms) {
    const image = element === 1 ? message : ring.automorphism(moved, message, element)
    if (exponent !== 0) ring.multiplyAdd(out, image, monomial(ring, out.indices, exponent, sign, scratch))
    else if (sign > 0) ring.add(out, out, image)
    else ring.subtract(out, out, image)
  }
}

/** sign·X^exponent modulo X^N + 1, NTT form. */
function monomial(ring: Ring, indices: readonly number[], exponent: number, sign: number, scratch: Scratch): Polynomial {
  const coefficients = new Float64Array(ring.N)
  coefficients[exponent % ring.N] = exponent < ring.N ? sign : -sign
  return ring.ntt(ring.fromIntegers(scratch.allocate(indices, 'coefficient'), coefficients))
}
