/** Where the model owner of a scenario knows the values of its network from: never the samples that are asked about, which judge it. */
import type { CalibrationConfiguration } from '@slytherin/node'
import { lastSamples, SampleFile, sourceOf } from '@slytherin/node'
import { type Scenario, ScenarioFileError } from './scenario.js'

/** Fewer samples make polynomials and bounds that hold for little else. */
export const FEW_CALIBRATION_SAMPLES = 100

/** @throws ScenarioFileError when every row is asked about; DataFileError */
export async function calibrationOf({ data, manifest, images, calibrationSamples }: Scenario): Promise<CalibrationConfiguration> {
  if (calibrationSamples === 0) {
    if (manifest === undefined)
      throw new ScenarioFileError('"calibrationSamples: 0" takes the ranges of a manifest: give the scenario a "manifest"')
    return { manifest }
  }
  const { samples, calibration, normalisation, layout, label } = data
  const laid = layout === undefined ? {} : { layout }
  const own = calibration ?? samples
  if (own !== samples)
    return { samples: { ...(await lastSamples({ ...sourceOf(own), label }, normalisation, calibrationSamples)), ...laid } }
  const { count: rows } = await SampleFile.open({ ...sourceOf(samples), label, offset: 0, normalisation })
  const count = Math.min(calibrationSamples, rows - images)
  if (count < 1) {
    throw new ScenarioFileError(
      `${samples}: all ${rows} rows are asked about, and none is left to calibrate on: ask about fewer (--images), give others (--calibration FILE, or "data.calibration"), or calibrate on ` +
        'the ranges of the manifest with "calibrationSamples: 0"'
    )
  }
  return { samples: { ...sourceOf(samples), label, offset: rows - count, count, normalisation, ...laid } }
}
