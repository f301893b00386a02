/** What attacks have in common once they have their answers: from noisy multiples of a secret to the secret, and whether it is the one. */
import { CanonicalEmbedding, type Context } from '@slytherin/ckks'
import { PublicKeyGeneration } from '@slytherin/mhe'
import type { Polynomial } from '@slytherin/ring'
import { interpolator } from './interpolation.js'

/** No error of a share of the public key is as large as this. */
const ERROR_BOUND = 64
/** More than enough to settle coefficients that the slots known leave in doubt. */
const ROUNDS = 20

/**
 * Whether these coefficients are the secret behind a share of the public key: b + a·s is the share's error for the right secret, and for no other.
 *
 * @param shares of the public key, of whoever's secrets are summed
 * @param coefficients N of them
 */
export function isSecretOf(context: Context, sessionId: Uint8Array, shares: readonly Uint8Array[], coefficients: Float64Array): boolean {
  const { ring, parameters } = context
  const generation = new PublicKeyGeneration(context, sessionId)
  using secret = ring.ntt(ring.fromIntegers(ring.allocate(parameters.keyIndices(), 'coefficient'), coefficients))
  using error = generation.aggregate(shares.map(share => generation.deserialize(share)))
  using reference = generation.referencePolynomial()
  ring.multiplyAdd(error, reference, secret)
  return ring.toDoubles(ring.inverseNtt(error)).every(value => Math.abs(value) < ERROR_BOUND)
}

/** ⌊Q_l / divisor⌋ in every slot of the NTT: the constant polynomial. @returns ntt domain over q_0 … q_l */
export function constantFraction(context: Context, level: number, divisor: bigint): Polynomial {
  const { ring, parameters } = context
  const one = new Float64Array(ring.N)
  one[0] = 1
  const constant = ring.fromIntegers(ring.allocate(parameters.ciphertextIndices(level), 'coefficient'), one)
  return ring.ntt(ring.multiplyScalar(constant, constant, modulus(context, level) / divisor))
}

/**
 * The multiples s_k with h = s·⌊Q_l/divisor⌋ + m, ‖m‖ < Q_l/(2·divisor): what a share of a crafted request gives away.
 *
 * @param h ntt domain over q_0 … q_l; stays as it is
 */
export function roundToFraction(context: Context, level: number, h: Polynomial, divisor: bigint): Float64Array {
  const Q = modulus(context, level)
  const step = Q / divisor
  return Float64Array.from(exactCoefficients(context, level, h), value => {
    const rounded = (value + (value < 0n ? -step : step) / 2n) / step
    return Number(rounded)
  })
}

/** Q_l. */
export function modulus({ ring, parameters }: Context, level: number): bigint {
  return parameters.ciphertextIndices(level).reduce((product, index) => product * ring.moduli[index]!.value, 1n)
}

/** Centred integers modulo Q_l. */
export function exactCoefficients(context: Context, level: number, polynomial: Polynomial): bigint[] {
  const { ring, parameters } = context
  using copy = polynomial.clone()
  ring.inverseNtt(copy)
  const moduli = parameters.ciphertextIndices(level).map(index => ring.moduli[index]!.value)
  const product = modulus(context, level)
  const factors = moduli.map(q => (product / q) * inverse((product / q) % q, q))
  const words = new DataView(ring.encodeWords(copy).slice().buffer)
  return Array.from({ length: ring.N }, (_, i) => {
    const sum = moduli.reduce((total, _q, k) => total + words.getBigUint64(8 * (k * ring.N + i), true) * factors[k]!, 0n)
    const value = sum % product
    return value > product / 2n ? value - product : value
  })
}

/** a^-1 modulo a prime q. */
export function inverse(a: bigint, q: bigint): bigint {
  let [r0, r1, t0, t1] = [q, a, 0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  return ((t0 % q) + q) % q
}

/** Slots of a secret, as far as they are known. */
export interface KnownSlots {
  readonly real: Float64Array
  readonly imaginary: Float64Array
  /** 1 where a slot is known. */
  readonly has: Uint8Array
}

export function noSlots(N: number): KnownSlots {
  return { real: new Float64Array(N / 2), imaginary: new Float64Array(N / 2), has: new Uint8Array(N / 2) }
}

/** The secret with these slots, whose coefficients are small whole numbers: rounded, its own slots put where none is known, and again. */
export function wholeNumbers(N: number, { real, imaginary, has }: KnownSlots): Float64Array {
  const embedding = new CanonicalEmbedding(N)
  const interpolate = interpolator(N)
  const slots = { real: real.slice(), imaginary: imaginary.slice() }
  let rounded = new Float64Array(N)
  for (let round = 0; round < ROUNDS; round++) {
    rounded = interpolate(slots).map(value => Math.round(value) + 0)
    const implied = embedding.evaluate(rounded, 1)
    for (let slot = 0; slot < has.length; slot++) {
      if (has[slot] === 1) continue
      slots.real[slot] = implied.real[slot]!
      slots.imaginary[slot] = implied.imaginary[slot]!
    }
  }
  return rounded
}

/** a / b residue by residue: ntt domain, over the same moduli, b without a zero. @returns a new polynomial */
export function quotient({ ring }: Context, a: Polynomial, b: Polynomial): Polynomial {
  const [above, below] = [a, b].map(p => new BigUint64Array(ring.encodeWords(p).slice().buffer)) as [BigUint64Array, BigUint64Array]
  const { N } = ring
  for (const [k, index] of a.indices.entries()) {
    const q = ring.moduli[index]!.value
    // One inversion for all: products of what is before each, and back again.
    const before = new BigUint64Array(N)
    let product = 1n
    for (let i = 0; i < N; i++) {
      before[i] = product
      product = (product * below[k * N + i]!) % q
    }
    if (product === 0n) throw new Error('a residue to divide by is zero')
    let rest = inverse(product, q)
    for (let i = N - 1; i >= 0; i--) {
      above[k * N + i] = (above[k * N + i]! * ((rest * before[i]!) % q)) % q
      rest = (rest * below[k * N + i]!) % q
    }
  }
  return ring.decodeWords(new Uint8Array(above.buffer), a.indices, 'ntt')
}
