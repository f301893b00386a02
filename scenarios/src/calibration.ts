/** Where the model owner of a scenario knows the values of its network from. */
import { readFile } from 'node:fs/promises'
import { type CalibrationConfiguration, readIdx, readNpy } from '@slytherin/node'
import type { Scenario } from './scenario.js'

/** What the model owner measures its ranges on: the last samples of the file, which are asked about only when nearly all are. */
export async function calibrationOf({ data, manifest, calibrationSamples }: Scenario): Promise<CalibrationConfiguration> {
  if (calibrationSamples === 0) return { manifest }
  const { samples, normalisation } = data
  const bytes = await readFile(samples)
  const { rows } = formatOf(samples) === 'npy' ? readNpy(bytes, samples) : readIdx(bytes, samples)
  const count = Math.min(calibrationSamples, rows)
  return { samples: { [formatOf(samples)]: samples, offset: rows - count, count, normalisation } }
}

export const formatOf = (file: string): 'npy' | 'idx' => (file.endsWith('.npy') ? 'npy' : 'idx')
