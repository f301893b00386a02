/**
 * What flooding adds to a result that is switched to another key, and what is left of the result. Said once, for those who flood and those who plan for it.
 *
 *   σ_flood = sqrt(12·τ) · 2^(s/2) · σ_ct      per coefficient and share (Li, Micciancio, Schultz and Sorrell, eprint 2022/816)
 *
 * s bits of security in the sense of Kullback–Leibler divergence, τ decryptions in the session, σ_ct the tracked noise. Every party adds the full σ_flood, for the others may collude and subtract theirs, so that n
 * shares have sqrt(n)·σ_flood. With them comes the error of each party's encryption of zero under the target key. What shares add carries the margin of every source of
 * noise (`SOURCE_MARGIN_BITS`).
 *
 * What that gives, said twice, for the two are often taken for each other. The result without noise of its own and the result with it are Gaussians whose centres are
 * σ_ct apart, so their Kullback–Leibler divergence is σ_ct² / (2·σ_flood²) = 2^-s / (24·τ) a coefficient. Divergences of independent coefficients and decryptions add up:
 *
 *   over τ decryptions                      2^-s / 24 a coefficient: s *bits of security*, as 2022/816 counts them for games of search
 *   over τ decryptions of N coefficients    D = N·2^-s / 24
 *   statistical distance (Pinsker)          ≤ sqrt(D / 2) = sqrt(N·2^-s / 48) = 2^-(s/2 - log2(N)/2 + log2(48)/2)
 *
 * The minus log2 of the last is `floodingDistanceBits`. At N = 2^14, s = 30 is a distance of 2^-10.8 and s = 89 one of 2^-40.
 *
 * All noises are log2 of standard deviations per coefficient.
 */
import { combineNoise, type NoiseModel, SOURCE_MARGIN_BITS } from './noise.js'

/** What decides how much is added. */
export interface Flooding {
  /** s: bits of security in the sense of Kullback–Leibler divergence (not of statistical distance). */
  readonly securityBits: number
  /** τ: number of ciphertexts that the session allows to be decrypted, at least 1. */
  readonly maximumDecryptions: number
}

/** Standard deviations kept between the flooded noise and Q_l / 2, as log2: 8 of them (probability below 2^-49 per coefficient). */
const TAIL_BITS = 3

/** log2(48) / 2: what Pinsker's inequality and the factor 12 of σ_flood² leave. */
const DISTANCE_OFFSET = 0.5 * Math.log2(48)

/**
 * Minus log2 of the statistical distance over a session: τ ciphertexts, as many as were planned for, of N coefficients.
 * @param securityBits s
 */
export const floodingDistanceBits = (securityBits: number, N: number): number => (securityBits - Math.log2(N)) / 2 + DISTANCE_OFFSET

/** The least whole s whose statistical distance over a session is at most 2^-distanceBits. */
export const securityBitsFor = (distanceBits: number, N: number): number => Math.ceil(2 * (distanceBits - DISTANCE_OFFSET) + Math.log2(N))

/** log2(σ_flood / σ_ct) of one share. */
export const floodingFactor = ({ securityBits, maximumDecryptions }: Flooding): number =>
  0.5 * Math.log2(12 * maximumDecryptions) + securityBits / 2

/** The same of the sum of `shares` shares, as it is tracked. */
export const floodingGrowth = (flooding: Flooding, shares: number): number =>
  0.5 * Math.log2(shares) + floodingFactor(flooding) + SOURCE_MARGIN_BITS

/**
 * The least noise that any ciphertext of the scheme can have: encryption and rescaling both divide with rounding, which leaves sqrt((1 + N·var(s)) / 12). A smaller claim
 * is raised to this.
 */
export const minimumNoise = (model: NoiseModel): number => model.rounding(1)

/** Noise of one party's flooding of a ciphertext whose tracked noise is `noise`. */
export const floodingNoise = (model: NoiseModel, noise: number, flooding: Flooding): number =>
  Math.max(noise, minimumNoise(model)) + floodingFactor(flooding)

/**
 * Tracked noise under the target key, after `shares` shares have been added to a ciphertext of tracked noise `noise`.
 * @param flooded the noise that the shares' flooding is sized by, where that is another than the tracked one
 */
export function noiseAfterFlooding(model: NoiseModel, noise: number, flooding: Flooding, shares: number, flooded: number = noise): number {
  const tracked = Math.max(noise, minimumNoise(model))
  const flood = Math.max(flooded, minimumNoise(model)) + floodingGrowth(flooding, shares)
  const zeros = 0.5 * Math.log2(shares) + model.zero() + SOURCE_MARGIN_BITS
  return combineNoise(tracked, flood, zeros)
}

/**
 * log2 of what eight standard deviations of noise and a message take; it must stay below log2(Q_l / 2).
 * @param messageBits log2 of scale times the bound on |slot|; minus infinity for noise alone
 */
export function floodedBits(noise: number, messageBits = Number.NEGATIVE_INFINITY): number {
  const high = Math.max(noise + TAIL_BITS, messageBits)
  if (!Number.isFinite(high)) return high
  return high + Math.log2(2 ** (noise + TAIL_BITS - high) + 2 ** (messageBits - high))
}

/**
 * log2 of the standard deviation of the real part of a slot: an error of variance σ² per coefficient has N·σ²/2 there.
 * @param noise per coefficient
 */
export const slotNoise = (N: number, noise: number, scale: number): number => noise + 0.5 * Math.log2(N / 2) - Math.log2(scale)
