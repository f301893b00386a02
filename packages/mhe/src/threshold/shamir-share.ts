/**
 * A holder's share of the collective secret: s̃_j = Σ_i S_i(j) over every modulus (eprint 2022/780).
 *
 *   0  magic "SLTS"    4 bytes       8  generation         4 bytes, little-endian
 *   4  version         1 byte, 1    12  epoch             32 bytes
 *   5  point           1 byte       44  lineage           32 bytes
 *   6  threshold       1 byte       76  points            n bytes
 *   7  n               1 byte           spare masks       K residues of 8 bytes per prime, little-endian
 *                                      residues          packed, NTT form, standard order
 *
 * The bytes are as secret as the share: for a file that is sealed.
 */
import { type Context, SecretKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { MalformedShareError } from '../errors.js'
import { equalBytes, hex } from '../hash.js'
import { overwritable } from '../scratch.js'
import { decodeStrictly } from '../share-format.js'
import { type AccessStructure, checkedAccess } from './access-structure.js'
import type { ActiveSet } from './active-set.js'
import { InvalidSharingError, MalformedDealingError, SharingMismatchError } from './errors.js'
import { fingerprintCount, type Residues, readResidues, residuesLength, writeResidues } from './residues.js'

const MAGIC = [0x53, 0x4c, 0x54, 0x53] as const
const VERSION = 1
const GENERATION_OFFSET = 8
const EPOCH_OFFSET = 12
const LINEAGE_OFFSET = 44
const POINTS_OFFSET = 76

export const EPOCH_BYTES = 32
export const LINEAGE_BYTES = 32
export const LARGEST_GENERATION = 2 ** 32 - 1

/** What all shares of one sharing have in common. */
export interface Sharing {
  /** The key epoch's identifier, 32 bytes: the session identifier of its protocols. */
  readonly epoch: Uint8Array
  /** Counts the rounds since the first, which is 0. */
  readonly generation: number
  /** 32 bytes that stand for every dealing that the shares were summed from. Holders that accepted different dealings differ here. */
  readonly lineage: Uint8Array
  readonly access: AccessStructure
}

/** Wiped on dispose; neither JSON nor inspection shows it. */
export class ShamirShare implements Disposable {
  readonly #polynomial: Polynomial
  readonly #spare: readonly Residues[]

  /**
   * @param polynomial s̃_j, NTT form over every modulus; moves into the share
   * @param spare      its K spare masks, for when it is dealt on (vouching.ts)
   * @throws InvalidSharingError
   */
  constructor(
    readonly context: Context,
    readonly sharing: Sharing,
    readonly point: number,
    polynomial: Polynomial,
    spare: readonly Residues[]
  ) {
    const { epoch, lineage, generation, access } = sharing
    if (epoch.length !== EPOCH_BYTES) throw new InvalidSharingError('epoch', `${EPOCH_BYTES} bytes`, epoch.length)
    if (lineage.length !== LINEAGE_BYTES) throw new InvalidSharingError('lineage', `${LINEAGE_BYTES} bytes`, lineage.length)
    checkGeneration(generation)
    if (!access.points.includes(point)) throw new InvalidSharingError('point', `one of ${access.points.join(', ')}`, point)
    const count = fingerprintCount(context.ring.moduli)
    if (spare.length !== count) throw new InvalidSharingError('spare masks', `${count}`, spare.length)
    this.#polynomial = polynomial
    this.#spare = spare
  }

  /** What `console.log` and `util.inspect` print, getters included. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return `ShamirShare { point: ${this.point}, generation: ${this.sharing.generation} }`
  }

  /** Point and generation, and nothing of the share. */
  toJSON(): object {
    return { point: this.point, generation: this.sharing.generation }
  }

  /** s̃_j in the NTT domain over every modulus. Stays the share's. */
  get polynomial(): Polynomial {
    return this.#polynomial
  }

  /** Residues of uniform polynomials of degree t - 1 at this point. As secret as the share. */
  get spare(): readonly Residues[] {
    return this.#spare
  }

  /**
   * λ_j·s̃_j: what this holder adds to the secret as one of T, for every protocol that takes a party's secret. The caller disposes it.
   *
   * @throws NotActiveError
   */
  additiveSecret(activeSet: ActiveSet): SecretKey {
    const { ring, parameters } = this.context
    const weight = activeSet.weight(ring.moduli, this.point)
    const out = overwritable(ring, parameters.keyIndices(), 'ntt')
    return SecretKey.fromPolynomial(ring.multiplyScalar(out, this.#polynomial, weight))
  }

  /** The share and its spare masks in the clear, for sealed storage: as secret as the share. */
  serialize(): Uint8Array {
    const { access, generation, epoch, lineage } = this.sharing
    const { ring } = this.context
    const residues = ring.encodePacked(this.#polynomial)
    const spareOffset = POINTS_OFFSET + access.points.length
    const offset = spareOffset + residuesLength(ring.moduli, this.#spare.length)
    const out = new Uint8Array(offset + residues.length)
    out.set(MAGIC)
    out.set([VERSION, this.point, access.threshold, access.points.length], MAGIC.length)
    new DataView(out.buffer).setUint32(GENERATION_OFFSET, generation, true)
    out.set(epoch, EPOCH_OFFSET)
    out.set(lineage, LINEAGE_OFFSET)
    out.set(access.points, POINTS_OFFSET)
    writeResidues(out, spareOffset, this.#spare)
    out.set(residues, offset)
    residues.fill(0)
    return out
  }

  /** @throws MalformedDealingError for anything that is not exactly a share of this parameter set; InvalidSharingError */
  static deserialize(context: Context, bytes: Uint8Array): ShamirShare {
    const { ring, parameters } = context
    const packed = ring.packedLength(parameters.keyIndices())
    if (bytes.length <= POINTS_OFFSET) throw new MalformedDealingError(0, 'length', `more than ${POINTS_OFFSET}`, bytes.length)
    MAGIC.forEach((byte, i) => {
      if (bytes[i] !== byte) throw new MalformedDealingError(0, 'magic', byte, bytes[i]!)
    })
    const [version, point, threshold, holders] = bytes.subarray(MAGIC.length, GENERATION_OFFSET) as unknown as [
      number,
      number,
      number,
      number
    ]
    if (version !== VERSION) throw new MalformedDealingError(point, 'version', VERSION, version)
    const count = fingerprintCount(ring.moduli)
    const spareOffset = POINTS_OFFSET + holders
    const offset = spareOffset + residuesLength(ring.moduli, count)
    if (bytes.length !== offset + packed) throw new MalformedDealingError(point, 'length', offset + packed, bytes.length)
    const generation = new DataView(bytes.buffer, bytes.byteOffset).getUint32(GENERATION_OFFSET, true)
    const access = checkedAccess({ threshold, points: [...bytes.subarray(POINTS_OFFSET, spareOffset)] })
    const epoch = bytes.slice(EPOCH_OFFSET, LINEAGE_OFFSET)
    const lineage = bytes.slice(LINEAGE_OFFSET, POINTS_OFFSET)
    const spare = readResidues(ring.moduli, bytes, spareOffset, count, position => {
      throw new MalformedDealingError(point, `spare mask ${position}`, 'below its prime', 'not')
    })
    const polynomial = decodeShare(context, point, bytes.subarray(offset))
    try {
      return new ShamirShare(context, { epoch, generation, lineage, access }, point, polynomial, spare)
    } catch (error) {
      polynomial.wipe()
      polynomial.dispose()
      throw error
    }
  }

  /** Wipes the share; may be repeated. */
  dispose(): void {
    if (this.#polynomial.isDisposed) return
    this.#polynomial.wipe()
    this.#polynomial.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Packed residues over every modulus. @param from whom an error names. @throws MalformedDealingError */
export function decodeShare(context: Context, from: number, bytes: Uint8Array): Polynomial {
  try {
    return decodeStrictly(context, 'threshold', 'residues', bytes, context.parameters.keyIndices())
  } catch (error) {
    if (error instanceof MalformedShareError) throw new MalformedDealingError(from, error.field, error.expected, error.actual)
    throw error
  }
}

/** @throws InvalidSharingError */
export function checkGeneration(generation: number): void {
  if (!Number.isInteger(generation) || generation < 0 || generation > LARGEST_GENERATION) {
    throw new InvalidSharingError('generation', `0 to ${LARGEST_GENERATION}`, generation)
  }
}

/** @throws SharingMismatchError unless it is the share of this holder of this sharing */
export function checkHeld(sharing: Sharing, point: number, share: ShamirShare): void {
  if (share.point !== point) throw new SharingMismatchError('point', share.point, point)
  const held = share.sharing.lineage
  if (!equalBytes(held, sharing.lineage)) throw new SharingMismatchError('lineage', hex(held), hex(sharing.lineage))
}
