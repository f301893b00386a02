/**
 * Cost model: seconds of each evaluator operation from a few machine constants, bytes of what travels.
 *
 * One number-theoretic transform of one residue costs `transform` seconds at N = 2^14 and grows as N·log N; one pointwise pass over one residue costs `pointwise`
 * and grows as N. With R = level + 1 residues, one special prime and R digits:
 *
 *   key switch   R·(R+1) + R + 2·(R+2) transforms, 2·R·(R+1) passes
 *   hoisted      2·(R+2) transforms, 2·R·(R+1) passes, after one decomposition of R·(R+1) + R transforms
 *   rescale      2·R transforms
 *   multiply     4·R passes (ciphertexts), 2·R (plaintext)
 *
 * The constants of `seal` and `kernel` were measured on two cores of an AMD Zen 4 under Node 24.
 */

export interface CostModel {
  readonly name: string
  /** seconds per transform of one residue at N = 2^14, in the evaluator */
  readonly transform: number
  /** the same in the ring kernel, which encrypts and makes shares whatever the evaluator is */
  readonly ringTransform: number
  /** seconds per pointwise multiply-accumulate of one residue at N = 2^14 */
  readonly pointwise: number
  /** whether rotateMany shares one decomposition */
  readonly hoisting: boolean
  /** seconds per residue at N = 2^14 to read a ciphertext into the evaluator */
  readonly load: number
  /** seconds of one encryption: transforms per residue of the ciphertext, encoding included */
  readonly encryptionTransforms: number
  /** bytes per second between parties */
  readonly bandwidth: number
  /** seconds per round trip between parties */
  readonly roundTrip: number
  /**
   * Weight of one-time work (keys, model encryption and upload) against the evaluation of a query: 1 counts it in full, 0 not at all. A session that answers q
   * queries wants about 1/q.
   */
  readonly preparation: number
}

export const SEAL_COSTS: CostModel = {
  name: 'seal',
  transform: 384e-6,
  ringTransform: 54e-6,
  pointwise: 45e-6,
  hoisting: false,
  load: 60e-6,
  encryptionTransforms: 5,
  bandwidth: 200e6,
  roundTrip: 0.001,
  preparation: 0.25
}

export const KERNEL_COSTS: CostModel = {
  name: 'kernel',
  transform: 54e-6,
  ringTransform: 54e-6,
  pointwise: 12e-6,
  hoisting: true,
  load: 40e-6,
  encryptionTransforms: 5,
  bandwidth: 200e6,
  roundTrip: 0.001,
  preparation: 0.25
}

/** Seconds of the evaluator's operations at one ring degree. */
export class OperationCosts {
  private readonly transform: number
  private readonly ringTransform: number
  private readonly pointwise: number
  private readonly load: number

  constructor(
    readonly model: CostModel,
    readonly logN: number
  ) {
    const ratio = 2 ** (logN - 14)
    this.transform = (model.transform * ratio * logN) / 14
    this.ringTransform = (model.ringTransform * ratio * logN) / 14
    this.pointwise = model.pointwise * ratio
    this.load = model.load * ratio
  }

  add(level: number): number {
    return 2 * (level + 1) * this.pointwise * 0.5
  }

  /** accumulator += ciphertext × ciphertext */
  multiply(level: number): number {
    return 4 * (level + 1) * this.pointwise
  }

  multiplyPlain(level: number): number {
    return 2 * (level + 1) * this.pointwise
  }

  decompose(level: number): number {
    const residues = level + 1
    return (residues * (residues + 1) + residues) * this.transform
  }

  keySwitchTail(level: number): number {
    const residues = level + 1
    return 2 * (residues + 2) * this.transform + 2 * residues * (residues + 1) * this.pointwise
  }

  keySwitch(level: number): number {
    return this.decompose(level) + this.keySwitchTail(level)
  }

  /** `count` rotations of one ciphertext */
  rotations(level: number, count: number): number {
    if (count === 0) return 0
    return this.model.hoisting ? this.decompose(level) + count * this.keySwitchTail(level) : count * this.keySwitch(level)
  }

  rescale(level: number): number {
    return 2 * (level + 1) * this.transform
  }

  loading(level: number): number {
    return 2 * (level + 1) * this.load
  }

  /** Encoding and encrypting one vector. */
  encryption(level: number): number {
    return this.model.encryptionTransforms * (level + 2) * this.ringTransform
  }

  /** Encoding one vector of clear weights. */
  encoding(level: number): number {
    return 2 * (level + 2) * this.transform
  }

  transfer(bytes: number): number {
    return bytes / this.model.bandwidth
  }

  /** One refresh of `count` ciphertexts by `parties` on one machine. */
  refresh(level: number, top: number, count: number, parties: number, bytes: number): number {
    const share = 8 * (level + top + 2) * this.ringTransform
    return this.model.roundTrip + this.transfer(bytes) + count * (parties + 1) * share
  }

  /** Seconds in which `parties` make one key-switching key with digits over `primes` primes and one special prime. */
  switchingKey(primes: number, parties: number): number {
    return parties * primes * (primes + 1) * (3 * this.ringTransform)
  }
}

/** Bytes of ciphertexts and keys as they travel: residues packed to the bits of their prime. */
export class Sizes {
  /** packed bytes of one residue row */
  private readonly rows: readonly number[]
  private readonly special: number

  constructor(
    readonly logN: number,
    readonly primeBits: readonly number[],
    readonly specialPrimeBits: number
  ) {
    this.rows = primeBits.map(bits => (2 ** logN * bits) / 8)
    this.special = (2 ** logN * specialPrimeBits) / 8
  }

  polynomial(level: number): number {
    let sum = 0
    for (let index = 0; index <= level; index++) sum += this.rows[index]!
    return sum
  }

  ciphertext(level: number): number {
    return 2 * this.polynomial(level)
  }

  /** One polynomial per digit: what a party sends in one round. */
  keyShare(): number {
    const top = this.primeBits.length - 1
    return (top + 1) * (this.polynomial(top) + this.special)
  }

  /** c1 to every party, one share of both polynomials back from each. */
  refresh(level: number, parties: number): number {
    const top = this.primeBits.length - 1
    return parties * (2 * this.polynomial(level) + this.polynomial(top))
  }
}
