/**
 * Noise flooding of switched and decrypted results.
 *
 *   σ_flood = sqrt(12·τ) · 2^(s/2) · σ_ct
 *
 * (Li, Micciancio, Schultz and Sorrell, eprint 2022/816; OpenFHE floods with the same constant.) s is the number of bits of security, τ
 * the number of decryptions the session allows, σ_ct the *tracked* noise of the ciphertext, a conservative standard deviation per
 * coefficient that depends on the circuit and on public bounds only, never on the value decrypted.
 *
 * Why: the approximate result of CKKS is m + e. Who learns it exactly learns c0 + c1·s exactly, hence s (eprint 2020/1533). Flooding
 * makes the published value statistically close to one that does not depend on e.
 *
 * What it gives, s bits of security and, another number, a statistical distance, is derived in the scheme's package (`ckks/flooding`). σ_ct must
 * be a number that nobody gains from understating; whoever plans provides it, and key holders take it from their own plan, never from a request.
 *
 * Every party adds the full σ_flood, for the others may collude and subtract theirs: the sum of n shares has sqrt(n)·σ_flood.
 */
import {
  type Context,
  type Flooding,
  floodedBits,
  minimumNoise as leastNoise,
  noiseAfterFlooding as noiseAfterShares,
  floodingNoise as noiseOfShare,
  slotNoise
} from '@slytherin/ckks'
import { FloodingHeadroomError, FloodingSecurityError, InvalidShareRequestError } from './errors.js'

/** Fewer bits of security than this are refused. */
export const MINIMUM_FLOODING_SECURITY_BITS = 30

/** Widest flooding the sampler supports, as log2 of the standard deviation. */
export const MAXIMUM_FLOODING_LOG2_SIGMA = 200

/** Steps per octave of the sampled standard deviation, and what is forgiven before the next step is taken. */
const SIGMA_STEPS = 1024
const SIGMA_SLACK = 1e-6

/** What flooding needs to know of a context: parameters, noise model and number of parties; no ring. */
export type FloodingContext = Pick<Context, 'parameters' | 'noise' | 'parties'>

/** What is known of a ciphertext that is to be switched. */
export interface FloodedCiphertext {
  readonly level: number
  /** log2 of the tracked standard deviation per coefficient. */
  readonly noise: number
  /** Scale of the message; precision can only be told when it is given. */
  readonly scale?: number
  /** Bound on |slot value|; the message's room below Q_l / 2 is only checked when it is given. */
  readonly magnitude?: number
}

/** @throws FloodingSecurityError below 30 bits; InvalidShareRequestError for a count of decryptions that is not a positive integer */
export function checkFlooding(flooding: Flooding): void {
  if (!(flooding.securityBits >= MINIMUM_FLOODING_SECURITY_BITS) || !Number.isFinite(flooding.securityBits)) {
    throw new FloodingSecurityError(flooding.securityBits, MINIMUM_FLOODING_SECURITY_BITS)
  }
  if (!Number.isSafeInteger(flooding.maximumDecryptions) || flooding.maximumDecryptions < 1) {
    throw new InvalidShareRequestError('switch', 'maximumDecryptions', 'a positive integer', flooding.maximumDecryptions)
  }
}

/** The least noise any ciphertext of the scheme can have, as log2 of the standard deviation per coefficient. */
export const minimumNoise = (context: FloodingContext): number => leastNoise(context.noise)

/**
 * log2 of the standard deviation of one party's flooding noise.
 *
 * @param noise log2 of the tracked σ_ct
 * @throws FloodingSecurityError, InvalidShareRequestError
 */
export function floodingNoise(context: FloodingContext, noise: number, flooding: Flooding): number {
  checkRequest(noise, flooding)
  return noiseOfShare(context.noise, noise, flooding)
}

function checkRequest(noise: number, flooding: Flooding): void {
  checkFlooding(flooding)
  if (!Number.isFinite(noise)) throw new InvalidShareRequestError('switch', 'noise', 'a finite log2', noise)
}

/**
 * The standard deviation that is sampled: 2^log2Sigma rounded up to 11 significant bits, so that the last place of an engine's logarithm
 * cannot change the bytes of a share.
 */
export function sampledSigma(log2Sigma: number): number {
  const exponent = Math.floor(log2Sigma)
  const steps = Math.ceil((2 ** (log2Sigma - exponent) - 1) * SIGMA_STEPS - SIGMA_SLACK)
  return 2 ** exponent * (1 + steps / SIGMA_STEPS)
}

/**
 * log2 of the standard deviation per coefficient under the target key, after the shares of `parties` have been added: the ciphertext's own
 * noise, a flooding noise per party, and the error of each party's encryption of zero under the target key.
 *
 * @param flooded log2 of the σ_ct that the shares were flooded by, where it is not the ciphertext's tracked noise
 */
export function noiseAfterFlooding(
  context: FloodingContext,
  noise: number,
  flooding: Flooding,
  parties: number = context.parties,
  flooded: number = noise
): number {
  checkRequest(noise, flooding)
  checkRequest(flooded, flooding)
  return noiseAfterShares(context.noise, noise, flooding, parties, flooded)
}

/**
 * Bits of absolute precision left in a slot after flooding: -log2 of the standard deviation of its real part.
 * An error of variance σ² per coefficient has variance N·σ²/2 in the real part of a slot.
 */
export function precisionLeft(
  context: FloodingContext,
  ciphertext: FloodedCiphertext & { scale: number },
  flooding: Flooding,
  parties?: number
): number {
  return slotPrecision(context, noiseAfterFlooding(context, ciphertext.noise, flooding, parties), ciphertext.scale)
}

/** Bits of absolute precision in the real part of a slot for noise of log2 σ `noise` per coefficient at the given scale. */
export function slotPrecision(context: FloodingContext, noise: number, scale: number): number {
  return -slotNoise(context.parameters.N, noise, scale)
}

/**
 * @throws FloodingHeadroomError when eight standard deviations of the flooded noise, and the message where its scale and magnitude are
 * given, do not fit below Q_l / 2
 */
export function checkHeadroom(context: FloodingContext, ciphertext: FloodedCiphertext, flooding: Flooding, parties?: number): void {
  const { parameters } = context
  const after = noiseAfterFlooding(context, ciphertext.noise, flooding, parties)
  const headroom = parameters.logModulus(ciphertext.level) - 1
  const { scale, magnitude } = ciphertext
  const message = scale !== undefined && magnitude !== undefined ? Math.log2(scale) + Math.log2(magnitude) : undefined
  const needed = floodedBits(after, message)
  if (needed >= headroom || floodingNoise(context, ciphertext.noise, flooding) > MAXIMUM_FLOODING_LOG2_SIGMA) {
    const precision = scale === undefined ? Number.NaN : slotPrecision(context, after, scale)
    throw new FloodingHeadroomError(ciphertext.level, after, headroom, precision)
  }
}

/**
 * Rounds decoded values to a precision, so that nothing below it is shown or passed on.
 *
 * @param precisionBits bits of absolute precision; values become multiples of 2^-floor(precisionBits)
 */
export function roundToPrecision(values: Float64Array, precisionBits: number): Float64Array {
  const step = 2 ** -Math.floor(precisionBits)
  return values.map(value => Math.round(value / step) * step)
}
