/** Errors after every step, and of the logits that the querier reads, as powers of ten. */
import type { ScenarioReport } from '../report/scenario-report.js'
import { type KeyEntry, MUTED, series } from './drawing.js'
import { small } from './figures.js'
import type { Markup } from './markup.js'
import { logarithmicTracks, type Track } from './tracks.js'

const TRACKED: KeyEntry = { name: 'tracked (standard deviation)', colour: MUTED, mark: 'outline' }
const SIMULATED: KeyEntry = { name: 'simulated (root mean square)', colour: series(1), mark: 'dot' }
const WORST: KeyEntry = { name: 'simulated (worst)', colour: series(3), mark: 'dot' }
const PLANNED: KeyEntry = { name: 'planned (worst)', colour: MUTED, mark: 'bar' }
const ENCRYPTED: KeyEntry = { name: 'encrypted (worst)', colour: series(6), mark: 'diamond' }

/** @param names of the steps */
export function errorTracks(
  report: ScenarioReport,
  names: readonly string[]
): { readonly key: readonly KeyEntry[]; readonly tracks: Markup } {
  const { layers, computationError, planned } = report
  const tracks: Track[] = [
    ...layers.map(({ trackedError, simulatedError }, k) => ({
      name: names[k]!,
      marks: [
        { key: TRACKED, value: trackedError },
        { key: SIMULATED, value: simulatedError?.rms },
        { key: WORST, value: simulatedError?.worst }
      ]
    })),
    {
      name: 'logits read',
      marks: [
        { key: WORST, value: computationError.simulated },
        { key: PLANNED, value: planned.worstLogitError },
        { key: ENCRYPTED, value: computationError.encrypted }
      ]
    }
  ]
  const simulated = layers.some(({ simulatedError }) => simulatedError !== undefined)
  return {
    key: [TRACKED, ...(simulated ? [SIMULATED, WORST] : []), PLANNED, ENCRYPTED],
    tracks: logarithmicTracks({
      title: 'Error after every step',
      description: `Absolute error of a value on a logarithmic scale, step by step through the network, and of the logits after flooding: ${small(computationError.encrypted)} at worst in the encrypted run.`,
      tracks
    })
  }
}
