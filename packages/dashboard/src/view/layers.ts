/** Steps of a query as rows of a table: where the time went, what became of the noise. */
import type { StepHistory } from '../status.js'
import { formatBytes, formatPower, formatSeconds } from './format.js'

export interface LayerView {
  readonly key: number
  readonly layer: string
  readonly kind: string
  readonly seconds: string
  /** Of the longest step, from 0 to 1. */
  readonly length: number
  readonly level: number
  readonly error: string
  readonly bytes: string
}

export function layersOf(steps: readonly StepHistory[]): LayerView[] {
  const longest = Math.max(0, ...steps.map(({ seconds }) => seconds))
  return steps.map(({ step, layer, kind, passes, seconds, level, deviation, bytes }) => ({
    key: step,
    layer,
    kind: passes > 1 ? `${kind}, ${passes} passes` : kind,
    seconds: formatSeconds(seconds),
    length: longest === 0 ? 0 : seconds / longest,
    level,
    error: formatPower(deviation),
    bytes: bytes === 0 ? '–' : formatBytes(bytes)
  }))
}
