/** What a run is given from outside, checked against the plan: inputs when they are needed, weights one ahead. */
import type { EvaluatorCiphertext } from '@slytherin/ckks'
import { isCiphertext } from '@slytherin/ckks'
import { PlanMismatchError } from '../errors.js'
import type { Plan } from '../plan/plan.js'
import type { Program } from '../plan/program.js'
import type { OperandKind } from '../steps/operands.js'
import type { Operand, RunOptions } from './options.js'
import type { Scope } from './ownership.js'

/** Scales count as equal within this. */
const SCALE_TOLERANCE = 2 ** -30

export class Supply {
  private prefetched: { readonly index: number; readonly weight: Promise<Operand> } | undefined

  /** @param scope owns what comes, except weights that stay with their source */
  constructor(
    private readonly plan: Plan,
    private readonly program: Program,
    private readonly options: RunOptions,
    private readonly scope: Scope
  ) {}

  /** Inputs of the batch blocks from..to-1, `count` to each, where they are encrypted. */
  async readInputs(from: number, to: number, count: number): Promise<EvaluatorCiphertext[][]> {
    const values: EvaluatorCiphertext[][] = []
    for (let block = from; block < to; block++) {
      const ciphertexts: EvaluatorCiphertext[] = []
      for (let k = 0; k < count; k++) {
        ciphertexts.push((await this.input(block, k)) as EvaluatorCiphertext)
      }
      values.push(ciphertexts)
    }
    return values
  }

  /** Input k of a batch block. @throws PlanMismatchError, whatever the source throws */
  async input(block: number, k: number): Promise<Operand> {
    const { inputs } = this.options
    const index = block * this.plan.inputs.count + k
    const input = typeof inputs === 'function' ? this.scope.keep(await inputs(index)) : inputs[index]!
    demandKind(`input ${index}`, input, this.program.operands.data)
    demandState(`input ${index}`, input, { level: this.program.inputLevel(k), scale: this.plan.inputs.scale })
    if (isCiphertext(input)) this.options.evaluator.withMagnitude(input, this.plan.inputs.magnitude)
    return input
  }

  /**
   * The weight, while the next one is already being fetched.
   * @param next index of the one that will be asked for next
   * @throws PlanMismatchError, whatever the source throws
   */
  async weight(index: number, next = index + 1): Promise<Operand> {
    this.options.signal?.throwIfAborted()
    if (this.prefetched?.index !== index) {
      this.dropPrefetched()
      this.prefetch(index)
    }
    const { weight: pending } = this.prefetched!
    this.prefetched = undefined
    const weight = await pending
    if (!this.options.retainWeights) this.scope.keep(weight)
    if (next < this.program.weights.length) this.prefetch(next)
    const item = this.program.weights[index]!
    demandKind(`weight ${index}`, weight, this.program.operands.weights)
    demandState(`weight ${index}`, weight, item)
    if (isCiphertext(weight)) this.options.evaluator.withMagnitude(weight, item.magnitude)
    return weight
  }

  private prefetch(index: number): void {
    const weight = this.options.weights(index)
    // A rejection is reported when the weight is used; until then it must not count as unhandled.
    weight.catch(() => undefined)
    this.prefetched = { index, weight }
  }

  /** What has been asked for in advance and is not wanted any more. */
  dropPrefetched(): void {
    this.prefetched?.weight.then(
      weight => {
        if (!this.options.retainWeights) weight.dispose()
      },
      () => undefined
    )
    this.prefetched = undefined
  }

  /** Weights that have been used. */
  release(used: readonly { readonly weight: Operand }[]): void {
    if (!this.options.retainWeights) for (const { weight } of used) this.scope.drop(weight)
  }
}

function demandKind(what: string, actual: Operand, expected: OperandKind): void {
  const kind = isCiphertext(actual) ? 'encrypted' : 'clear'
  if (kind !== expected) throw new PlanMismatchError(what, expected, kind)
}

/** @throws PlanMismatchError unless level and scale are as planned */
export function demandState(
  what: string,
  actual: { readonly level: number; readonly scale: number },
  expected: { readonly level: number; readonly scale: number }
): void {
  if (actual.level !== expected.level) throw new PlanMismatchError(`level of ${what}`, String(expected.level), String(actual.level))
  if (Math.abs(actual.scale - expected.scale) > SCALE_TOLERANCE * expected.scale) {
    throw new PlanMismatchError(`scale of ${what}`, String(expected.scale), String(actual.scale))
  }
}
