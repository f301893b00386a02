/** Derivatives of activations, for calibration: how far an error of an argument reaches. */
import { evaluateClear } from '@slytherin/ckks'
import { derivativeOf } from '../numeric/derivative.js'
import { at } from '../numeric/elementwise-polynomial.js'
import type { PolynomialLayer, SquareLayer } from './network.js'

/** p'(x) of one feature */
export type Slope = (x: number, feature: number) => number

export function slopeOf(layer: SquareLayer | PolynomialLayer): Slope {
  if (layer.kind === 'square') return x => 2 * x
  const { basis, coefficients, features } = layer
  const of = (feature: number) => derivativeOf({ basis, coefficients: coefficients.map(coefficient => at(coefficient, feature)) })
  if (coefficients.every(coefficient => typeof coefficient === 'number')) {
    const common = of(0)
    return x => evaluateClear(common, x)
  }
  const own = Array.from({ length: features }, (_, feature) => of(feature))
  return (x, feature) => evaluateClear(own[feature]!, x)
}
