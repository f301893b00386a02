import type { Polynomial } from '@slytherin/ring'

/** An encoded message: Δ·m modulo Q_l, in the ntt domain unless whoever makes it says otherwise. Owns its polynomial. */
export class Plaintext implements Disposable {
  constructor(
    readonly polynomial: Polynomial,
    readonly level: number,
    readonly scale: number,
    /** Bound on |slot|. */
    readonly magnitude: number
  ) {}

  /** Lets go of the polynomial without zeroing it; `wipe` for what is secret. */
  dispose(): void {
    this.polynomial.dispose()
  }

  /** Zeroes the message before releasing it. */
  wipe(): void {
    this.polynomial.wipe()
    this.polynomial.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}
