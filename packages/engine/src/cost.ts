/**
 * Cost model: seconds of each operation from a few machine constants, bytes of what travels.
 *
 * The unit is one pass over one residue (N numbers modulo one prime) at N = 2^14; transforms grow as N·log N, all else as N. With R = level + 1 residues, one special
 * prime and R digits:
 *
 *   key switch   R·(R+1) + R + 2·(R+2) transforms, 2·R·(R+1) passes of the key
 *   hoisted      2·(R+2) transforms, 2·R·(R+1) passes of the key, after one decomposition of R·(R+1) + R transforms
 *   rescale      2·R passes of the rescaling
 *   multiply     4·R products (ciphertexts), 2·R (plaintext)
 *
 * The constants of `seal` and `kernel` were measured on two cores of an AMD Zen 4 under Node 24, one thread.
 */

export interface CostModel {
  readonly name: string
  /** seconds per transform of one residue in the evaluator */
  readonly transform: number
  /** seconds per residue of a product that is added to a sum */
  readonly product: number
  /** seconds per residue of a product with a key-switching key */
  readonly keyProduct: number
  /** seconds per residue of a rescaling, transforms included */
  readonly rescaling: number
  /** whether rotateMany shares one decomposition */
  readonly hoisting: boolean
  /** whether the evaluator is a `LinearCombiner`: with one position to a block, clear weights are numbers and need no encoding */
  readonly combining: boolean
  /** seconds per residue to read a stored ciphertext into the evaluator */
  readonly load: number
  /** seconds per transform of one residue in the ring kernel, which encrypts and makes shares whatever the evaluator is */
  readonly ringTransform: number
  /** bytes per second between parties */
  readonly bandwidth: number
  /** seconds that a round between parties takes beside its work */
  readonly roundTrip: number
  /**
   * Weight of one-time work (keys, model encryption and upload) against the evaluation of a query: 1 counts it in full, 0 not at all. A session that answers q
   * queries wants about 1/q.
   */
  readonly preparation: number
}

const PARTIES = { ringTransform: 54e-6, bandwidth: 150e6, roundTrip: 0.02, preparation: 0.25 } as const

export const SEAL_COSTS: CostModel = {
  name: 'seal',
  transform: 345e-6,
  product: 147e-6,
  keyProduct: 30e-6,
  rescaling: 345e-6,
  hoisting: false,
  combining: false,
  load: 180e-6,
  ...PARTIES
}

export const KERNEL_COSTS: CostModel = {
  name: 'kernel',
  transform: 54e-6,
  product: 13e-6,
  keyProduct: 15.5e-6,
  rescaling: 75e-6,
  hoisting: true,
  combining: false,
  load: 100e-6,
  ...PARTIES
}

/** A product with one number, relative to one with a vector. */
const SCALAR_FACTOR = 0.7
/** Transforms of the ring kernel per residue: encoding, encrypting and serialising one vector. */
const ENCRYPTION_TRANSFORMS = 14
/** The canonical embedding and rounding of one vector, whatever its level. */
const ENCODING_TRANSFORMS = 10
/** One share of a key-switching key, per residue of it. */
const KEY_SHARE_TRANSFORMS = 10
/** One share of a refresh, per residue of it. */
const REFRESH_SHARE_TRANSFORMS = 20

/** Seconds of operations at one ring degree. */
export class OperationCosts {
  /** passes grow with N */
  private readonly pass: number
  /** transforms grow with N·log N */
  private readonly transformation: number

  constructor(
    readonly model: CostModel,
    logN: number
  ) {
    this.pass = 2 ** (logN - 14)
    this.transformation = (this.pass * logN) / 14
  }

  add(level: number): number {
    return (level + 1) * this.model.product * this.pass
  }

  /** sum += ciphertext × ciphertext */
  multiply(level: number): number {
    return 4 * (level + 1) * this.model.product * this.pass
  }

  /** sum += ciphertext × plaintext */
  multiplyPlain(level: number): number {
    return 2 * (level + 1) * this.model.product * this.pass
  }

  /** sum += number · ciphertext */
  multiplyScalar(level: number): number {
    return SCALAR_FACTOR * this.multiplyPlain(level)
  }

  private decomposition(level: number): number {
    const residues = level + 1
    return (residues * (residues + 1) + residues) * this.model.transform * this.transformation
  }

  private hoisted(level: number): number {
    const residues = level + 1
    return (
      2 * (residues + 2) * this.model.transform * this.transformation + 2 * residues * (residues + 1) * this.model.keyProduct * this.pass
    )
  }

  keySwitch(level: number): number {
    return this.decomposition(level) + this.hoisted(level)
  }

  /** `count` rotations of one ciphertext */
  rotations(level: number, count: number): number {
    if (count === 0) return 0
    return this.model.hoisting ? this.decomposition(level) + count * this.hoisted(level) : count * this.keySwitch(level)
  }

  rescale(level: number): number {
    return 2 * (level + 1) * this.model.rescaling * this.transformation
  }

  loading(level: number): number {
    return 2 * (level + 1) * this.model.load * this.pass
  }

  /** Encoding, encrypting and serialising one vector. */
  encryption(level: number): number {
    return ENCRYPTION_TRANSFORMS * (level + 2) * this.model.ringTransform * this.transformation
  }

  /** Encoding one clear vector. */
  encoding(level: number): number {
    return (ENCODING_TRANSFORMS + level + 1) * this.model.ringTransform * this.transformation
  }

  transfer(bytes: number): number {
    return bytes / this.model.bandwidth
  }

  /** One refresh of `count` ciphertexts by `parties` on one machine. */
  refresh(level: number, top: number, count: number, parties: number, bytes: number): number {
    const share = REFRESH_SHARE_TRANSFORMS * (level + top + 2) * this.model.ringTransform * this.transformation
    return this.model.roundTrip + this.transfer(bytes) + count * (parties + 1) * share
  }

  /** Seconds in which `parties` make shares of one polynomial per digit, for a key-switching key of this level with one special prime. */
  switchingKey(level: number, parties: number): number {
    return parties * (level + 1) * (level + 2) * KEY_SHARE_TRANSFORMS * this.model.ringTransform * this.transformation
  }
}

/** Bytes of ciphertexts and keys as they travel: residues packed to the bits of their prime. */
export class Sizes {
  /** packed bytes of one residue row */
  private readonly rows: readonly number[]
  private readonly special: number

  constructor(logN: number, primeBits: readonly number[], specialPrimeBits: number) {
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

  /** One polynomial per digit of a key for this level: a share of a Galois key. */
  keyShare(level: number): number {
    return (level + 1) * (this.polynomial(level) + this.special)
  }

  /** c1 to every party, one share of both polynomials back from each. */
  refresh(level: number, parties: number): number {
    const top = this.rows.length - 1
    return parties * (2 * this.polynomial(level) + this.polynomial(top))
  }
}
