/** All kinds of steps: the one place that tells them apart. */
import * as z from 'zod'
import type { ArchitectureLayer } from '../architecture/architecture.js'
import { readsOf } from '../architecture/values.js'
import { InvalidPlanError } from '../errors.js'
import { type CompiledDiagonals, compileDiagonals, diagonalsFlow, diagonalsSchema } from './diagonals.js'
import { atLevel, encrypted, type Factor, type Flow } from './flow.js'
import { type CompiledPolynomial, compilePolynomial, polynomialFlow, polynomialSchema } from './polynomial.js'
import { type CompiledProduct, compileProduct, productFlow, productSchema } from './product.js'
import { type CompiledRefresh, compileRefresh, refreshFlow, refreshSchema } from './refresh.js'
import type { Setting } from './setting.js'
import { type CompiledSquare, compileSquare, squareFlow, squareSchema } from './square.js'
import type { CompilerState } from './state.js'
import type { Arrival } from './step.js'
import { type CompiledSum, compileSum, sumFlow, sumSchema } from './sum.js'
import { type CompiledTaps, compileTaps, tapsFlow, tapsSchema } from './taps.js'

export const stepSchema = z.discriminatedUnion('kind', [
  tapsSchema,
  diagonalsSchema,
  sumSchema,
  squareSchema,
  polynomialSchema,
  productSchema,
  refreshSchema
])

/** A step of a plan as the document has it. */
export type PlanStep = z.infer<typeof stepSchema>
export type CompiledStep =
  | CompiledTaps
  | CompiledDiagonals
  | CompiledSum
  | CompiledSquare
  | CompiledPolynomial
  | CompiledProduct
  | CompiledRefresh
export type CompiledMap = CompiledTaps | CompiledDiagonals | CompiledSum

export const isMapStep = (step: CompiledStep): step is CompiledMap =>
  step.kind === 'taps' || step.kind === 'diagonals' || step.kind === 'sum'

/** Checks a step against what is known before it and the layer that it is for. @throws InvalidPlanError */
export function compileStep(state: CompilerState, step: PlanStep, index: number): CompiledStep {
  const path = `steps.${index}`
  const { architecture, nextLayer } = state
  if (step.kind === 'refresh') return compileRefresh(state, step, index, path)
  const layer = architecture.layers[step.layer]
  if (step.layer !== nextLayer || !layer) throw new InvalidPlanError(`${path}.layer`, `${step.layer}, expected ${nextLayer}`)
  state.nextLayer++
  if (step.rescalings > step.level) throw new InvalidPlanError(`${path}.rescalings`, `${step.rescalings} at level ${step.level}`)
  const magnitude = layer.outputMagnitude * state.setting.slotFactor
  if (step.magnitude !== magnitude) {
    throw new InvalidPlanError(`${path}.magnitude`, `${step.magnitude}, the architecture says ${magnitude}`)
  }
  const reads = readsOf(layer, step.layer)
  for (const value of reads) {
    const { level } = state.value(value, path)
    if (step.level > level) throw new InvalidPlanError(`${path}.level`, `${step.level}, but its operand is at level ${level}`)
  }
  state.enter(reads[0]!, path)
  const arrival = { index, name: layer.name, reads, scaleIn: state.scale, magnitudeIn: state.magnitude }
  const compiled = compileLayer(state, step, layer, path, arrival)
  state.read(step.layer, reads)
  state.leave(step.layer + 1)
  return compiled
}

function compileLayer(
  state: CompilerState,
  step: Exclude<PlanStep, { kind: 'refresh' }>,
  layer: ArchitectureLayer,
  path: string,
  arrival: Arrival
): CompiledStep {
  if (step.kind === 'square') return compileSquare(state, step, layer, path, arrival)
  if (step.kind === 'polynomial') return compilePolynomial(state, step, layer, path, arrival)
  if (step.kind === 'product') return compileProduct(state, step, layer, path, arrival)
  if (step.kind === 'sum') return compileSum(state, step, layer, path, arrival)
  if (layer.kind !== 'affine') throw new InvalidPlanError(path, `${step.kind} for the ${layer.kind} layer '${layer.name}'`)
  if (step.kind === 'taps') return compileTaps(state, step, layer, path, arrival)
  return compileDiagonals(state, step, layer, path, arrival)
}

/**
 * What a step makes of level, scale and error.
 * @param read the values that it reads, or refreshes
 * @throws RangeError when an activation, product or refresh is given a clear factor
 */
export function flowAfter(setting: Setting, step: CompiledStep, read: readonly Factor[]): Flow {
  const operand = read[0]!
  switch (step.kind) {
    case 'taps':
      return tapsFlow(setting, step, operand)
    case 'diagonals':
      return diagonalsFlow(setting, step, operand)
    case 'square':
      return squareFlow(setting, step, atLevel(encrypted(operand), step.step.level))
    case 'polynomial':
      return polynomialFlow(setting, step, encrypted(operand))
    case 'sum':
      return sumFlow(setting, step, read)
    case 'product':
      return productFlow(setting, step, encrypted(operand), encrypted(read[1]!))
    case 'refresh':
      return refreshFlow(setting, encrypted(operand))
  }
}

/** The value that it makes. */
export const valueMade = (step: CompiledStep): number => (step.kind === 'refresh' ? step.value : step.step.layer + 1)
