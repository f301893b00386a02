/** Runs a plan on the simulator, with weights and inputs packed as the parties would, and refreshes that only restore the level. */
import { type ComplexVector, type EvaluatorCiphertext, Parameters, SimulatorEvaluator, type SlotValues } from '@slytherin/ckks'
import {
  type Architecture,
  architectureOf,
  calibrate,
  clearInputs,
  type Network,
  type OperandKind,
  type Plan,
  packInput,
  packWeight,
  type Ranges,
  type Refresher,
  type RunOptions,
  rangesFromActivations,
  run,
  unpackOutputs,
  weightDescriptor
} from '@slytherin/engine'
import { modelOf, networkOf, testSamples } from './data.ts'

/** Public description of a trained network, from the ranges in the manifest. */
export function architectureFor(name: string): Architecture {
  const model = modelOf(name)
  const network = networkOf(name)
  const input = Math.max(...testSamples(name, 32).flatMap(sample => [...sample].map(Math.abs)), 1)
  return architectureOf(network, rangesOf(network, name, model.expected.maxAbsLogit, input))
}

function rangesOf(network: Network, name: string, largestLogit: number, input: number): Ranges {
  const { train } = modelOf(name).activationRanges
  return train.length > 0 ? rangesFromActivations(network, train, { input, largestLogit }) : calibrate(network, testSamples(name, 64))
}

export function simulatorFor(plan: Plan): SimulatorEvaluator {
  const parameters = Parameters.fromJSON(plan.parameters, { allowInsecure: true })
  const { parties, galoisKeys, relinearizationLevel } = plan
  return new SimulatorEvaluator(parameters, { parties, galoisKeys, relinearizationLevel })
}

/** Gives ciphertexts of the same slots at the top level. */
export function simulatedRefresher(evaluator: SimulatorEvaluator): Refresher {
  return {
    async refresh(ciphertexts) {
      const level = evaluator.parameters.maxLevel
      const fresh = ciphertexts.map(ciphertext =>
        evaluator.encrypt(evaluator.decrypt(ciphertext), { level, scale: ciphertext.scale, magnitude: ciphertext.magnitude })
      )
      for (const ciphertext of ciphertexts) ciphertext.dispose()
      return fresh
    }
  }
}

export interface Simulation {
  logits: Float64Array[]
  outputs: { level: number; scale: number; noise: number; magnitude: number }[]
  evaluator: SimulatorEvaluator
  /** What the querier decrypts, before unpacking. */
  slots: ComplexVector[]
}

export async function simulate(
  plan: Plan,
  network: Network,
  samples: readonly ArrayLike<number>[],
  extra: Partial<RunOptions> = {},
  evaluator = simulatorFor(plan)
): Promise<Simulation> {
  const { data, weights } = plan.operands
  const encode = (kind: OperandKind, values: SlotValues, options: { level: number; scale: number; magnitude: number }) =>
    kind === 'clear' ? evaluator.plaintext(values, options) : evaluator.encrypt(values, options)
  const outputs = await run(plan, {
    evaluator,
    inputs:
      data === 'clear' ? clearInputs(plan, samples, evaluator) : async index => encode(data, packInput(plan, samples, index), plan.inputs),
    weights: async index => encode(weights, packWeight(plan, network, index), weightDescriptor(plan, index)),
    refresher: simulatedRefresher(evaluator),
    ...extra
  })
  const slots = outputs.map(output => evaluator.decrypt(output))
  const metadata = outputs.map((output: EvaluatorCiphertext) => ({
    level: output.level,
    scale: output.scale,
    noise: output.noise,
    magnitude: output.magnitude
  }))
  for (const output of outputs) output.dispose()
  return { logits: unpackOutputs(plan, slots), outputs: metadata, evaluator, slots }
}
