/**
 * A cohort on a small, insecure ring, with the ideal secret (the sum of the shares) that only a test may hold.
 */
import {
  type Ciphertext,
  Context,
  Decryptor,
  type KeySwitchKey,
  Parameters,
  type Plaintext,
  type PublicKey,
  SecretKey
} from '@slytherin/ckks'
import { GaloisKeyGeneration, PublicKeyGeneration, RelinearizationKeyGeneration } from '@slytherin/mhe'
import { deriveSeed, type Kernel, loadKernel, type Polynomial, type Ring } from '@slytherin/ring'

export interface CohortOptions {
  readonly parties: number
  readonly logN?: number
  readonly levels?: number
  readonly primeBits?: number
  readonly specialPrimes?: number
  readonly label?: string
}

export interface Cohort {
  readonly context: Context
  readonly parameters: Parameters
  readonly ring: Ring
  readonly sessionId: Uint8Array
  readonly secrets: readonly SecretKey[]
  readonly ideal: SecretKey
  /** A reproducible 32-byte seed. */
  seed(...labels: (string | number)[]): Uint8Array
}

const kernel = await loadKernel()

export function makeCohort(options: CohortOptions): Cohort {
  const { parties, logN = 8, levels = 6, primeBits = 45, specialPrimes = 1 } = options
  const parameters = Parameters.generate({
    logN,
    firstPrimeBits: 48,
    primeBits,
    levels,
    specialPrimeBits: 48,
    specialPrimes,
    scale: 2 ** primeBits,
    insecure: true
  })
  return cohortOf(parameters, parties, options.label)
}

export function cohortOf(parameters: Parameters, parties: number, label = 'cohort', on: Kernel = kernel): Cohort {
  const context = Context.create(parameters, on, { parties })
  const root = deriveSeed(new Uint8Array(32), label, parties)
  const seed = (...labels: (string | number)[]) => deriveSeed(root, ...labels)
  const secrets = Array.from({ length: parties }, (_, i) => SecretKey.fromSeed(context, seed('secret', i)))
  return {
    context,
    parameters,
    ring: context.ring,
    sessionId: seed('session'),
    secrets,
    ideal: SecretKey.sum(context, secrets),
    seed
  }
}

export function collectivePublicKey(cohort: Cohort): PublicKey {
  const protocol = new PublicKeyGeneration(cohort.context, cohort.sessionId)
  const shares = cohort.secrets.map((secret, i) => protocol.share(secret, cohort.seed('public key', i)))
  const key = protocol.finalize(protocol.aggregate(shares))
  for (const share of shares) share.dispose()
  return key
}

export function collectiveRelinearizationKey(cohort: Cohort, level: number = cohort.parameters.maxLevel): KeySwitchKey {
  const protocol = new RelinearizationKeyGeneration(cohort.context, cohort.sessionId, level)
  const ephemeral = (i: number) => cohort.seed('ephemeral', i)
  const ones = cohort.secrets.map((secret, i) => protocol.shareOne(secret, ephemeral(i), cohort.seed('round one', i)))
  const one = protocol.aggregateOne(ones)
  const twos = cohort.secrets.map((secret, i) => protocol.shareTwo(secret, ephemeral(i), one, cohort.seed('round two', i)))
  const two = protocol.aggregateTwo(twos)
  for (const share of ones) protocol.formatOne.dispose(share)
  for (const share of twos) protocol.formatTwo.dispose(share)
  return protocol.finalize(one, two)
}

export function collectiveGaloisKey(cohort: Cohort, element: number, level: number = cohort.parameters.maxLevel): KeySwitchKey {
  const protocol = new GaloisKeyGeneration(cohort.context, cohort.sessionId, level)
  const shares = cohort.secrets.map((secret, i) => protocol.share(secret, element, cohort.seed('galois', element, i)))
  const key = protocol.finalize(protocol.aggregate(shares), element)
  for (const share of shares) protocol.format.dispose(share)
  return key
}

/** Slot values of modulus below 1, reproducible. */
export function randomSlots(cohort: Cohort, label: string): { real: Float64Array; imaginary: Float64Array } {
  const { slots } = cohort.parameters
  const bytes = new Uint32Array(2 * slots)
  let state = 0x9e3779b9
  for (const character of label) state = Math.imul(state ^ character.charCodeAt(0), 0x01000193)
  for (let i = 0; i < bytes.length; i++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[i] = state
  }
  const at = (i: number) => (bytes[i]! / 2 ** 32 - 0.5) * 1.4
  return {
    real: Float64Array.from({ length: slots }, (_, i) => at(i)),
    imaginary: Float64Array.from({ length: slots }, (_, i) => at(slots + i))
  }
}

export function largestDifference(a: Float64Array, b: Float64Array): number {
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i]!)), 0)
}

/** c0 + c1·s, in coefficient form, as doubles. */
export function phaseCoefficients(cohort: Cohort, c0: Polynomial, c1: Polynomial, secret: SecretKey = cohort.ideal): Float64Array {
  const phase = c0.clone()
  cohort.ring.multiplyAdd(phase, c1, secret.polynomial)
  return coefficients(cohort.ring, phase, true)
}

/** Centred coefficients of a polynomial in either form. */
export function coefficients(ring: Ring, polynomial: Polynomial, consume = false): Float64Array {
  const copy = consume ? polynomial : polynomial.clone()
  if (copy.domain === 'ntt') ring.inverseNtt(copy)
  const values = ring.toDoubles(copy)
  copy.dispose()
  return values
}

export function standardDeviation(values: Float64Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length)
}

export function largest(values: Float64Array): number {
  return values.reduce((worst, value) => Math.max(worst, Math.abs(value)), 0)
}

/** The error of a ciphertext against the plaintext it should hold (same level and scale). */
export function ciphertextError(
  cohort: Cohort,
  ciphertext: Ciphertext,
  plaintext: Plaintext,
  secret: SecretKey = cohort.ideal
): Float64Array {
  const phase = ciphertext.components[0]!.clone()
  cohort.ring.multiplyAdd(phase, ciphertext.components[1]!, secret.polynomial)
  cohort.ring.subtract(phase, phase, plaintext.polynomial)
  return coefficients(cohort.ring, phase, true)
}

export function decrypt(
  cohort: Cohort,
  ciphertext: Ciphertext,
  secret: SecretKey = cohort.ideal
): { real: Float64Array; imaginary: Float64Array } {
  return new Decryptor(cohort.context, secret).decrypt(ciphertext)
}

/** Exact centred integers modulo the product of the polynomial's moduli. */
export function exactCoefficients(ring: Ring, polynomial: Polynomial): bigint[] {
  const copy = polynomial.clone()
  if (copy.domain === 'ntt') ring.inverseNtt(copy)
  const moduli = copy.indices.map(index => ring.moduli[index]!.value)
  const words = new DataView(ring.encodeWords(copy).slice().buffer)
  copy.dispose()
  const product = moduli.reduce((a, b) => a * b, 1n)
  const factors = moduli.map(q => (product / q) * inverse((product / q) % q, q))
  return Array.from({ length: ring.N }, (_, i) => {
    let value = 0n
    for (let k = 0; k < moduli.length; k++) value += words.getBigUint64(8 * (k * ring.N + i), true) * factors[k]!
    value %= product
    return value > product / 2n ? value - product : value
  })
}

export function inverse(a: bigint, q: bigint): bigint {
  let [r0, r1, t0, t1] = [q, ((a % q) + q) % q, 0n, 1n]
  while (r1 !== 0n) {
    const quotient = r0 / r1
    ;[r0, r1] = [r1, r0 - quotient * r1]
    ;[t0, t1] = [t1, t0 - quotient * t1]
  }
  if (r0 !== 1n) throw new RangeError('not invertible')
  return ((t0 % q) + q) % q
}
