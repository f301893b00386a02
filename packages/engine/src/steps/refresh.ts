/** A collective refresh: schema, rule and noise. The multiparty package refuses shares below the level that is the lowest here, too. */
import { minimumRefreshLevel, minimumWholeKeyRefreshLevel, refreshNoise } from '@slytherin/ckks'
import * as z from 'zod'
import { InvalidPlanError } from '../errors.js'
import { added, coined, type Flow, sent } from './flow.js'
import { refreshShares } from './operands.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Common, level, magnitude, positiveCount, scale } from './step.js'

export const refreshSchema = z.strictObject({
  kind: z.literal('refresh'),
  /** which value: the result of layer value - 1; absent for that of the step before */
  value: positiveCount.optional(),
  level,
  scale,
  magnitude,
  ciphertextsPerBlock: positiveCount
})

export type RefreshStep = z.infer<typeof refreshSchema>

export interface CompiledRefresh extends Common {
  readonly kind: 'refresh'
  readonly step: RefreshStep
  /** the value that is refreshed */
  readonly value: number
}

/** @throws InvalidPlanError */
export function compileRefresh(state: CompilerState, step: RefreshStep, index: number, path: string): CompiledRefresh {
  const value = step.value ?? state.nextLayer
  if (step.value === state.nextLayer) throw new InvalidPlanError(`${path}.value`, 'that of the step before, which goes without saying')
  state.enter(value, `${path}.value`)
  if (step.level > state.level) throw new InvalidPlanError(`${path}.level`, `${step.level}, but its operand is at level ${state.level}`)
  const { layout } = state
  const { parameters, threshold, operands } = state.setting
  if (value === 0 || !layout) throw new InvalidPlanError(path, 'a refresh of the input')
  const blocks = layout.blocks.length
  const expected = { scale: state.scale, magnitude: state.magnitude, ciphertextsPerBlock: blocks }
  for (const [field, value] of Object.entries(expected)) {
    if (step[field as keyof typeof expected] !== value) throw new InvalidPlanError(`${path}.${field}`, `differs from ${value}`)
  }
  const minimum =
    threshold === 1
      ? minimumWholeKeyRefreshLevel(parameters, step.scale, step.magnitude)
      : minimumRefreshLevel(parameters, refreshShares(threshold, operands), step.scale, step.magnitude)
  if (minimum === undefined || step.level < minimum) {
    throw new InvalidPlanError(`${path}.level`, `${step.level} is too low for the masks, which need ${minimum ?? 'more primes'}`)
  }
  state.level = parameters.maxLevel
  state.leave(value)
  const { name } = state.architecture.layers[value - 1]!
  return {
    index,
    name,
    kind: 'refresh',
    step,
    value,
    reads: [value],
    scaleIn: step.scale,
    magnitudeIn: step.magnitude,
    blocksIn: blocks,
    blocksOut: blocks,
    layout
  }
}

export function refreshFlow(setting: Setting, flow: Flow): Flow {
  const { parameters, threshold, operands } = setting
  const refreshed = coined(setting, added(sent(setting, flow), refreshNoise(refreshShares(threshold, operands))))
  return { ...refreshed, metadata: { ...refreshed.metadata, level: parameters.maxLevel } }
}
