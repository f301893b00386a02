/** Where the values stand that each step of a plan leaves. */
import { type Layout, sequentialLayout } from '../packing/layout.js'
import { programOf } from './compiled.js'
import type { Plan } from './plan.js'

/** One layout a step: which feature of the layer's result every position of its blocks holds. */
export function layoutsOf(plan: Plan): Layout[] {
  const { steps, width, architecture } = programOf(plan)
  let layout = sequentialLayout(
    architecture.input.shape.reduce((product, dimension) => product * dimension, 1),
    width
  )
  return steps.map(step => {
    if (step.kind === 'taps' || step.kind === 'diagonals') layout = step.packing.output
    return layout
  })
}
