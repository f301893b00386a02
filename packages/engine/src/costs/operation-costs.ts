/**
 * Cost model: seconds of each operation from a few machine constants, bytes of what travels.
 *
 * The unit is one pass over one residue (N numbers modulo one prime) at N = 2^14; transforms grow as N·log N, all else as N. With R = level + 1 residues,
 * α special primes and d = ⌈R/α⌉ digits:
 *
 *   hoisted      2·(R+1+α) transforms, 2·d·(R+α) passes of the key, after one decomposition of d·(R+α) + R transforms
 *   extension    of a digit of several primes, and of a remainder: α terms for each residue that it is brought to; with α = 1 there is nothing to add up
 *   key switch   all of it, and what it takes to divide it among threads
 *   rescale      2·R passes of the rescaling
 *   multiply     4·R products (ciphertexts), 2·R (plaintext)
 */
import type { CostModel } from './cost-model.js'

/** Transforms of the ring kernel per residue: encoding, encrypting and serialising one vector. */
export const ENCRYPTION_TRANSFORMS = 14
/** An encryption of zero, added to a ciphertext, per residue. */
const RERANDOMIZATION_TRANSFORMS = 8
/** Coins of one that come from the hash of the ciphertext, per residue of it: its bytes, and their hash. */
const COINS_TRANSFORMS = 4
/** Ciphertexts that are proved together to be encryptions (protocol/terms/proof-batches.ts, where the times are that these figures are from). */
export const PROOF_BATCH = 64
/** Making a proof and checking it, in encryptions of its level: for the proof itself, and for each ciphertext in it. */
const PROOF_MAKING = { proof: 7.5, ciphertext: 0.22 } as const
const PROOF_CHECKING = { proof: 4.4, ciphertext: 0.23 } as const
/** Of a proof, per coefficient of the ring, however many ciphertexts it covers: half a megabyte at N = 2^13. */
const PROOF_BYTES = 62
/** What an encryption with the secret key takes of one under the public key. */
const SEEDED_SHARE = 0.4
/** One share of a key-switching key, per residue of it. */
const KEY_SHARE_TRANSFORMS = 10
/** One share of a refresh, per residue of it: errors, mask, transforms, and both ends of its way as bytes. */
const REFRESH_SHARE_TRANSFORMS = 8
/** One share of a switch, per residue of its level: transforms, products, and both ends of its way as bytes. Measured at N = 2^14, levels 1 to 5, flooding of 30 and 88 bits, as what follows. */
const SWITCH_SHARE_TRANSFORMS = 9
/** Beside them, whatever the level: drawing a ternary polynomial, an error, and flooding that is far wider than an error. */
const SWITCH_DRAWING_TRANSFORMS = 13

/** A term of an extension to another prime, of several: in products. */
const EXTENSION_TERM = 1

/** Bytes of one stored number, packed to the bits of its prime. */
const STORED_BYTES = 6

/** Seconds of operations at one ring degree. */
export class OperationCosts {
  /** passes grow with N */
  private readonly pass: number
  /** transforms grow with N·log N */
  private readonly transformation: number

  constructor(
    readonly model: CostModel,
    readonly logN: number,
    /** α: special primes, and ciphertext primes in a digit of a key */
    readonly specialPrimes = 1
  ) {
    this.pass = 2 ** (logN - 14)
    this.transformation = (this.pass * logN) / 14
  }

  add(level: number): number {
    return (level + 1) * this.model.product * this.pass
  }

  /** sum += ciphertext × ciphertext */
  multiply(level: number): number {
    return 4 * (level + 1) * (this.model.ciphertextProduct ?? this.model.product) * this.pass
  }

  /** sum += ciphertext × plaintext */
  multiplyPlain(level: number): number {
    return 2 * (level + 1) * this.model.product * this.pass
  }

  /** sum += number · ciphertext */
  multiplyScalar(level: number): number {
    return 2 * (level + 1) * this.model.scalarProduct * this.pass
  }

  private decomposition(level: number): number {
    const residues = level + 1
    const extended = this.keyRows(level)
    return this.model.division + (extended + residues) * this.model.transform * this.transformation + this.extension(extended)
  }

  private hoisted(level: number): number {
    const residues = level + 1
    return (
      2 * (residues + 1 + this.specialPrimes) * this.model.transform * this.transformation +
      2 * this.keyRows(level) * this.model.keyProduct * this.pass +
      this.extension(2 * residues)
    )
  }

  /** Residues of one polynomial per digit: d·(R+α). */
  private keyRows(level: number): number {
    const residues = level + 1
    return Math.ceil(residues / this.specialPrimes) * (residues + this.specialPrimes)
  }

  /** Bringing so many residues of digits to other primes. */
  private extension(residues: number): number {
    return this.specialPrimes === 1 ? 0 : residues * this.specialPrimes * EXTENSION_TERM * this.model.product * this.pass
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

  /** Reading one stored ciphertext back into the evaluator. */
  loading(level: number): number {
    const residues = 2 * (level + 1)
    return residues * (this.model.load * this.pass + (STORED_BYTES * 2 ** this.logN) / this.model.reading)
  }

  /** Encoding, encrypting and serialising one vector. */
  encryption(level: number): number {
    return ENCRYPTION_TRANSFORMS * (level + 2) * this.model.ringTransform * this.transformation
  }

  /** The same of an input. @param seeded with the secret key: message and error share their transform, and half is serialised */
  inputEncryption(level: number, seeded: boolean): number {
    return seeded ? this.encryption(level) * SEEDED_SHARE : this.encryption(level)
  }

  /** A ciphertext under second components that nobody has foreseen. */
  rerandomization(level: number): number {
    return RERANDOMIZATION_TRANSFORMS * (level + 2) * this.model.ringTransform * this.transformation
  }

  /** The same with public coins, from the hash of the ciphertext. */
  coinedRerandomization(level: number): number {
    return (1 + COINS_TRANSFORMS / RERANDOMIZATION_TRANSFORMS) * this.rerandomization(level)
  }

  /** Proofs that so many ciphertexts are encryptions: made by who sends them, sent, and checked. */
  proofs(level: number, count: number): number {
    return this.proving(PROOF_MAKING, level, count) + this.checkedProofs(level, count)
  }

  /** The same at one that is sent them and checks them. */
  checkedProofs(level: number, count: number): number {
    return this.transfer(Math.ceil(count / PROOF_BATCH) * PROOF_BYTES * 2 ** this.logN) + this.proving(PROOF_CHECKING, level, count)
  }

  private proving({ proof, ciphertext }: { readonly proof: number; readonly ciphertext: number }, level: number, count: number): number {
    return (Math.ceil(count / PROOF_BATCH) * proof + count * ciphertext) * this.encryption(level)
  }

  /** Encoding one clear vector. */
  encoding(level: number): number {
    return (this.model.embedding + (level + 1) * this.model.transform) * this.transformation
  }

  /** Bringing one encoded vector, which waited outside as coefficients, back into the evaluator's memory. */
  bringingIn(level: number): number {
    return this.model.copy * this.pass + (level + 1) * this.model.transform * this.transformation
  }

  transfer(bytes: number): number {
    return bytes / this.model.bandwidth
  }

  /** One refresh of `count` ciphertexts by `parties` on one machine. */
  refresh(level: number, top: number, count: number, parties: number, bytes: number): number {
    const share = REFRESH_SHARE_TRANSFORMS * (level + top + 2) * this.model.ringTransform * this.transformation
    return this.model.roundTrip + this.transfer(bytes) + count * (parties + 1) * share
  }

  /** The switch of `count` results at this level to the querier's key by `parties` on one machine: a step of each, in one round. */
  switching(level: number, count: number, parties: number, bytes: number): number {
    return parties * this.model.step + this.model.roundTrip + this.transfer(bytes) + (parties + 1) * this.switchShares(level, count)
  }

  /** One share of a switch of each of `count` results: also what covers them where their querier holds the whole key, and nobody is asked. */
  switchShares(level: number, count: number): number {
    const transforms = SWITCH_SHARE_TRANSFORMS * (level + 1) + SWITCH_DRAWING_TRANSFORMS
    return count * transforms * this.model.ringTransform * this.transformation
  }

  /** Seconds in which `parties` make shares of one polynomial per digit, for a key-switching key of this level. */
  switchingKey(level: number, parties: number): number {
    return parties * this.keyRows(level) * KEY_SHARE_TRANSFORMS * this.model.ringTransform * this.transformation
  }
}
