/** Where the model owner of a scenario knows the values of its network from. */
import { type CalibrationConfiguration, lastSamples } from '@slytherin/node'
import type { Scenario } from './scenario.js'

/** What the model owner measures its ranges on: the last samples of the file, which are asked about only when nearly all are. */
export async function calibrationOf({ data, manifest, calibrationSamples }: Scenario): Promise<CalibrationConfiguration> {
  if (calibrationSamples === 0) return { manifest }
  return { samples: await lastSamples(data.samples, data.normalisation, calibrationSamples) }
}
