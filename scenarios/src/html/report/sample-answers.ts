/** Single samples of a run, which the report's data leave out. */

import type { OutputMeaning, Prediction } from '@slytherin/engine'
import type { ClearReference } from '../../clear-reference.js'

/** Single samples, which the report's data leaves out. */
export interface SampleAnswers {
  readonly samples: readonly Float64Array[]
  /** Of one sample, as the network takes it. */
  readonly shape: readonly number[]
  readonly labels: readonly Prediction[]
  /** what logits mean */
  readonly meaning: OutputMeaning
  readonly clear: readonly ArrayLike<number>[]
  readonly encrypted: readonly ArrayLike<number>[]
}

export function sampleAnswers(clear: ClearReference, encrypted: readonly ArrayLike<number>[]): SampleAnswers {
  const { samples, labels, logits, network } = clear
  return { samples, shape: network.shape, labels, meaning: network, clear: logits, encrypted }
}
