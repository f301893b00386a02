/** All kinds of steps: the one place that tells them apart. */
import * as z from 'zod'
import { InvalidPlanError } from '../errors.js'
import { type CompiledDiagonals, compileDiagonals, diagonalsFlow, diagonalsSchema } from './diagonals.js'
import { atLevel, encrypted, type Factor, type Flow } from './flow.js'
import { type CompiledPolynomial, compilePolynomial, polynomialFlow, polynomialSchema } from './polynomial.js'
import { type CompiledRefresh, compileRefresh, refreshFlow, refreshSchema } from './refresh.js'
import type { Setting } from './setting.js'
import { type CompiledSquare, compileSquare, squareFlow, squareSchema } from './square.js'
import type { CompilerState } from './state.js'
import { type CompiledTaps, compileTaps, tapsFlow, tapsSchema } from './taps.js'

export const stepSchema = z.discriminatedUnion('kind', [tapsSchema, diagonalsSchema, squareSchema, polynomialSchema, refreshSchema])

/** A step of a plan as the document has it. */
export type PlanStep = z.infer<typeof stepSchema>
export type CompiledStep = CompiledTaps | CompiledDiagonals | CompiledSquare | CompiledPolynomial | CompiledRefresh
export type CompiledAffine = CompiledTaps | CompiledDiagonals

/** Checks a step against what is known before it and the layer that it is for. @throws InvalidPlanError */
export function compileStep(state: CompilerState, step: PlanStep, index: number): CompiledStep {
  const path = `steps.${index}`
  const { architecture, nextLayer } = state
  if (step.level > state.level) throw new InvalidPlanError(`${path}.level`, `${step.level}, but its operand is at level ${state.level}`)
  if (step.kind === 'refresh') return compileRefresh(state, step, index, path)
  const layer = architecture.layers[step.layer]
  if (step.layer !== nextLayer || !layer) throw new InvalidPlanError(`${path}.layer`, `${step.layer}, expected ${nextLayer}`)
  state.nextLayer++
  if (step.rescalings > step.level) throw new InvalidPlanError(`${path}.rescalings`, `${step.rescalings} at level ${step.level}`)
  const magnitude = layer.outputMagnitude * state.setting.slotFactor
  if (step.magnitude !== magnitude) {
    throw new InvalidPlanError(`${path}.magnitude`, `${step.magnitude}, the architecture says ${magnitude}`)
  }
  const arrival = { index, name: layer.name, scaleIn: state.scale, magnitudeIn: state.magnitude }
  if (step.kind === 'square') return compileSquare(state, step, layer, path, arrival)
  if (step.kind === 'polynomial') return compilePolynomial(state, step, layer, path, arrival)
  if (layer.kind !== 'affine') throw new InvalidPlanError(path, `${step.kind} for the ${layer.kind} layer '${layer.name}'`)
  if (step.kind === 'taps') return compileTaps(state, step, layer, path, arrival)
  return compileDiagonals(state, step, layer, path, arrival)
}

/** What a step makes of level, scale and error. @throws RangeError when an activation or refresh is given a clear factor */
export function flowAfter(setting: Setting, step: CompiledStep, operand: Factor): Flow {
  switch (step.kind) {
    case 'taps':
      return tapsFlow(setting, step, operand)
    case 'diagonals':
      return diagonalsFlow(setting, step, operand)
    case 'square':
      return squareFlow(setting, step, atLevel(encrypted(operand), step.step.level))
    case 'polynomial':
      return polynomialFlow(setting, step, encrypted(operand))
    case 'refresh':
      return refreshFlow(setting, encrypted(operand))
  }
}
