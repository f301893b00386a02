/**
 * A fused network: affine layers alternating with activations. Every quadratic activation is a pure square, its affine part moved into the neighbouring layers.
 * `forward` is the fused clear reference in float64.
 */

import type { LinearOperation } from '../architecture/linear-operations.js'
import { InvalidInputError } from '../errors.js'
import type { FinalOperator } from '../graph/final.js'
import type { ConvolutionGeometry } from '../graph/geometry.js'
import type { Task } from '../graph/task.js'
import { clenshaw } from '../numeric/chebyshev.js'
import { at } from '../numeric/elementwise-polynomial.js'
import type { SparseMatrix } from '../numeric/sparse.js'

/** A convolution kept as such: same function as the layer's matrix and bias. */
export interface ConvolutionTaps {
  readonly geometry: ConvolutionGeometry
  /** [output channel][tap] */
  readonly kernel: Float64Array
  /** per output channel */
  readonly bias: Float64Array
}

/** y = A·x + c */
export interface AffineLayer {
  readonly kind: 'affine'
  readonly name: string
  readonly matrix: SparseMatrix
  readonly bias: Float64Array
  /** public description of what the matrix is made of, first applied first */
  readonly operations: readonly LinearOperation[]
  /** present when the layer is one convolution of the network's input */
  readonly convolution?: ConvolutionTaps
}

/** y = x², element by element */
export interface SquareLayer {
  readonly kind: 'square'
  readonly name: string
  /** index of the graph's node whose value the activation is: what tells activations apart, since names of files repeat */
  readonly node: number
  readonly features: number
  /** The layer's input is scale·(u + shift), u the input of the activation as the file writes it. */
  readonly argument: { readonly scale: number | Float64Array; readonly shift: number | Float64Array }
}

/** y = Σ coefficients[k]·T_k(x) or Σ coefficients[k]·x^k, element by element, of degree above two */
export interface PolynomialLayer {
  readonly kind: 'polynomial'
  readonly name: string
  /** index of the graph's node whose value the activation is */
  readonly node: number
  readonly features: number
  /** A Chebyshev series is meant for x in [-1, 1]. */
  readonly basis: 'chebyshev' | 'power'
  readonly coefficients: readonly (number | Float64Array)[]
  /** The layer's input is scale·(u + shift), u the input of the activation as the file writes it. */
  readonly argument: { readonly scale: number | Float64Array; readonly shift: number | Float64Array }
}

/** A layer of a fused network. */
export type Layer = AffineLayer | SquareLayer | PolynomialLayer

/** A fused network: affine layers and polynomials in turn, evaluated in the clear by `forward`. */
export class Network {
  constructor(
    readonly name: string,
    /** shape of one sample */
    readonly shape: readonly number[],
    readonly layers: readonly Layer[],
    /** what the querier applies to the logits, in order */
    readonly final: readonly FinalOperator[],
    readonly task: Task
  ) {}

  get inputs(): number {
    return this.shape.reduce((product, dimension) => product * dimension, 1)
  }

  get outputs(): number {
    return this.layers.reduce((features, layer) => (layer.kind === 'affine' ? layer.matrix.rows : features), this.inputs)
  }

  /**
   * Logits of one sample.
   * @param observe receives the output of every layer
   * @throws InvalidInputError when the length is wrong or a value is not finite
   */
  forward(input: ArrayLike<number>, observe?: (layer: number, values: Float64Array) => void): Float64Array {
    if (input.length !== this.inputs) throw new InvalidInputError(`input of '${this.name}'`, `${this.inputs} values`, `${input.length}`)
    let values: Float64Array = Float64Array.from(input)
    if (!values.every(Number.isFinite)) throw new InvalidInputError(`input of '${this.name}'`, 'finite values', 'NaN or infinity')
    this.layers.forEach((layer, index) => {
      values = applyLayer(layer, values)
      observe?.(index, values)
    })
    return values
  }
}

/** Values after one layer. */
export function applyLayer(layer: Layer, x: Float64Array): Float64Array {
  switch (layer.kind) {
    case 'affine':
      return layer.matrix.apply(x).map((value, row) => value + layer.bias[row]!)
    case 'square':
      return x.map(value => value * value)
    case 'polynomial': {
      const evaluate = layer.basis === 'chebyshev' ? clenshaw : horner
      return x.map((value, index) =>
        evaluate(
          layer.coefficients.map(coefficient => at(coefficient, index)),
          value
        )
      )
    }
  }
}

const horner = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)
