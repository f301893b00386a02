/**
 * What a compiler knows between two steps of a plan: where values stand, at which level, scale and bound, and which weights and keys have been needed so far. A step's rule
 * finds the value that it reads in the fields of the state, and leaves its result there; what other steps will read is kept apart.
 */
import type { Architecture } from '../architecture/architecture.js'
import { readersOf } from '../architecture/values.js'
import { InvalidPlanError } from '../errors.js'
import type { Layout } from '../packing/layout.js'
import type { OperandKind } from './operands.js'
import type { Setting } from './setting.js'
import type { GaloisKeyNeed, WeightDescriptor } from './step.js'

/** Bits between message and modulus: the sign. */
const HEADROOM_BITS = 1
/** The encoder makes integers below 2^180, and below 2^98 of clear operands that are mere numbers; scale and bound of what is encoded stay a bit below. */
export const encodableBits = (kind: OperandKind): number => (kind === 'encrypted' ? 179 : 97)

/** Values as they enter the first step. */
export interface Entry {
  readonly level: number
  readonly scale: number
}

/** A value between the step that makes it and those that read it. */
export interface HeldValue {
  readonly layout: Layout | undefined
  /** rows and diagonals that its reader must use, when the layout was made for it */
  readonly chunk: { readonly rows: number; readonly diagonals: number } | undefined
  readonly level: number
  readonly scale: number
  /** bound on |slot| */
  readonly magnitude: number
}

export class CompilerState implements HeldValue {
  readonly weights: WeightDescriptor[] = []
  layout: HeldValue['layout']
  chunk: HeldValue['chunk']
  level: number
  scale: number
  magnitude: number
  nextLayer = 0
  /** by value: those that some later step reads */
  private readonly held = new Map<number, HeldValue>()
  /** by value: the layers that read it */
  private readonly readers: readonly (readonly number[])[]
  /** level by Galois element */
  private readonly galoisLevels = new Map<number, number>()
  private highestRelinearization: number | null = null

  /** @throws InvalidPlanError when the inputs do not fit level or encoder */
  constructor(
    readonly setting: Setting,
    readonly architecture: Architecture,
    entry: Entry
  ) {
    this.level = entry.level
    this.scale = entry.scale
    this.magnitude = architecture.input.magnitude * setting.slotFactor
    const { maxLevel } = setting.parameters
    if (this.level > maxLevel) throw new InvalidPlanError('inputs.level', `${this.level} is above the top level ${maxLevel}`)
    this.checkFits('inputs.scale', this.level, this.scale, this.magnitude)
    this.checkEncodable('inputs.scale', this.scale, this.magnitude, setting.operands.data)
    this.readers = readersOf(architecture.layers)
    this.leave(0)
  }

  /** Whether only one layer reads the value. */
  readOnce(value: number): boolean {
    return this.readers[value]!.length === 1
  }

  /** A value that some step has made and some later one reads. @throws InvalidPlanError */
  value(value: number, path: string): HeldValue {
    const found = this.held.get(value)
    if (!found) throw new InvalidPlanError(path, `a value that ${value > this.nextLayer ? 'has not been made' : 'no step reads any more'}`)
    return found
  }

  /** Takes a value to be read, or refreshed. @throws InvalidPlanError */
  enter(value: number, path: string): void {
    const { layout, chunk, level, scale, magnitude } = this.value(value, path)
    Object.assign(this, { layout, chunk, level, scale, magnitude })
  }

  /** What stands in the fields of the state is this value from now on. */
  leave(value: number): void {
    const { layout, chunk, level, scale, magnitude } = this
    this.held.set(value, { layout, chunk, level, scale, magnitude })
  }

  /** A value stands in this layout, which its first reader has chosen. */
  settle(value: number, layout: Layout): void {
    const held = this.held.get(value)
    if (held && !held.layout) this.held.set(value, { ...held, layout })
  }

  /** A layer has read what it reads. */
  read(layer: number, values: readonly number[]): void {
    for (const value of values) if (this.readers[value]!.at(-1) === layer) this.held.delete(value)
  }

  /** ascending by element, each with the highest level at which a step has needed it */
  get galoisKeys(): GaloisKeyNeed[] {
    return [...this.galoisLevels].map(([element, level]) => ({ element, level })).sort((a, b) => a.element - b.element)
  }

  /** highest level at which a step has relinearised; null when none has */
  get relinearizationLevel(): number | null {
    return this.highestRelinearization
  }

  /** A step rotates or conjugates ciphertexts of this level. */
  needGaloisKey(element: number, level: number): void {
    this.galoisLevels.set(element, Math.max(level, this.galoisLevels.get(element) ?? 0))
  }

  /** A step relinearises products of this level. */
  needRelinearization(level: number): void {
    this.highestRelinearization = Math.max(level, this.highestRelinearization ?? 0)
  }

  /** Rescales the product of a step, as the evaluator does, and checks what the plan says of it. */
  advance(
    path: string,
    step: { readonly level: number; readonly rescalings: number; readonly scale: number; readonly magnitude: number },
    product: number
  ): void {
    this.checkFits(`${path}.level`, step.level, this.scale, this.magnitude)
    let scale = product
    this.checkFits(`${path}.scale`, step.level, scale, step.magnitude)
    for (let dropped = 0; dropped < step.rescalings; dropped++) scale /= this.setting.parameters.primes[step.level - dropped]!.number
    this.level = step.level - step.rescalings
    this.scale = scale
    this.magnitude = step.magnitude
    this.checkFits(`${path}.scale`, this.level, scale, step.magnitude)
    if (scale !== step.scale) throw new InvalidPlanError(`${path}.scale`, `${step.scale}, rescaling gives ${scale}`)
  }

  checkEncodable(path: string, scale: number, magnitude: number, kind: OperandKind): void {
    const needed = Math.log2(scale) + Math.log2(magnitude)
    const most = encodableBits(kind)
    if (!(needed <= most)) throw new InvalidPlanError(path, `${needed.toFixed(1)} bits cannot be encoded, at most ${most}`)
  }

  checkFits(path: string, level: number, scale: number, magnitude: number): void {
    const available = this.setting.parameters.logModulus(level)
    const needed = Math.log2(scale) + Math.max(0, Math.log2(magnitude)) + HEADROOM_BITS
    if (!(needed <= available)) {
      throw new InvalidPlanError(path, `${needed.toFixed(1)} bits do not fit level ${level} (${available.toFixed(1)} bits)`)
    }
  }
}
