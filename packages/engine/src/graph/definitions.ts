/** What the builder of networks is told of a layer. */
import type { ActivationFunction } from '../numeric/activation-functions.js'

/** Numbers in any array. */
export type Values = ArrayLike<number>

/** Where a built network begins. */
export type NetworkDefinition = {
  readonly name?: string
} & (
  | {
      /** shape of one sample without the batch: [features] or [channels, rows, columns] */
      readonly input: readonly number[]
      readonly inputs?: undefined
    }
  | {
      readonly input?: undefined
      /** Shapes of several inputs by name; branches begin at one of them (`input`), and a sample is one row of all, in this order. */
      readonly inputs: Readonly<Record<string, readonly number[]>>
    }
)

/** What slides over maps. */
export interface WindowDefinition {
  /** default: conv1, pool1, … */
  readonly name?: string
  /** rows and columns; one number for both */
  readonly kernel: number | readonly [number, number]
  /** default 1 for convolutions, the kernel for pooling */
  readonly strides?: number | readonly [number, number]
  /** zeros around the input: one number, or top, left, bottom, right; default 0 */
  readonly pads?: number | readonly [number, number, number, number]
  readonly dilations?: number | readonly [number, number]
}

/** A convolution. */
export interface ConvolutionDefinition extends WindowDefinition {
  readonly outputChannels: number
  /** default 1 */
  readonly groups?: number
  /** [output channel][channel in group][row][column] */
  readonly weights: Values
  /** one per output channel; default 0 */
  readonly bias?: Values
}

/** Average pooling. */
export interface AveragePoolDefinition extends WindowDefinition {
  /** whether padding counts in the mean; default false */
  readonly countPadding?: boolean
}

/** A dense layer. */
export interface DenseDefinition {
  readonly name?: string
  readonly outputs: number
  /** [output][input] */
  readonly weights: Values
  /** one per output; default 0 */
  readonly bias?: Values
}

/** Batch normalisation, which folds into the layers beside it. */
export interface BatchNormalizationDefinition {
  readonly name?: string
  /** one of each per channel (per feature without channels) */
  readonly mean: Values
  readonly variance: Values
  /** default 1 */
  readonly gamma?: Values
  /** default 0 */
  readonly beta?: Values
  /** default 1e-5 */
  readonly epsilon?: number
}

/** An activation by name with its usual parameters, with its own, or a polynomial c₀ + c₁x + c₂x² + … */
export type ActivationDefinition =
  | 'square'
  | 'relu'
  | 'leakyRelu'
  | 'elu'
  | 'sigmoid'
  | 'tanh'
  | 'softplus'
  | 'silu'
  | 'gelu'
  | ActivationFunction
  | { readonly polynomial: Values }
