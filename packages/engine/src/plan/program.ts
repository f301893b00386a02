/**
 * A plan compiled: parameters, packing and exact scales of every step, order of the weights. Compiling checks every rule that a plan must keep, so that a plan from
 * another party is as good as one's own.
 */
import { EvaluationRules, NoiseModel, Parameters } from '@slytherin/ckks'
import { parseArchitecture } from '../architecture/architecture.js'
import { InvalidPlanError } from '../errors.js'
import { type Layout, sequentialLayout } from '../packing/layout.js'
import { samplesPerSlot, slotFactor, smallestBlock } from '../packing/slots.js'
import { type CompiledStep, compileStep } from '../steps/kinds.js'
import type { Operands } from '../steps/operands.js'
import type { Setting } from '../steps/setting.js'
import { CompilerState } from '../steps/state.js'
import type { GaloisKeyNeed, WeightDescriptor } from '../steps/step.js'
import type { PlanCore } from './plan.js'

export interface Program extends Setting {
  readonly architecture: PlanCore['architecture']
  readonly steps: readonly CompiledStep[]
  readonly inputsPerBlock: number
  /** what each position of input `index` of a batch block holds */
  inputFeatures(index: number): Int32Array
  readonly weights: readonly WeightDescriptor[]
  /** ascending by element, each with the highest level at which a step uses it */
  readonly galoisKeys: readonly GaloisKeyNeed[]
  /** highest level at which a step relinearises; null when none does */
  readonly relinearizationLevel: number | null
  readonly output: { readonly layout: Layout; readonly level: number; readonly scale: number; readonly magnitude: number }
}

export interface CompileOptions {
  /** accept parameters below the security table (unit tests) */
  readonly allowInsecure?: boolean
  /** what `core.parameters` says, where it has been checked before */
  readonly parameters?: Parameters
}

/** @throws InvalidPlanError, InvalidArchitectureError, and the errors of `Parameters.fromJSON` */
export function compile(core: PlanCore, options: CompileOptions = {}): Program {
  const architecture = parseArchitecture(core.architecture)
  const { allowInsecure = false, parameters = Parameters.fromJSON(core.parameters, { allowInsecure }) } = options
  const setting = settingOf(core, parameters)
  const state = new CompilerState(setting, architecture, { level: core.inputLevel, scale: core.inputScale })
  const steps = core.steps.map((step, index) => compileStep(state, step, index))
  if (state.nextLayer !== architecture.layers.length) {
    throw new InvalidPlanError('steps', `end after ${state.nextLayer} of ${architecture.layers.length} layers`)
  }
  return {
    ...setting,
    architecture,
    steps,
    ...inputsOf(steps[0]!, architecture, setting.width, core.operands),
    weights: state.weights,
    galoisKeys: state.galoisKeys,
    relinearizationLevel: state.relinearizationLevel,
    output: { layout: state.layout!, level: state.level, scale: state.scale, magnitude: state.magnitude }
  }
}

function settingOf({ batchBlock, operands, packing, parties, threshold }: PlanCore, parameters: Parameters): Setting {
  const noise = new NoiseModel(parameters, parties)
  const rules = new EvaluationRules(parameters, noise, 'positive')
  if (threshold > parties) throw new InvalidPlanError('threshold', `${threshold} of ${parties} key holders`)
  if (operands.data === 'clear' && operands.weights === 'clear') throw new InvalidPlanError('operands', 'nothing is encrypted')
  const [smallest, largest] = [smallestBlock(packing), parameters.slots * samplesPerSlot(packing)]
  if (!Number.isInteger(Math.log2(batchBlock)) || batchBlock < smallest || batchBlock > largest) {
    throw new InvalidPlanError('batchBlock', `${batchBlock} is not a power of two from ${smallest} to ${largest}`)
  }
  const stride = batchBlock / samplesPerSlot(packing)
  const width = parameters.slots / stride
  return { parameters, rules, noise, operands, parties, threshold, packing, slotFactor: slotFactor(packing), stride, width }
}

/** How many slot vectors a batch block starts from, and what they hold. */
function inputsOf(
  first: CompiledStep,
  architecture: PlanCore['architecture'],
  width: number,
  { data }: Operands
): { inputsPerBlock: number; inputFeatures: (index: number) => Int32Array } {
  if (first.kind === 'taps') return { inputsPerBlock: first.packing.inputCount, inputFeatures: index => first.packing.inputFeatures(index) }
  if (first.kind === 'diagonals') {
    const { packing } = first
    if (data === 'encrypted') return { inputsPerBlock: packing.inputBlocks, inputFeatures: index => packing.input.blocks[index]! }
    const turns = packing.turns()
    return { inputsPerBlock: turns.length, inputFeatures: index => packing.turnedFeatures(turns[index]!.inputBlock, turns[index]!.baby) }
  }
  if (data === 'clear') throw new InvalidPlanError('steps.0', 'an activation of clear data, which its owner can compute in the clear')
  const features = architecture.input.shape.reduce((product, dimension) => product * dimension, 1)
  const layout = sequentialLayout(features, width)
  return { inputsPerBlock: layout.blocks.length, inputFeatures: index => layout.blocks[index]! }
}
