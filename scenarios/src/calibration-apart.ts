/** Whether samples that judge a model are among those that it was calibrated on: polynomials and bounds fit them better than any others, and figures would flatter. */
import type { CalibrationConfiguration } from '@slytherin/node'
import { loadSamples } from '@slytherin/node'
import { ScenarioFileError } from './scenario.js'

/** Tables have equal rows by chance; of what is judged no more than this share may be among what was calibrated on. */
const LARGEST_SHARE = 0.01

/**
 * @param samples those that are asked about, as the model reads them
 * @param shape of one of them
 * @returns how many of them the calibration has, too
 * @throws ScenarioFileError when they are more than chance explains; DataFileError
 */
export async function countShared(
  { samples: calibration }: CalibrationConfiguration,
  samples: readonly Float64Array[],
  shape: readonly number[]
): Promise<number> {
  if (calibration === undefined) return 0
  const known = new Set((await loadSamples(calibration, shape)).map(contentOf))
  const shared = samples.filter(sample => known.has(contentOf(sample))).length
  if (shared > LARGEST_SHARE * samples.length) {
    throw new ScenarioFileError(
      `${shared} of the ${samples.length} samples that are asked about are among those that the model is calibrated on, which would flatter it: give "data.calibration" others`
    )
  }
  return shared
}

const contentOf = (sample: Float64Array): string => Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength).toString('latin1')
