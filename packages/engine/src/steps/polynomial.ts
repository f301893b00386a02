/** Polynomial activations of degree above two: schema, rule, noise and price. What their evaluation does is asked of the scheme (`polynomial-profile`). */
import { type CiphertextMetadata, CkksError, combineNoise, conjugationElement } from '@slytherin/ckks'
import * as z from 'zod'
import type { ArchitectureLayer, PolynomialArchitecture } from '../architecture/architecture.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { InvalidPlanError } from '../errors.js'
import { sequentialLayout } from '../packing/layout.js'
import type { Flow } from './flow.js'
import { depthOfLayer, type PolynomialProfile, slopeBound, traceStep } from './polynomial-profile.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Arrival, type Common, layerIndex, level, magnitude, rescalings, scale } from './step.js'

export const polynomialSchema = z.strictObject({
  kind: z.literal('polynomial'),
  layer: layerIndex,
  level,
  /** levels that it takes */
  rescalings,
  /** scale that is asked of the evaluation; `scale` is what rounding in doubles makes of it */
  target: scale,
  scale,
  magnitude
})

export type PolynomialStep = z.infer<typeof polynomialSchema>

export interface CompiledPolynomial extends Common {
  readonly kind: 'polynomial'
  readonly step: PolynomialStep
  readonly layer: PolynomialArchitecture
  /** log2 of the error that the evaluation adds to its argument's */
  readonly noise: number
}

/** @throws InvalidPlanError */
export function compilePolynomial(
  state: CompilerState,
  step: PolynomialStep,
  layer: ArchitectureLayer,
  path: string,
  arrival: Arrival
): CompiledPolynomial {
  const { packing, parameters, width } = state.setting
  if (layer.kind !== 'polynomial') throw new InvalidPlanError(path, `a polynomial for the ${layer.kind} layer '${layer.name}'`)
  state.layout ??= sequentialLayout(layer.features, width)
  state.settle(arrival.reads[0]!, state.layout)
  const { layout } = state
  const blocks = layout.blocks.length
  const noise = advance(state, step, layer, path)
  state.needRelinearization(step.level)
  if (packing === 'complex') state.needGaloisKey(conjugationElement(parameters.N), step.level)
  return { ...arrival, kind: 'polynomial', step, layer, noise, blocksIn: blocks, blocksOut: blocks, layout }
}

/** What the evaluation of the scheme makes of level and scale; returns the error it adds. */
function advance(state: CompilerState, step: PolynomialStep, layer: PolynomialArchitecture, path: string): number {
  const { parameters, rules, packing } = state.setting
  const depth = depthOfLayer(layer)
  if (step.rescalings !== depth)
    throw new InvalidPlanError(`${path}.rescalings`, `${step.rescalings}, a polynomial of this degree takes ${depth}`)
  state.checkFits(`${path}.level`, step.level, state.scale, state.magnitude)
  const { scale: scaleIn, magnitude: magnitudeIn } = state
  let result: CiphertextMetadata
  try {
    result = traceStep(parameters, rules, layer, { ...step, slots: packing, scaleIn, magnitudeIn }).result
  } catch (error) {
    if (error instanceof CkksError) throw new InvalidPlanError(`${path}.target`, error.message)
    throw error
  }
  state.level = result.level
  state.scale = result.scale
  state.magnitude = step.magnitude
  state.checkFits(`${path}.scale`, state.level, state.scale, state.magnitude)
  if (step.scale !== state.scale) throw new InvalidPlanError(`${path}.scale`, `${step.scale}, the evaluation gives ${state.scale}`)
  return result.noise
}

/** The error of its argument by the derivative, and its own. */
export function polynomialFlow(setting: Setting, { step, layer, magnitudeIn, noise: rest }: CompiledPolynomial, { metadata }: Flow): Flow {
  const { level, rescalings, scale, magnitude } = step
  const unit = metadata.noise + Math.log2(scale) - Math.log2(metadata.scale)
  const noise = combineNoise(rest, unit + Math.log2(slopeBound(layer, magnitudeIn / setting.slotFactor)))
  return { metadata: { level: level - rescalings, scale, degree: 1, noise, magnitude }, activation: { unit, rest } }
}

/** Everything that one polynomial activation does to one ciphertext. */
export function polynomialSeconds(operations: PolynomialProfile['operations'], costs: OperationCosts, level: number): number {
  return operations.reduce((sum, { operation, below }) => {
    const at = level - below
    switch (operation) {
      case 'multiply':
        return sum + costs.multiply(at)
      case 'multiplyPlain':
        return sum + costs.multiplyPlain(at)
      case 'relinearize':
      case 'automorphism':
        return sum + costs.keySwitch(at)
      case 'rescale':
        return sum + costs.rescale(at)
      case 'plaintext':
        return sum + costs.encoding(at)
      default:
        return sum + costs.add(at)
    }
  }, 0)
}
