/** What a plan says of each step's result and weights, without what happens when it is run. */
import { Parameters, serializedCiphertextLength } from '@slytherin/ckks'
import {
  chunkDiagonals,
  chunkedLayout,
  DiagonalsPacking,
  type Layout,
  type Plan,
  rowPeriod,
  sequentialLayout,
  TapsPacking
} from '@slytherin/engine'

export interface PlannedStep {
  readonly kind: Plan['steps'][number]['kind']
  /** Index of the layer whose values the step leaves: a refresh leaves those of the layer before it. */
  readonly layer: number
  readonly name: string
  /** Which feature of the layer stands where. */
  readonly layout: Layout
  /** Encrypted weights of the step, biases included. */
  readonly weights: number
  /** Bytes of them as the model owner sends them. */
  readonly bytes: number
}

export function plannedSteps(plan: Plan): PlannedStep[] {
  const { architecture, batchBlock, packing } = plan
  const parameters = Parameters.fromJSON(plan.parameters, { allowInsecure: true })
  const width = (parameters.slots * (packing === 'complex' ? 2 : 1)) / batchBlock
  let layer = -1
  let layout: Layout | undefined
  return plan.steps.map(step => {
    if (step.kind === 'refresh') {
      const { name } = architecture.layers[layer]!
      return { kind: step.kind, layer, name, layout: layout!, weights: 0, bytes: 0 }
    }
    layer = step.layer
    const described = architecture.layers[layer]!
    if (step.kind === 'taps' && described.kind === 'affine') {
      layout = new TapsPacking(described.convolution!, width, step.arrangement).output
    } else if (step.kind === 'diagonals' && described.kind === 'affine') {
      const rows = rowPeriod(described.outputs, width)
      const input = step.chunked
        ? chunkedLayout(described.inputs, width, rows, chunkDiagonals(described.inputs, width, rows)!)
        : (layout ?? sequentialLayout(described.inputs, width))
      const { diagonals, babySteps } = step
      layout = new DiagonalsPacking({ outputs: described.outputs, input, diagonals, babySteps, present: undefined }).output
    } else if (described.kind !== 'affine') {
      layout ??= sequentialLayout(described.features, width)
    }
    const items = plan.weights.items.filter(item => item.layer === layer)
    const bytes = items.reduce((sum, item) => sum + serializedCiphertextLength(parameters, item.level), 0)
    return { kind: step.kind, layer, name: described.name, layout: layout!, weights: items.length, bytes }
  })
}
