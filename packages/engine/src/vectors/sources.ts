/** Sources of clear operands: the model owner's own weights, the data owner's own inputs, encoded when they are asked for. */
import type { Evaluator, EvaluatorPlaintext } from '@slytherin/ckks'
import { isCombiner, polynomialBytes, type StoredPlaintext, storesPlaintexts } from '@slytherin/ckks'
import { hasRoom, STORED_WEIGHT_BYTES, WEIGHTS_HELD } from '../costs/residence.js'
import { nextTurn } from '../event-loop.js'
import { Network } from '../network/network.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import type { InputSource, WeightSource } from '../run/options.js'
import { isMapStep } from '../steps/kinds.js'
import { factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/packed.js'
import { InputPacker } from './inputs.js'
import { packScalar, packValues, packWeight, weightDescriptor } from './weights.js'

/** Numbers looked up between turns of the event loop. */
const SCALARS_PER_TURN = 1000

/** Weights of a clear model where its network is not known: the values of the plan's weight items, as `itemValues` made them. */
export interface WeightItems {
  /** Of item `index`, at the positions of a block. */
  values(index: number): Promise<Float64Array>
  /** The one value of item `index`, for plans whose blocks have one position. */
  scalar(index: number): number
}

/**
 * Encoded weights of a clear model. Encodes each when it is first asked for and keeps as many as `maximumBytes` allows and the evaluator's memory has room for
 * beside an evaluation, so that further queries find them ready. Beyond that they wait
 * outside the evaluator's memory, up to `storedBytes`, where the evaluator can copy them back (`PlaintextStorage`).
 * Hand it to `run` as `weights: clear.source, scalars: clear.scalar, retainWeights: true`; dispose when the model is done with.
 */
export class ClearWeights implements Disposable {
  /** Of weights that are kept in the evaluator's memory. */
  bytes = 0
  private readonly kept = new Map<number, EvaluatorPlaintext>()
  private readonly stored = new Map<number, StoredPlaintext>()
  private readonly numbers = new Map<number, number>()
  private passing: EvaluatorPlaintext[] = []

  constructor(
    private readonly plan: Plan,
    private readonly model: Network | WeightItems,
    private readonly evaluator: Evaluator,
    /** bytes, or what takes so many of a memory that others share, if there is room */
    private readonly maximumBytes: number | ((bytes: number) => boolean) = 2 ** 30,
    private storedBytes = STORED_WEIGHT_BYTES
  ) {}

  /**
   * Encodes in advance what a run will ask for, as far as it is kept, in order of use.
   * @throws the signal's reason
   */
  async prepare(signal?: AbortSignal): Promise<void> {
    for (const step of programOf(this.plan).steps) {
      if (!isMapStep(step)) continue
      const scalar = isCombiner(this.evaluator) && scalarWeights(step.packing, factorsOf(this.plan.operands, step.reads))
      for (let offset = 0; offset < step.packing.items.length; offset++) {
        signal?.throwIfAborted()
        if (scalar) {
          this.scalar(step.firstWeight + offset)
          if (offset % SCALARS_PER_TURN === 0) await nextTurn()
          continue
        }
        await this.source(step.firstWeight + offset)
        if (!this.has(step.firstWeight + offset)) return
        await nextTurn()
      }
    }
  }

  readonly source: WeightSource = async index => {
    const known = this.kept.get(index)
    if (known) return known
    const stored = this.stored.get(index)
    if (stored && storesPlaintexts(this.evaluator)) return this.lent(this.evaluator.loadPlaintext(stored))
    const descriptor = weightDescriptor(this.plan, index)
    const { plan, model } = this
    const slots = model instanceof Network ? packWeight(plan, model, index) : packValues(plan, index, await model.values(index))
    const meanwhile = this.kept.get(index)
    if (meanwhile) return meanwhile
    const weight = this.evaluator.plaintext(slots, descriptor)
    const size = this.sizeOf(index)
    if (this.hasRoom() && this.takes(size)) {
      this.bytes += size
      this.kept.set(index, weight)
      return weight
    }
    this.store(index, weight)
    return this.lent(weight)
  }

  /** Weight `index` as a number, for plans whose blocks have one position. @throws as `packScalar` */
  readonly scalar = (index: number): number => {
    const known = this.numbers.get(index)
    if (known !== undefined) return known
    const { plan, model } = this
    const value = model instanceof Network ? packScalar(plan, model, index) : model.scalar(index)
    this.numbers.set(index, value)
    return value
  }

  /** Frees all weights that are kept; what is asked for again is encoded again. */
  dispose(): void {
    for (const weight of [...this.kept.values(), ...this.passing]) weight[Symbol.dispose]()
    this.kept.clear()
    for (const index of this.stored.keys()) this.storedBytes += this.sizeOf(index)
    this.stored.clear()
    this.passing = []
    this.bytes = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private takes(size: number): boolean {
    return typeof this.maximumBytes === 'number' ? this.bytes + size <= this.maximumBytes : this.maximumBytes(size)
  }

  private sizeOf(index: number): number {
    return polynomialBytes(weightDescriptor(this.plan, index).level, 2 * this.evaluator.slots)
  }

  private has(index: number): boolean {
    return this.kept.has(index) || this.stored.has(index)
  }

  /** Whether what has just been encoded may stay. An evaluator that stores no plaintexts has them in memory of the process, which no kernel bounds. */
  private hasRoom(): boolean {
    const { evaluator, plan } = this
    return !storesPlaintexts(evaluator) || hasRoom(evaluator.bytesFree, 0, plan.costs.bytes.evaluatorMemory)
  }

  /** Where there is no memory for it, it is encoded again. */
  private store(index: number, weight: EvaluatorPlaintext): void {
    if (this.storedBytes <= 0 || !storesPlaintexts(this.evaluator)) return
    try {
      const stored = this.evaluator.storePlaintext(weight)
      if (stored.residues.byteLength > this.storedBytes) return
      this.stored.set(index, stored)
      this.storedBytes -= stored.residues.byteLength
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.storedBytes = 0
    }
  }

  /** What was asked for before the weights that a runner holds is done with. */
  private lent(weight: EvaluatorPlaintext): EvaluatorPlaintext {
    this.passing.push(weight)
    while (this.passing.length > WEIGHTS_HELD) this.passing.shift()![Symbol.dispose]()
    return weight
  }
}

/** Encoded inputs of clear data. @throws as `InputPacker` */
export function clearInputs(plan: Plan, samples: readonly ArrayLike<number>[], evaluator: Evaluator): InputSource {
  const packer = new InputPacker(plan, samples)
  const { inputLevel } = programOf(plan)
  const { count, scale, magnitude } = plan.inputs
  return async index => evaluator.plaintext(packer.pack(index), { level: inputLevel(index % count), scale, magnitude })
}
