/** Who held what, and who saw what: for the table and for the page. */
import { formatBytes } from '@slytherin/engine'
import type { DemoReport } from './report.js'

export interface Sight {
  readonly party: string
  readonly holds: string
  readonly saw: string
  readonly never: string
}

export function sightsOf({ queries, evaluatorDisk, threshold, bytesByParty }: DemoReport): Sight[] {
  const shares = (holder: string): number =>
    queries.reduce((sum, { shares }) => sum + Object.values(shares[holder] ?? {}).reduce((total, count) => total + count, 0), 0)
  return Object.keys(bytesByParty).map((party): Sight => {
    if (party.startsWith('holder')) {
      return {
        party,
        holds: `a share of the key; ${threshold} together could decrypt`,
        saw: `one component of each of ${shares(party)} ciphertexts`,
        never: 'weights, images, answers'
      }
    }
    if (party === 'evaluator') {
      return {
        party,
        holds: `encrypted model and evaluation keys, ${formatBytes(evaluatorDisk)}`,
        saw: 'ciphertexts; how many images there are',
        never: 'weights, images, answers'
      }
    }
    if (party === 'model-owner') return { party, holds: 'its network', saw: 'whom it lets ask', never: 'images, answers' }
    return { party, holds: 'its images', saw: 'its own answers', never: "weights; others' images, answers" }
  })
}
