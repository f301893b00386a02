/** How activations became polynomials, in words. */
import { describeActivation } from '../numeric/activation-functions.js'
import type { ApproximationReport } from './activations.js'
import { FEW_SAMPLES } from './fit.js'

/** A line for every activation, and one for what it does to the answers; none where a file has polynomials only. */
export function describeApproximation({ activations, agreement, measure, samples }: ApproximationReport): string[] {
  if (activations.length === 0) return []
  const lines = activations.map(({ layer, activation, method, degree, interval, maximumError, rmsError }) => {
    const mean = rmsError === undefined ? '' : `, ${rmsError.toExponential(1)} in the mean`
    const [low, high] = interval.map(end => end.toPrecision(3))
    return `activation '${layer}': ${describeActivation(activation)} by ${method} of degree ${degree} on ${low} to ${high}, error at most ${maximumError.toExponential(1)}${mean}`
  })
  if (agreement === undefined || samples === undefined) return [...lines, 'agreement  unknown: there are no samples to judge by']
  const told =
    measure === 'R²' || measure === 'least of the outputs'
      ? `${measure} ${agreement.toFixed(4)}`
      : `${(100 * agreement).toFixed(2)} % of the ${measure === 'share of labels' ? 'labels' : 'predictions'}`
  const few = samples < FEW_SAMPLES ? `, which are few: a share of them says little` : ''
  return [
    ...lines,
    `agreement  of the polynomial network with the file's: ${told} on ${samples} samples${few}; none was judged by polynomials that had seen it`
  ]
}
