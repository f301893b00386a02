/**
 * A fused network: affine maps of one or several values, activations, and products of two values, in topological order; in a chain, affine layers alternate with
 * activations. Every quadratic activation is a pure square, its affine part moved into the neighbouring layers. `forward` is the fused clear reference in float64.
 */

import type { LinearOperation } from '../architecture/linear-operations.js'
import { type Reader, readersOf, readsOf } from '../architecture/values.js'
import { InvalidInputError } from '../errors.js'
import type { FinalOperator } from '../graph/final.js'
import type { ConvolutionGeometry } from '../graph/geometry.js'
import type { InputPart } from '../graph/parts.js'
import type { OutputPart, Task } from '../graph/task.js'
import { clenshaw } from '../numeric/chebyshev.js'
import { at } from '../numeric/elementwise-polynomial.js'
import type { Matrix } from '../numeric/sparse.js'

export { readersOf, readsOf }

/** A convolution kept as such: same function as the layer's matrix and bias. */
export interface ConvolutionTaps {
  readonly geometry: ConvolutionGeometry
  /** [output channel][tap] */
  readonly kernel: Float64Array
  /** per output channel */
  readonly bias: Float64Array
}

/** y = A·x + c */
export interface AffineLayer extends Reader {
  readonly kind: 'affine'
  readonly name: string
  readonly matrix: Matrix
  readonly bias: Float64Array
  /** public description of what the matrix is made of, first applied first */
  readonly operations: readonly LinearOperation[]
  /** present when the layer is one convolution of the network's input */
  readonly convolution?: ConvolutionTaps
}

/** One value that a sum reads, and what is done to it. */
export interface SumPart {
  readonly matrix: Matrix
  /** as of an affine layer */
  readonly operations: readonly LinearOperation[]
}

/** y = Σ A_k·x_k + c: branches that meet, be it in a sum, next to each other, or in whatever linear operator follows */
export interface SumLayer extends Reader {
  readonly kind: 'sum'
  readonly name: string
  readonly reads: readonly number[]
  /** one for each value that is read */
  readonly parts: readonly SumPart[]
  readonly bias: Float64Array
}

/** y = x₀·x₁, element by element */
export interface ProductLayer extends Reader {
  readonly kind: 'product'
  readonly name: string
  readonly reads: readonly number[]
  readonly features: number
}

/** y = x², element by element */
export interface SquareLayer extends Reader {
  readonly kind: 'square'
  readonly name: string
  /** index of the graph's node whose value the activation is: what tells activations apart, since names of files repeat */
  readonly node: number
  readonly features: number
  /** The layer's input is scale·(u + shift), u the input of the activation as the file writes it. */
  readonly argument: { readonly scale: number | Float64Array; readonly shift: number | Float64Array }
}

/** y = Σ coefficients[k]·T_k(x) or Σ coefficients[k]·x^k, element by element, of degree above two */
export interface PolynomialLayer extends Reader {
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

export type ActivationLayer = SquareLayer | PolynomialLayer
/** A layer of a fused network. */
export type Layer = AffineLayer | SumLayer | ActivationLayer | ProductLayer

export const isActivationLayer = (layer: Layer): layer is ActivationLayer => layer.kind === 'square' || layer.kind === 'polynomial'

/** Values in the result of a layer. */
export function outputsOf(layer: Layer): number {
  if (layer.kind === 'affine') return layer.matrix.rows
  return layer.kind === 'sum' ? layer.bias.length : layer.features
}

/** A fused network: affine maps, activations and products in topological order, evaluated in the clear by `forward`. */
export class Network {
  constructor(
    readonly name: string,
    /** shape of one sample */
    readonly shape: readonly number[],
    readonly layers: readonly Layer[],
    /** what the querier applies to the logits, in order */
    readonly final: readonly FinalOperator[],
    readonly task: Task,
    /** several inputs or outputs, by name */
    readonly named: { readonly inputs?: readonly InputPart[] | undefined; readonly parts?: readonly OutputPart[] | undefined } = {}
  ) {}

  /** Features of one sample: the product of its shape. */
  get inputs(): number {
    return this.shape.reduce((product, dimension) => product * dimension, 1)
  }

  /** Logits of one sample. */
  get outputs(): number {
    const last = this.layers.at(-1)
    return last ? outputsOf(last) : this.inputs
  }

  /**
   * Logits of one sample.
   * @param observe receives the output of every layer
   * @throws InvalidInputError when the length is wrong or a value is not finite
   */
  forward(input: ArrayLike<number>, observe?: (layer: number, values: Float64Array) => void): Float64Array {
    if (input.length !== this.inputs) throw new InvalidInputError(`input of '${this.name}'`, `${this.inputs} values`, `${input.length}`)
    const values: Float64Array[] = [Float64Array.from(input)]
    if (!values[0]!.every(Number.isFinite)) throw new InvalidInputError(`input of '${this.name}'`, 'finite values', 'NaN or infinity')
    this.layers.forEach((layer, index) => {
      const result = applyLayer(
        layer,
        readsOf(layer, index).map(value => values[value]!)
      )
      values.push(result)
      observe?.(index, result)
    })
    return values.at(-1)!
  }
}

/** The result of one layer. @param read the values that it reads */
export function applyLayer(layer: Layer, read: readonly Float64Array[]): Float64Array {
  const x = read[0]!
  switch (layer.kind) {
    case 'affine':
      return summed(layer.bias, layer.matrix.apply(x))
    case 'sum':
      return summed(layer.bias, ...layer.parts.map(({ matrix }, part) => matrix.apply(read[part]!)))
    case 'product':
      return x.map((value, index) => value * read[1]![index]!)
    case 'square':
      return x.map(value => value * value)
    case 'polynomial': {
      const { basis, coefficients } = layer
      const evaluate = basis === 'chebyshev' ? clenshaw : horner
      const common = coefficients.filter(coefficient => typeof coefficient === 'number')
      if (common.length === coefficients.length) return x.map(value => evaluate(common, value))
      const own = coefficients.map(coefficient => at(coefficient, 0))
      return x.map((value, index) => {
        for (let k = 0; k < own.length; k++) own[k] = at(coefficients[k]!, index)
        return evaluate(own, value)
      })
    }
  }
}

/** Terms that nobody else has, added up into the first. */
function summed(constant: Float64Array, ...[first, ...others]: Float64Array[]): Float64Array {
  const out = first!
  for (let row = 0; row < out.length; row++) {
    let sum = constant[row]! + out[row]!
    for (const term of others) sum += term[row]!
    out[row] = sum
  }
  return out
}

const horner = (coefficients: readonly number[], x: number): number =>
  coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0)
