/**
 * Noise of a program from public bounds alone, before anything is computed.
 *
 * Two views are taken and the smaller one counts. The evaluators' own rules bound every product by the largest |slot| of its factors. The *norm* view sums what a layer
 * does to errors over its features: an output Σ_j W_ij·x_j has, per slot,
 *
 *   σ² = ‖W_i‖²·σ_x² + ‖x‖²·σ_W²            (Δ's left out)
 *
 * with the row norm of the architecture and the input norm of its calibration; and when x = p(u) elementwise, p a square or another polynomial, the error of u arrives as ‖(W_ij·p'(u_j))_j‖·σ_u, the
 * measured gain, instead of max|p'(u)|·‖W_i‖·σ_u. Both are bounds of a standard deviation, not of a worst case; without them networks of many layers would seem to drown in
 * noise. For the logits there is a third view: what enters at every step, times the measured sensitivity of the logits to it. The runner lowers the tracked noise of every affine layer's result to what is found here (`claims`); measured noise stays below it in tests.
 */
import { type CiphertextMetadata, combineNoise, type PlaintextMetadata } from '@slytherin/ckks'
import { arrived, encrypted, type Factor, lowered, sent, silent } from '../steps/flow.js'
import { flowAfter, valueMade } from '../steps/kinds.js'
import type { Program } from './program.js'

export interface NoiseWalk {
  /** log2 of the error after every step, in the evaluator */
  readonly claims: readonly number[]
  /** the logits as they are switched, with what is added to them before */
  readonly sent: CiphertextMetadata
}

/** @param input level, scale and bound of the inputs */
export function walkNoise(program: Program, input: PlaintextMetadata): NoiseWalk {
  const { operands, steps } = program
  // by value
  const state: Factor[] = [arrived(program, operands.data, input)]
  const claims = steps.map((step, index) => {
    const read = step.reads.map(value => state[value]!)
    let flow = flowAfter(program, step, read)
    if (index === steps.length - 1) flow = lowered(flow, throughout(program, input, flow.metadata.scale))
    state[valueMade(step)] = { kind: 'encrypted', flow }
    return flow.metadata.noise
  })
  return { claims, sent: sent(program, encrypted(state.at(-1)!)).metadata }
}

/**
 * log2 of the error of the logits as the sum of what enters at every step, each by its measured sensitivity; infinite when those are not known.
 * @param scale of the logits
 */
function throughout(program: Program, input: PlaintextMetadata, scale: number): number {
  const { architecture, steps, operands } = program
  const reach = (noise: number, from: number, sensitivity: number | undefined): number =>
    noise - Math.log2(from) + Math.log2(sensitivity ?? Number.POSITIVE_INFINITY)
  const parts: number[] = []
  const state: Factor[] = [arrived(program, operands.data, input)]
  const [entry] = state
  if (entry!.kind === 'encrypted') parts.push(reach(entry!.flow.metadata.noise, input.scale, architecture.input.sensitivity))
  for (const step of steps) {
    const { sensitivity } = architecture.layers[valueMade(step) - 1]!
    const arriving = step.reads.map((value): Factor => {
      const read = state[value]!
      return read.kind === 'clear' ? read : { kind: 'encrypted', flow: { metadata: silent(read.flow.metadata) } }
    })
    const flow = flowAfter(program, step, arriving)
    parts.push(reach(flow.metadata.noise, flow.metadata.scale, sensitivity))
    state[valueMade(step)] = { kind: 'encrypted', flow }
  }
  return combineNoise(...parts) + Math.log2(scale)
}
