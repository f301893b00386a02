/**
 * The activation functions that have a name and that encryption cannot evaluate: values in double precision, and what the error bounds of an approximation need to know.
 */
import { erf } from './erf.js'

export type NamedFunction =
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
  /** x between the two ends, which may be infinite */
  | { readonly name: 'clip'; readonly minimum: number; readonly maximum: number }
  /** alpha·x + beta between 0 and 1 */
  | { readonly name: 'hardSigmoid'; readonly alpha: number; readonly beta: number }
  /** x·hardSigmoid(x) with alpha = 1/6, beta = 1/2 */
  | { readonly name: 'hardSwish' }
  /** gamma·elu(x) */
  | { readonly name: 'selu'; readonly alpha: number; readonly gamma: number }
  /** x for x ≥ 0, alpha·(exp(x/alpha) - 1) below */
  | { readonly name: 'celu'; readonly alpha: number }
  /** x·tanh(softplus(x)) */
  | { readonly name: 'mish' }
  /** x/(1 + |x|) */
  | { readonly name: 'softsign' }
  /** ln(sigmoid(x)) */
  | { readonly name: 'logSigmoid' }
  | { readonly name: 'abs' }
  /** x above alpha, 0 up to it */
  | { readonly name: 'thresholdedRelu'; readonly alpha: number }

/** A function on the reals, twice differentiable between its breakpoints. */
export interface RealFunction {
  /** f(x) in double precision. */
  readonly evaluate: (x: number) => number
  /** where the derivative (or, seldom, the value) jumps */
  readonly breakpoints: readonly number[]
  /** bounds on |f'| and |f''| between the breakpoints; proven error bounds are left out when they are not known */
  readonly slope?: number
  readonly curvature?: number
}

const softplus = (x: number): number => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))

const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x)))

export const GELU_TANH_SCALE = Math.sqrt(2 / Math.PI)
export const GELU_TANH_CUBE = 0.044715

/** Values, breakpoints and derivative bounds of a function. The bounds are the extrema found by calculus, rounded up. */
export function namedFunction(activation: NamedFunction): RealFunction {
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
      return { evaluate: softplus, breakpoints: [], slope: 1, curvature: 0.25 }
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
    case 'clip': {
      const { minimum, maximum } = activation
      const breakpoints = [minimum, maximum].filter(Number.isFinite)
      return { evaluate: x => Math.min(Math.max(x, minimum), maximum), breakpoints, slope: 1, curvature: 0 }
    }
    case 'hardSigmoid': {
      const { alpha, beta } = activation
      const breakpoints = alpha === 0 ? [] : [-beta / alpha, (1 - beta) / alpha].sort((a, b) => a - b)
      return { evaluate: x => Math.min(Math.max(alpha * x + beta, 0), 1), breakpoints, slope: Math.abs(alpha), curvature: 0 }
    }
    case 'hardSwish':
      return { evaluate: x => x * Math.min(Math.max(x / 6 + 0.5, 0), 1), breakpoints: [-3, 3], slope: 1.5, curvature: 0.3334 }
    case 'selu': {
      const { alpha, gamma } = activation
      const bound = Math.abs(alpha * gamma)
      const evaluate = (x: number): number => gamma * (x >= 0 ? x : alpha * Math.expm1(x))
      return { evaluate, breakpoints: [0], slope: Math.max(Math.abs(gamma), bound), curvature: bound }
    }
    case 'celu': {
      const { alpha } = activation
      return { evaluate: x => (x >= 0 ? x : alpha * Math.expm1(x / alpha)), breakpoints: [0], slope: 1, curvature: 1 / Math.abs(alpha) }
    }
    case 'mish':
      return { evaluate: x => x * Math.tanh(softplus(x)), breakpoints: [], slope: 1.0885, curvature: 0.6443 }
    case 'softsign':
      return { evaluate: x => x / (1 + Math.abs(x)), breakpoints: [0], slope: 1, curvature: 2 }
    case 'logSigmoid':
      return { evaluate: x => -softplus(-x), breakpoints: [], slope: 1, curvature: 0.25 }
    case 'abs':
      return { evaluate: Math.abs, breakpoints: [0], slope: 1, curvature: 0 }
    case 'thresholdedRelu': {
      const { alpha } = activation
      return { evaluate: x => (x > alpha ? x : 0), breakpoints: [alpha], ...(alpha === 0 ? { slope: 1, curvature: 0 } : {}) }
    }
  }
}

/** What the reports call it: name and parameters, where they are not the usual ones. */
export function describeNamed(activation: NamedFunction): string {
  switch (activation.name) {
    case 'leakyRelu':
      return `leakyRelu(${activation.slope})`
    case 'elu':
    case 'celu':
      return activation.alpha === 1 ? activation.name : `${activation.name}(${activation.alpha})`
    case 'silu':
      return activation.beta === 1 ? 'silu' : `silu(${activation.beta})`
    case 'clip':
      return activation.minimum === 0 && activation.maximum === 6 ? 'relu6' : `clip(${activation.minimum}, ${activation.maximum})`
    case 'hardSigmoid':
      return `hardSigmoid(${activation.alpha.toPrecision(3)}, ${activation.beta.toPrecision(3)})`
    case 'thresholdedRelu':
      return `thresholdedRelu(${activation.alpha})`
    default:
      return activation.name
  }
}
