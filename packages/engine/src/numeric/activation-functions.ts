/**
 * The activation functions that networks use and encryption cannot evaluate: values in double precision, and what the error bounds of an approximation need to know.
 */
import { erf } from './erf.js'

export type ActivationFunction =
  | { readonly name: 'relu' }
  /** x for x ≥ 0, slope·x below */
  | { readonly name: 'leakyRelu'; readonly slope: number }
  /** x for x ≥ 0, alpha·(eˣ - 1) below */
  | { readonly name: 'elu'; readonly alpha: number }
  | { readonly name: 'sigmoid' }
  | { readonly name: 'tanh' }
  /** ln(1 + eˣ) */
  | { readonly name: 'softplus' }
  /** x·sigmoid(beta·x), also called swish */
  | { readonly name: 'silu'; readonly beta: number }
  /** x/2·(1 + erf(x/√2)) */
  | { readonly name: 'gelu' }
  /** x/2·(1 + tanh(√(2/π)·(x + 0.044715x³))) */
  | { readonly name: 'geluTanh' }
  | { readonly name: 'erf' }

export type ActivationName = ActivationFunction['name']

/** A function on the reals, continuous, and twice differentiable between its breakpoints. */
export interface RealFunction {
  readonly evaluate: (x: number) => number
  /** where the derivative jumps */
  readonly breakpoints: readonly number[]
  /** bounds on |f'| and |f''| between the breakpoints; proven error bounds are left out when they are not known */
  readonly slope?: number
  readonly curvature?: number
}

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

export const GELU_TANH_SCALE = Math.sqrt(2 / Math.PI)
export const GELU_TANH_CUBE = 0.044715

/** Values, breakpoints and derivative bounds of an activation function. The bounds are the extrema found by calculus, rounded up. */
export function realFunction(activation: ActivationFunction): RealFunction {
  switch (activation.name) {
    case 'relu':
      return { evaluate: x => Math.max(x, 0), breakpoints: [0], slope: 1, curvature: 0 }
    case 'leakyRelu': {
      const { slope } = activation
      return { evaluate: x => (x >= 0 ? x : slope * x), breakpoints: [0], slope: Math.max(1, Math.abs(slope)), curvature: 0 }
    }
    case 'elu': {
      const { alpha } = activation
      const bound = Math.abs(alpha)
      return { evaluate: x => (x >= 0 ? x : alpha * Math.expm1(x)), breakpoints: [0], slope: Math.max(1, bound), curvature: bound }
    }
    case 'sigmoid':
      return { evaluate: sigmoid, breakpoints: [], slope: 0.25, curvature: 0.0963 }
    case 'tanh':
      return { evaluate: Math.tanh, breakpoints: [], slope: 1, curvature: 0.7699 }
    case 'softplus':
      return { evaluate: x => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), breakpoints: [], slope: 1, curvature: 0.25 }
    case 'silu': {
      const { beta } = activation
      return { evaluate: x => x * sigmoid(beta * x), breakpoints: [], slope: 1.0999, curvature: Math.abs(beta) / 2 }
    }
    case 'gelu':
      return { evaluate: x => (x / 2) * (1 + erf(x * Math.SQRT1_2)), breakpoints: [], slope: 1.129, curvature: 0.7979 }
    case 'geluTanh':
      return {
        evaluate: x => (x / 2) * (1 + Math.tanh(GELU_TANH_SCALE * (x + GELU_TANH_CUBE * x ** 3))),
        breakpoints: [],
        slope: 1.1295,
        curvature: 0.8
      }
    case 'erf':
      return { evaluate: erf, breakpoints: [], slope: 1.1284, curvature: 0.9679 }
  }
}

/** Value of an activation function. */
export const applyActivation = (activation: ActivationFunction, x: number): number => realFunction(activation).evaluate(x)

/** What the reports call it: name and parameter. */
export function describeActivation(activation: ActivationFunction): string {
  switch (activation.name) {
    case 'leakyRelu':
      return `leakyRelu(${activation.slope})`
    case 'elu':
      return activation.alpha === 1 ? 'elu' : `elu(${activation.alpha})`
    case 'silu':
      return activation.beta === 1 ? 'silu' : `silu(${activation.beta})`
    default:
      return activation.name
  }
}
