/** Bytes of ciphertexts and keys as they travel: residues packed to the bits of their prime. */
export class Sizes {
  /** packed bytes of one residue row */
  private readonly rows: readonly number[]
  /** of all special primes */
  private readonly special: number

  /** @param specialPrimes how many there are, which is how many primes a digit of a key has */
  constructor(
    logN: number,
    primeBits: readonly number[],
    specialPrimeBits: number,
    private readonly specialPrimes = 1
  ) {
    this.rows = primeBits.map(bits => (2 ** logN * bits) / 8)
    this.special = (specialPrimes * 2 ** logN * specialPrimeBits) / 8
  }

  polynomial(level: number): number {
    let sum = 0
    for (let index = 0; index <= level; index++) sum += this.rows[index]!
    return sum
  }

  ciphertext(level: number): number {
    return 2 * this.polynomial(level)
  }

  /** What a querier sends: a seed stands for the second component where it encrypts with the secret key. */
  input(level: number, seeded: boolean): number {
    return seeded ? this.polynomial(level) : this.ciphertext(level)
  }

  /** One polynomial per digit of a key for this level: a share of a Galois key. */
  keyShare(level: number): number {
    return Math.ceil((level + 1) / this.specialPrimes) * (this.polynomial(level) + this.special)
  }

  /** c1 to every party, one share of both polynomials back from each. */
  refresh(level: number, parties: number): number {
    const top = this.rows.length - 1
    return parties * (2 * this.polynomial(level) + this.polynomial(top))
  }

  /** c1 to every party, one share of both components back from each. */
  switching(level: number, parties: number): number {
    return parties * 3 * this.polynomial(level)
  }
}
