/**
 * A plan compiled: parameters, packing and exact scales of every step, order of the weights. Compiling checks every rule that a plan must keep, so that a plan from
 * another party is as good as one's own.
 */
import { EvaluationRules, NoiseModel, Parameters } from '@slytherin/ckks'
import { parseArchitecture } from '../architecture/architecture.js'
import { readersOf } from '../architecture/values.js'
import { InvalidPlanError } from '../errors.js'
import { type Layout, sequentialLayout } from '../packing/layout.js'
import { samplesPerSlot, slotFactor, smallestBlock } from '../packing/slots.js'
import type { CompiledDiagonals } from '../steps/diagonals.js'
import { type CompiledStep, compileStep } from '../steps/kinds.js'
import type { Setting } from '../steps/setting.js'
import { CompilerState } from '../steps/state.js'
import type { GaloisKeyNeed, WeightDescriptor } from '../steps/step.js'
import type { CompiledSum } from '../steps/sum.js'
import type { PlanCore } from './plan.js'

export interface Program extends Setting {
  readonly architecture: PlanCore['architecture']
  readonly steps: readonly CompiledStep[]
  /** by value: the layers that read it, ascending */
  readonly readers: readonly (readonly number[])[]
  readonly inputsPerBlock: number
  /** what each position of input `index` of a batch block holds */
  inputFeatures(index: number): Int32Array
  /** level of input `index` of a batch block: clear inputs are encoded for the step that reads them */
  inputLevel(index: number): number
  /** by step: the first of the inputs that it reads, where data are clear */
  readonly firstInputs: ReadonlyMap<number, number>
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
    readers: readersOf(architecture.layers),
    ...inputsOf(steps, architecture, setting.width, core),
    weights: state.weights,
    galoisKeys: state.galoisKeys,
    relinearizationLevel: state.relinearizationLevel,
    output: { layout: state.layout!, level: state.level, scale: state.scale, magnitude: state.magnitude }
  }
}

function settingOf({ batchBlock, operands, packing, parties, threshold, seededInputs }: PlanCore, parameters: Parameters): Setting {
  const noise = new NoiseModel(parameters, parties)
  const rules = new EvaluationRules(parameters, noise, 'positive')
  if (threshold > parties) throw new InvalidPlanError('threshold', `${threshold} of ${parties} key holders`)
  if (operands.data === 'clear' && operands.weights === 'clear') throw new InvalidPlanError('operands', 'nothing is encrypted')
  if (seededInputs && (parties > 1 || operands.data === 'clear')) {
    const found = operands.data === 'clear' ? 'clear data' : `${parties} key holders`
    throw new InvalidPlanError('inputs.seeded', `${found}: only who holds the whole key encrypts with it`)
  }
  const [smallest, largest] = [smallestBlock(packing), parameters.slots * samplesPerSlot(packing)]
  if (!Number.isInteger(Math.log2(batchBlock)) || batchBlock < smallest || batchBlock > largest) {
    throw new InvalidPlanError('batchBlock', `${batchBlock} is not a power of two from ${smallest} to ${largest}`)
  }
  const stride = batchBlock / samplesPerSlot(packing)
  const width = parameters.slots / stride
  return { parameters, rules, noise, operands, parties, threshold, seededInputs, packing, slotFactor: slotFactor(packing), stride, width }
}

/** How many slot vectors a batch block starts from, what they hold, and where they are read. */
function inputsOf(
  steps: readonly CompiledStep[],
  architecture: PlanCore['architecture'],
  width: number,
  { operands: { data }, inputLevel: level }: PlanCore
): Pick<Program, 'inputsPerBlock' | 'inputFeatures' | 'inputLevel' | 'firstInputs'> {
  const readers = steps.filter(step => step.kind !== 'refresh' && step.reads.includes(0))
  const [first] = readers
  if (first?.kind === 'taps') {
    const { packing } = first
    return {
      inputsPerBlock: packing.inputCount,
      inputFeatures: index => packing.inputFeatures(index),
      inputLevel: () => level,
      firstInputs: new Map([[first.index, 0]])
    }
  }
  if (data === 'clear') return clearInputsOf(readers, level)
  const features = architecture.input.shape.reduce((product, dimension) => product * dimension, 1)
  // a value has one layout, which its first reader chooses
  const layout = first?.kind === 'diagonals' ? first.packing.input : sequentialLayout(features, width)
  return {
    inputsPerBlock: layout.blocks.length,
    inputFeatures: index => layout.blocks[index]!,
    inputLevel: () => level,
    firstInputs: new Map()
  }
}

/** Clear inputs come rotated already, for every step that reads them. @throws InvalidPlanError */
function clearInputsOf(
  readers: readonly CompiledStep[],
  level: number
): Pick<Program, 'inputsPerBlock' | 'inputFeatures' | 'inputLevel' | 'firstInputs'> {
  const firstInputs = new Map<number, number>()
  const turns = readers.flatMap((step): { features: () => Int32Array; level: number }[] => {
    if (step.kind !== 'diagonals' && step.kind !== 'sum')
      throw new InvalidPlanError(`steps.${step.index}`, 'an activation of clear data, which its owner can compute in the clear')
    const { packing } = step
    return packing
      .turns()
      .map(({ inputBlock, baby }) => ({ features: () => packing.turnedFeatures(inputBlock, baby), level: step.step.level }))
  })
  let first = 0
  for (const step of readers) {
    firstInputs.set(step.index, first)
    first += (step as CompiledDiagonals | CompiledSum).packing.turns().length
  }
  // a single reader runs where the inputs are
  const alone = readers.length === 1
  return {
    inputsPerBlock: turns.length,
    inputFeatures: index => turns[index]!.features(),
    inputLevel: index => (alone ? level : turns[index]!.level),
    firstInputs
  }
}
