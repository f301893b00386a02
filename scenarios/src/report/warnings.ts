/** What whoever reads a report should know first. */

import type { TaskKind } from '@slytherin/engine'
import { FEW_CALIBRATION_SAMPLES } from '../calibration.js'
import type { ClearReference } from '../clear-reference.js'
import type { FourWays } from '../comparison.js'
import { score } from './words.js'

/** A loss of accuracy that is worth a warning: half a percentage point, of a regression's R² a twentieth. */
const LOSS = { share: 0.005, determination: 0.05 }

export function warningsOf(
  task: TaskKind,
  accuracy: FourWays<number>,
  approximated: boolean,
  { calibrationRows, calibrationShared }: Pick<ClearReference, 'calibrationRows' | 'calibrationShared'>
): string[] {
  const warnings: string[] = []
  const loss = accuracy.clear - accuracy.polynomial
  const limit = task === 'regression' ? LOSS.determination * Math.abs(accuracy.clear) : LOSS.share
  if (approximated && !(loss <= limit)) {
    const [before, after] = [score(task, accuracy.clear), score(task, accuracy.polynomial)]
    warnings.push(
      `polynomials in place of the activations cost accuracy: ${before} with the file's network, ${after} with the evaluated one; ask for a higher degree or agreement`
    )
  }
  if (calibrationRows !== undefined && calibrationRows < FEW_CALIBRATION_SAMPLES) {
    warnings.push(
      `the model was calibrated on ${calibrationRows} samples, which are few: give it more, by "data.calibration" or by asking about fewer`
    )
  }
  if (calibrationShared > 0) {
    warnings.push(`${calibrationShared} of the samples that are asked about are among those that the model was calibrated on`)
  }
  return warnings
}
