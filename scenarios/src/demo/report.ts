/** What the demo found out, and why it counts as failed. */
import type { Prediction } from '@slytherin/engine'
import type { Machine } from '../machine.js'

/** One query of one querier. */
export interface DemoQuery {
  readonly querier: string
  readonly query: string
  /** Place of its first sample in the test set, and how many there are. */
  readonly offset: number
  readonly samples: number
  readonly seconds: number
  /** Samples that were classified as labelled, and as the network of the file does in the clear. */
  readonly correct: number
  readonly asClear: number
  readonly predictions: readonly Prediction[]
  readonly labels: readonly Prediction[]
  /** Largest absolute difference of a logit from the network in the clear. */
  readonly worstLogitError: number
  /** From the ledgers of the holders: shares that each gave, by step of the plan (`out`: switching the result to the querier's key). */
  readonly shares: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export interface DemoKill {
  readonly holder: string
  readonly query: string
  /** The refresh whose shares were there when it was killed. */
  readonly after: string
  /** Until it answered commands again, from its new start. */
  readonly secondsToReady: number
}

export interface DemoReport {
  readonly scenario: string
  readonly description: string
  readonly model: string
  readonly createdAt: string
  readonly machine: Machine
  readonly holders: number
  readonly threshold: number
  /** Shape of a sample. */
  readonly shape: readonly number[]
  readonly accuracyClear: number
  readonly accuracyEncrypted: number
  /** Largest absolute logit of the network in the clear on these samples. */
  readonly largestLogit: number
  readonly queries: readonly DemoQuery[]
  readonly kill: DemoKill
  /** `start` is of all processes; `total` from the first start to the last answer and the return of who was killed. */
  readonly seconds: { readonly start: number; readonly keys: number; readonly publication: number; readonly total: number }
  readonly parameters: { readonly logN: number; readonly levels: number; readonly floodingBits: number; readonly decryptions: number }
  /** Of the holder that was killed those since its new start are added to what was counted before the query. */
  readonly bytesByParty: Readonly<Record<string, { readonly sent: number; readonly received: number }>>
  readonly peakMemoryByParty: Readonly<Record<string, number>>
  /** Bytes of the model's encrypted parts and of keys at the evaluator. */
  readonly evaluatorDisk: number
  /** Shares of refreshes and results that holders gave, and those for a ciphertext that had one. */
  readonly shares: number
  readonly secondShares: number
  /** Processes that did not end when they were asked to. */
  readonly stuck: number
}

/** Largest error of a logit, as a share of the largest one. */
const TOLERANCE = 0.02

/** Empty when all went well. */
export function failuresOfDemo({ queries, kill, largestLogit, secondShares, stuck }: DemoReport): string[] {
  const failures: string[] = []
  for (const { querier, samples, asClear, worstLogitError } of queries) {
    if (asClear !== samples)
      failures.push(`${samples - asClear} of ${samples} answers for ${querier} are not those of the network in the clear`)
    if (!(worstLogitError <= TOLERANCE * largestLogit)) {
      failures.push(`the worst logit error of ${querier}, ${worstLogitError}, exceeds ${TOLERANCE} of the largest logit, ${largestLogit}`)
    }
  }
  const met = queries.find(({ query }) => query === kill.query)
  const given = met?.shares[kill.holder] ?? {}
  if ((given[kill.after] ?? 0) === 0) failures.push(`${kill.holder} had given no share of ${kill.after} when it was killed`)
  if ((given['out'] ?? 0) > 0) failures.push(`${kill.holder} was not killed in time: it gave shares until the query's end`)
  if (secondShares > 0) failures.push(`${secondShares} second shares for one ciphertext`)
  if (stuck > 0) failures.push(`${stuck} processes did not end when they were asked to`)
  return failures
}
