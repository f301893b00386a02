/**
 * What making the evaluation keys costs. A key for level l has ⌈(l + 1) / α⌉ digits over l + 1 ciphertext primes and the α special ones, so its shares grow with the square of
 * the level. The relinearisation key takes three polynomials per digit, two in its first round and one in its second.
 */

import type { OperationCosts } from './operation-costs.js'
import type { Sizes } from './sizes.js'

const RELINEARIZATION_SHARES = 3

/** A key that serves ciphertexts up to its level. */
interface LevelledKey {
  readonly level: number
}

export class KeyCosts {
  constructor(
    private readonly costs: OperationCosts,
    private readonly sizes: Sizes,
    /** t: key holders that make shares of it */
    private readonly threshold: number
  ) {}

  /** Seconds until a Galois key for this level is made. */
  galois(level: number): number {
    return this.costs.switchingKey(level, this.threshold) + this.costs.transfer(this.threshold * this.sizes.keyShare(level))
  }

  relinearization(level: number): number {
    return RELINEARIZATION_SHARES * this.galois(level)
  }

  seconds(galoisKeys: readonly LevelledKey[], relinearizationLevel: number | null): number {
    const galois = galoisKeys.reduce((sum, { level }) => sum + this.galois(level), 0)
    return galois + (relinearizationLevel === null ? 0 : this.relinearization(relinearizationLevel))
  }

  /** Bytes of the shares that one party sends. */
  bytesPerParty(galoisKeys: readonly LevelledKey[], relinearizationLevel: number | null): number {
    const galois = galoisKeys.reduce((sum, { level }) => sum + this.sizes.keyShare(level), 0)
    return galois + (relinearizationLevel === null ? 0 : RELINEARIZATION_SHARES * this.sizes.keyShare(relinearizationLevel))
  }
}
