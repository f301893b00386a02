/** What a plan says of each step's result and weights, without what happens when it is run. */
import { Parameters, serializedCiphertextLength } from '@slytherin/ckks'
import { type Layout, layoutsOf, type Plan } from '@slytherin/engine'

export interface PlannedStep {
  readonly kind: Plan['steps'][number]['kind']
  /** Index of the layer whose values the step leaves: a refresh leaves those of a layer before it. */
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
  const { architecture } = plan
  const parameters = Parameters.fromJSON(plan.parameters, { allowInsecure: true })
  const layouts = layoutsOf(plan)
  let latest = -1
  return plan.steps.map((step, index) => {
    const layout = layouts[index]!
    if (step.kind === 'refresh') {
      const layer = step.value === undefined ? latest : step.value - 1
      return { kind: step.kind, layer, name: architecture.layers[layer]!.name, layout, weights: 0, bytes: 0 }
    }
    const { layer } = step
    latest = layer
    const items = plan.weights.items.filter(item => item.layer === layer)
    const bytes = items.reduce((sum, item) => sum + serializedCiphertextLength(parameters, item.level), 0)
    return { kind: step.kind, layer, name: architecture.layers[layer]!.name, layout, weights: items.length, bytes }
  })
}
