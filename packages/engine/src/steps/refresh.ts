/**
 * A collective refresh: schema, rule and noise.
 *
 * The lowest level at which a ciphertext can be refreshed follows from the masks, which are uniform of λ + ⌈log2(scale·magnitude)⌉ bits with λ = 128, and
 *
 *   Q_l ≥ 4·(parties·2^(maskBits - 1) + 2·scale·magnitude)
 *
 * so that the sum of all masks and the message stay below Q_l/4. The multiparty package refuses shares below this level; the planner must agree with it.
 */
import { ERROR_SIGMA, type Parameters } from '@slytherin/ckks'
import { z } from 'zod'
import { InvalidPlanError } from '../errors.js'
import { added, type Flow, sent } from './flow.js'
import { refreshShares } from './operands.js'
import type { Setting } from './setting.js'
import type { CompilerState } from './state.js'
import { type Common, level, magnitude, positiveCount, scale } from './step.js'

export const refreshSchema = z.strictObject({ kind: z.literal('refresh'), level, scale, magnitude, ciphertextsPerBlock: positiveCount })

export type RefreshStep = z.infer<typeof refreshSchema>

export interface CompiledRefresh extends Common {
  readonly kind: 'refresh'
  readonly step: RefreshStep
}

/** λ: bits by which a mask exceeds the message. */
export const MASK_STATISTICAL_BITS = 128
const MODULUS_MARGIN = 4n
const MESSAGE_MARGIN = 2n

/**
 * @param parties number of shares that are added, mask-only shares included
 * @returns the level, or undefined when no level of the parameters is high enough
 */
export function minimumRefreshLevel(parameters: Parameters, parties: number, scale: number, magnitude: number): number | undefined {
  const bits = MASK_STATISTICAL_BITS + Math.max(0, Math.ceil(Math.log2(scale) + Math.log2(magnitude)))
  const needed = MODULUS_MARGIN * (BigInt(parties) * (1n << BigInt(bits - 1)) + MESSAGE_MARGIN * BigInt(Math.ceil(scale * magnitude)))
  let modulus = 1n
  for (let level = 0; level <= parameters.maxLevel; level++) {
    modulus *= parameters.primes[level]!.value
    if (modulus >= needed) return level
  }
  return undefined
}

/** @throws InvalidPlanError */
export function compileRefresh(state: CompilerState, step: RefreshStep, index: number, path: string): CompiledRefresh {
  const { layout } = state
  const { parameters, parties, operands } = state.setting
  if (!layout) throw new InvalidPlanError(path, 'a refresh of the input')
  const blocks = layout.blocks.length
  const expected = { scale: state.scale, magnitude: state.magnitude, ciphertextsPerBlock: blocks }
  for (const [field, value] of Object.entries(expected)) {
    if (step[field as keyof typeof expected] !== value) throw new InvalidPlanError(`${path}.${field}`, `differs from ${value}`)
  }
  const minimum = minimumRefreshLevel(parameters, refreshShares(parties, operands), step.scale, step.magnitude)
  if (minimum === undefined || step.level < minimum) {
    throw new InvalidPlanError(`${path}.level`, `${step.level} is too low for the masks, which need ${minimum ?? 'more primes'}`)
  }
  state.level = parameters.maxLevel
  const name = state.architecture.layers[state.nextLayer - 1]!.name
  return { index, name, kind: 'refresh', step, scaleIn: step.scale, magnitudeIn: step.magnitude, blocksIn: blocks, blocksOut: blocks }
}

export function refreshFlow(setting: Setting, flow: Flow): Flow {
  const { parameters, parties, operands } = setting
  const refreshed = added(sent(setting, flow), sharesNoise(refreshShares(parties, operands)))
  return { ...refreshed, metadata: { ...refreshed.metadata, level: parameters.maxLevel } }
}

/** log2 of the error that the shares of a refresh leave: two errors per share. */
const sharesNoise = (shares: number): number => 0.5 * Math.log2(2 * shares * ERROR_SIGMA ** 2)
