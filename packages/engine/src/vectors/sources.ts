/** Sources of clear operands: the model owner's own weights, the data owner's own inputs, encoded when they are asked for. */
import type { Evaluator, EvaluatorPlaintext } from '@slytherin/ckks'
import { isCombiner, polynomialBytes } from '@slytherin/ckks'
import { WEIGHTS_HELD } from '../costs/residence.js'
import { nextTurn } from '../event-loop.js'
import type { Network } from '../network/network.js'
import { programOf } from '../plan/compiled.js'
import type { Plan } from '../plan/plan.js'
import type { InputSource, WeightSource } from '../run/options.js'
import { isMapStep } from '../steps/kinds.js'
import { factorsOf } from '../steps/operands.js'
import { scalarWeights } from '../steps/packed.js'
import { InputPacker } from './inputs.js'
import { packScalar, packWeight, weightDescriptor } from './weights.js'

/** Numbers looked up between turns of the event loop. */
const SCALARS_PER_TURN = 1000

/**
 * Encoded weights of a clear model. Encodes each when it is first asked for and keeps as many as `maximumBytes` allows, so that further queries find them ready.
 * Hand it to `run` as `weights: clear.source, scalars: clear.scalar, retainWeights: true`; dispose when the model is done with.
 */
export class ClearWeights implements Disposable {
  private readonly kept = new Map<number, EvaluatorPlaintext>()
  private readonly numbers = new Map<number, number>()
  private passing: EvaluatorPlaintext[] = []
  private bytes = 0

  constructor(
    private readonly plan: Plan,
    private readonly network: Network,
    private readonly evaluator: Evaluator,
    private readonly maximumBytes = 2 ** 30
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
        if (this.bytes + this.sizeOf(step.firstWeight + offset) > this.maximumBytes) return
        await this.source(step.firstWeight + offset)
        await nextTurn()
      }
    }
  }

  readonly source: WeightSource = async index => {
    const known = this.kept.get(index)
    if (known) return known
    const descriptor = weightDescriptor(this.plan, index)
    const weight = this.evaluator.plaintext(packWeight(this.plan, this.network, index), descriptor)
    const size = this.sizeOf(index)
    if (this.bytes + size <= this.maximumBytes) {
      this.bytes += size
      this.kept.set(index, weight)
    } else this.lend(weight)
    return weight
  }

  /** Weight `index` as a number, for plans whose blocks have one position. @throws as `packScalar` */
  readonly scalar = (index: number): number => {
    const known = this.numbers.get(index)
    if (known !== undefined) return known
    const value = packScalar(this.plan, this.network, index)
    this.numbers.set(index, value)
    return value
  }

  /** Frees all weights that are kept. */
  dispose(): void {
    for (const weight of [...this.kept.values(), ...this.passing]) weight[Symbol.dispose]()
    this.kept.clear()
    this.passing = []
    this.bytes = 0
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private sizeOf(index: number): number {
    return polynomialBytes(weightDescriptor(this.plan, index).level, 2 * this.evaluator.slots)
  }

  /** What was asked for before the weights that a runner holds is done with. */
  private lend(weight: EvaluatorPlaintext): void {
    this.passing.push(weight)
    while (this.passing.length > WEIGHTS_HELD) this.passing.shift()![Symbol.dispose]()
  }
}

/** Encoded inputs of clear data. @throws as `InputPacker` */
export function clearInputs(plan: Plan, samples: readonly ArrayLike<number>[], evaluator: Evaluator): InputSource {
  const packer = new InputPacker(plan, samples)
  const { inputLevel } = programOf(plan)
  const { count, scale, magnitude } = plan.inputs
  return async index => evaluator.plaintext(packer.pack(index), { level: inputLevel(index % count), scale, magnitude })
}
