/**
 * Average-case noise of CKKS, as log2 of the standard deviation σ of one coefficient of the error polynomial e, where
 *
 *   c0 + c1·s (+ c2·s²) = Δ·encode(m) + e   mod Q_l .
 *
 * Errors of different ciphertexts count as independent (variances add), coefficients of one error as uncorrelated; an operand used twice in one
 * operation (a + a, a²) is treated as fully correlated. Messages enter by a bound B on |slot|: in the ring, ‖m·e‖² = mean over the roots of
 * |m|²·|e|², hence
 *
 *   σ(m·e) ≤ Δ·B·σ(e)                                            [exact for constant |slot|, no factor N]
 *
 *   encode        σ² = 1/12 + (Δ·B·log2(N)·2^-53)²/N             rounding of the coefficients; rounding of the transform in doubles
 *   rounding(d)   σ² = (1 + N·v + [d = 2]·2·N²·v²) / 12          v = parties·2/3, the variance of a coefficient of s; ‖s²‖² = 2·N²·v² per coefficient
 *   encrypt       σ² = σ0²·(parties·(1 + N·2/3) + N·v)/p² + rounding(1) + encode      zero encrypted modulo Q_l·p, divided by p
 *   sum           σ² = σa² + σb²  (+ the error of adding scales that differ by δ: |δ|·B_b in the slots)
 *   product       σ² = (Δa·Ba)²·σb² + (Δb·Bb)²·σa² + N·σa²·σb²
 *   square        σ² = (2·Δa·Ba·σa)² + 2·N·σa⁴
 *   rescale       σ² = σ²/q_l² + rounding(degree)
 *   key switch    σ² = σ² + Σ_j N·f_j·D_j²·σk²/P² + rounding(1)   D_j the product of the primes of digit j, σk the error of the key
 *
 * f is the mean square of a digit relative to D²: 1/12 when digits are centred. SEAL's digits are in [0, D): their mean D/2 multiplies alternating
 * partial sums of the key error, whose mean square has expectation 1/4 but few degrees of freedom (eigenvalues 4/((2k+1)π)², each twice); the model
 * takes 1/12 + 1, which is exceeded with probability of about 1 % per key and digit.
 *
 * Collective keys (eprint 2020/304): a public or Galois key has σk² = parties·σ0². The two rounds of the relinearisation key leave s·e0 + u·e1 + e2 + e3,
 * σk² = parties·σ0²·(2·N·v + 2).
 *
 * Every *source* (encrypt, rounding, key switch) carries a margin of `SOURCE_MARGIN_BITS`, which covers the fluctuation of a sample of N coefficients and
 * of ‖s‖; propagation adds none, so margins do not pile up. Flooding multiplies the tracked σ, hence every bit of slack costs a bit of the result.
 */
import type { Parameters } from './parameters.js'
import { ERROR_SIGMA, TERNARY_VARIANCE } from './security.js'

/** What the model needs to know of an operand. */
export interface NoisyMessage {
  readonly scale: number
  /** Bound on |slot|. */
  readonly magnitude: number
  /** log2 σ. */
  readonly noise: number
}

/** What the noise of a key switch depends on. */
export interface KeySwitchNoise {
  readonly level: number
  /** log2 σ of the key's error. */
  readonly keyNoise: number
  /** Are the digits centred (this package's kernel) or in [0, D) (SEAL)? */
  readonly digits: 'centred' | 'positive'
}

/** Bits added to every source of noise. Over 400 random keys at N = 2^11 the largest measured excess over the model without it was 0.11 bits. */
export const SOURCE_MARGIN_BITS = 0.15

/** The same where s² multiplies the rounding: ‖s²‖ varies more from key to key (0.38 bits at N = 2^11, 0.04 at 2^14). */
const SQUARE_MARGIN_BITS = 0.4

const CENTRED_DIGIT = 1 / 12
const POSITIVE_DIGIT = 1 / 12 + 1

/** log2 of the standard deviation of a sum of independent errors. */
export function combineNoise(...sigmas: readonly number[]): number {
  const largest = Math.max(...sigmas)
  if (!Number.isFinite(largest)) return largest
  let sum = 0
  for (const sigma of sigmas) sum += 2 ** (2 * (sigma - largest))
  return largest + 0.5 * Math.log2(sum)
}

/** log2 of the standard deviation of errors per coefficient, operation by operation. */
export class NoiseModel {
  private readonly N: number
  private readonly logN: number
  /** Variance of a coefficient of the collective secret. */
  private readonly secretVariance: number

  constructor(
    private readonly parameters: Parameters,
    /** Number of ternary secrets summed in the key. */
    readonly parties: number
  ) {
    this.N = parameters.N
    this.logN = parameters.logN
    this.secretVariance = parties * TERNARY_VARIANCE
  }

  /** log2 σ of the error of a public key or Galois key made by all parties. */
  get collectiveKey(): number {
    return 0.5 * Math.log2(this.parties * ERROR_SIGMA ** 2)
  }

  /** log2 σ of the error of a relinearisation key made by all parties in two rounds. */
  get collectiveRelinearizationKey(): number {
    return 0.5 * Math.log2(this.parties * ERROR_SIGMA ** 2 * (2 * this.N * this.secretVariance + 2))
  }

  /** Error of an encoded plaintext. */
  encoding(scale: number, magnitude: number): number {
    return combineNoise(0.5 * Math.log2(1 / 12), Math.log2(scale * magnitude * this.logN) - 53 - 0.5 * this.logN)
  }

  /** Error that a division with rounding of every component leaves. */
  rounding(degree: number): number {
    const v = this.secretVariance
    const N = this.N
    const secretPowers = 1 + N * v + (degree >= 2 ? 2 * N * N * v * v : 0)
    return 0.5 * Math.log2(secretPowers / 12) + (degree >= 2 ? SQUARE_MARGIN_BITS : SOURCE_MARGIN_BITS)
  }

  /**
   * A fresh encryption under the collective public key, without the plaintext's own error.
   *
   * @param factor by which the encryption was multiplied before its division
   */
  fresh(factor = 1): number {
    const { N, parties } = this
    const variance = ERROR_SIGMA ** 2 * (parties * (1 + N * TERNARY_VARIANCE) + N * this.secretVariance)
    const encryption = 0.5 * Math.log2(factor ** 2 * variance) - this.parameters.specialPrimes[0]!.log2 + SOURCE_MARGIN_BITS
    return combineNoise(encryption, this.rounding(1))
  }

  /** Error of an encryption with the secret key, without the plaintext's own. */
  secretKeyError(): number {
    return Math.log2(ERROR_SIGMA) + SOURCE_MARGIN_BITS
  }

  /** Error of one party's encryption of zero without division, under a key of one party: u·e_pk + e·t, each ternary times Gaussian. */
  zero(): number {
    return 0.5 * Math.log2(2 * this.N * TERNARY_VARIANCE * ERROR_SIGMA ** 2)
  }

  /** Error of decrypting with scale `scale` what was added with scale `scale + difference`. */
  scaleDifference(difference: number, magnitude: number): number {
    return Math.log2(Math.abs(difference) * magnitude) - 0.5 * this.logN
  }

  /** log2 σ of the error of a product of independent messages, per coefficient: each error times the other's message, and the product of the errors. */
  product(a: NoisyMessage, b: NoisyMessage): number {
    return combineNoise(messageBits(a) + b.noise, messageBits(b) + a.noise, 0.5 * this.logN + a.noise + b.noise)
  }

  /** log2 σ of the error of a square, whose two cross terms are the same and add. */
  square(a: NoisyMessage): number {
    return combineNoise(1 + messageBits(a) + a.noise, 0.5 * (1 + this.logN) + 2 * a.noise)
  }

  /** Sum of errors that may be the same: standard deviations add. */
  correlatedSum(a: number, b: number): number {
    const larger = Math.max(a, b)
    return Number.isFinite(larger) ? larger + Math.log2(2 ** (a - larger) + 2 ** (b - larger)) : larger
  }

  /** log2 σ after division by a prime: the noise divided, and the rounding of every component. @param logPrime log2 of the prime divided by */
  rescale(noise: number, logPrime: number, degree: number): number {
    return combineNoise(noise - logPrime, this.rounding(degree))
  }

  /** What a key switch adds. */
  keySwitch({ level, keyNoise, digits }: KeySwitchNoise): number {
    const { parameters } = this
    const logP = parameters.specialPrimes.reduce((sum, prime) => sum + prime.log2, 0)
    const meanSquare = digits === 'centred' ? CENTRED_DIGIT : POSITIVE_DIGIT
    const terms: number[] = []
    // plain loops: plans are looked for with millions of key switches
    for (let first = 0; first <= level; first += parameters.alpha) {
      let logD = 0
      for (let index = first; index <= level && index < first + parameters.alpha; index++) logD += parameters.primes[index]!.log2
      terms.push(0.5 * (this.logN + Math.log2(meanSquare)) + logD + keyNoise - logP)
    }
    return combineNoise(combineNoise(...terms) + SOURCE_MARGIN_BITS, this.rounding(1))
  }
}

/** log2(Δ·B). */
function messageBits(operand: { readonly scale: number; readonly magnitude: number }): number {
  return Math.log2(operand.scale) + Math.log2(operand.magnitude)
}
