/** Figures of a report as people read them. */
import type { TaskKind } from '@slytherin/engine'

/** A share in percent, or R². */
export const score = (task: TaskKind, value: number): string =>
  task === 'regression' ? `R² ${value.toFixed(4)}` : `${(100 * value).toFixed(2)} %`

/** A distance as reports tell it. */
export const describeDistance = (bits: number | undefined): string => (bits === undefined ? 'unknown size' : `2^-${bits.toFixed(1)}`)
