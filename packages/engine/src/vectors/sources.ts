/** Sources of clear operands: the model owner's own weights, the data owner's own inputs, encoded when they are asked for. */
import {
  type EncodedIntegers,
  type Evaluator,
  type EvaluatorPlaintext,
  isCombiner,
  type PlaintextStorage,
  polynomialBytes,
  type SlotValues,
  storesPlaintexts
} from '@slytherin/ckks'
import { hasRoom, STORED_WEIGHT_BYTES, WEIGHTS_HELD } from '../costs/residence.js'
import { nextTurn } from '../event-loop.js'
import { Network } from '../network/network.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import type { InputSource, WeightSource } from '../run/options.js'
import { isMapStep } from '../steps/kinds.js'
import { factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/packed.js'
import type { WeightDescriptor } from '../steps/step.js'
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
  private readonly stored = new Map<number, EncodedIntegers>()
  private readonly numbers = new Map<number, number>()
  private passing: EvaluatorPlaintext[] = []
  /** Left for weights that wait outside the evaluator's memory; 0 once one did not fit. */
  private storedBytesLeft: number

  constructor(
    private readonly plan: Plan,
    private readonly model: Network | WeightItems,
    private readonly evaluator: Evaluator,
    /** bytes, or what takes so many of a memory that others share, if there is room */
    private readonly maximumBytes: number | ((bytes: number) => boolean) = 2 ** 30,
    private readonly storedBytes = STORED_WEIGHT_BYTES
  ) {
    this.storedBytesLeft = storedBytes
  }

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
        await this.made(step.firstWeight + offset)
        if (!this.has(step.firstWeight + offset)) return
        await nextTurn()
      }
    }
  }

  readonly source: WeightSource = async index => {
    const made = await this.made(index)
    return 'integers' in made ? this.lent((this.evaluator as Evaluator & PlaintextStorage).bringIn(made)) : made
  }

  /** In the evaluator's memory or outside it. */
  private async made(index: number): Promise<EvaluatorPlaintext | EncodedIntegers> {
    const known = this.kept.get(index) ?? this.stored.get(index)
    if (known) return known
    const descriptor = weightDescriptor(this.plan, index)
    const { plan, model } = this
    const slots = model instanceof Network ? packWeight(plan, model, index) : packValues(plan, index, await model.values(index))
    const meanwhile = this.kept.get(index)
    if (meanwhile) return meanwhile
    const size = this.sizeOf(index)
    if (this.hasRoom() && this.takes(size)) {
      const weight = this.evaluator.plaintext(slots, descriptor)
      this.bytes += size
      this.kept.set(index, weight)
      return weight
    }
    return this.outside(index, slots, descriptor) ?? this.lent(this.evaluator.plaintext(slots, descriptor))
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
    this.stored.clear()
    this.storedBytesLeft = this.storedBytes
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

  /** Encodes a weight that is to wait outside the evaluator's memory. @returns undefined where there is no more room outside: it is encoded again every time */
  private outside(index: number, slots: SlotValues, descriptor: WeightDescriptor): EncodedIntegers | undefined {
    const { evaluator } = this
    if (this.storedBytesLeft === 0 || !storesPlaintexts(evaluator)) return undefined
    try {
      const encoded = evaluator.encodeOutside(slots, descriptor)
      const { byteLength } = encoded.integers
      if (byteLength <= this.storedBytesLeft) {
        this.stored.set(index, encoded)
        this.storedBytesLeft -= byteLength
        return encoded
      }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
    // what is encoded and let go in every query would cost more than what a smaller weight could still gain
    this.storedBytesLeft = 0
    return undefined
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
