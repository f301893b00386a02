/** Affine maps while a graph is fused: made, scaled, and composed with the operators that mix elements. */

import type { LinearOperation } from '../architecture/linear-operations.js'
import { coversInput, outputSize, poolWindow, sizeOf, takeSource, tapCount } from '../graph/geometry.js'
import type { GraphNode, GraphOperator } from '../graph/graph.js'
import { at, type Coefficient, isZero } from '../numeric/elementwise-polynomial.js'
import { type Matrix, SparseMatrix } from '../numeric/sparse.js'
import { ConvolutionMatrix } from './convolution-matrix.js'
import type { ConvolutionTaps } from './network.js'

/** A·x of a value x of the fused network. */
export interface Term {
  readonly base: number
  readonly matrix: Matrix
  readonly operations: readonly LinearOperation[]
}

/** Σ A_k·x_k + c */
export interface Affine {
  /** of different values, latest first */
  readonly terms: readonly [Term, ...Term[]]
  readonly bias: Float64Array
  readonly names: readonly string[]
  readonly convolution?: ConvolutionTaps
}

export const identityAffine = (base: number, size: number): Affine => ({
  terms: [{ base, matrix: SparseMatrix.identity(size), operations: [] }],
  bias: new Float64Array(size),
  names: []
})

/** Factors of the elements of a value, when the map is nothing else; undefined when it is more. */
export function factorsOnly({ terms, bias }: Affine): { readonly base: number; readonly factors: Float64Array } | undefined {
  const [{ base, matrix, operations }] = terms
  const elementwise = operations.every(({ kind }) => kind === 'elementwise')
  if (terms.length > 1 || !elementwise || matrix.rows !== matrix.columns || bias.some(value => value !== 0)) return undefined
  return { base, factors: matrix.sparse().values }
}

export function isIdentityAffine(affine: Affine): boolean {
  const { terms, bias } = affine
  const [{ matrix, operations }] = terms
  return (
    terms.length === 1 &&
    operations.length === 0 &&
    matrix.rows === matrix.columns &&
    bias.every(value => value === 0) &&
    matrix.sparse().values.every(value => value === 1)
  )
}

/** Whether elements are mixed: what is not can be undone element by element as cheaply. */
export const mixes = ({ terms }: Affine): boolean =>
  terms.length > 1 || terms.some(({ operations }) => operations.some(({ kind }) => kind !== 'elementwise'))

const eachTerm = ([first, ...others]: Affine['terms'], map: (term: Term) => Term): Affine['terms'] => [map(first), ...others.map(map)]

/** left + factor·right; terms of the same value become one. */
export function sumOf(left: Affine, right: Affine, factor: number, name: string): Affine {
  const branch = ({ operations, matrix }: Term): readonly LinearOperation[] =>
    operations.length > 0 ? operations : [{ kind: 'elementwise', features: matrix.columns }]
  const terms = new Map(left.terms.map(term => [term.base, term]))
  for (const term of right.terms) {
    const other = terms.get(term.base)
    if (other) {
      const operations: LinearOperation[] = [{ kind: 'sum', branches: [branch(other), branch(term)] }]
      terms.set(term.base, { base: term.base, matrix: other.matrix.sparse().add(term.matrix.sparse(), factor), operations })
    } else terms.set(term.base, factor === 1 ? term : { ...term, matrix: term.matrix.scaleRows(factor) })
  }
  const [first, ...others] = [...terms.values()].sort((a, b) => b.base - a.base)
  return {
    terms: [first!, ...others],
    bias: left.bias.map((value, row) => value + factor * right.bias[row]!),
    names: [...left.names, ...right.names, name]
  }
}

/** diag(scale)·(A·x + c) + shift, keeping the convolution when both are constant within each channel */
export function scaleShift(root: Affine, scale: Coefficient, shift: Coefficient, name: string): Affine {
  if ((scale === 1 || isOnes(scale)) && isZero(shift)) return root
  const terms = eachTerm(root.terms, ({ base, matrix, operations }) => {
    const untouched = operations.length === 0 && typeof scale !== 'number'
    return {
      base,
      matrix: matrix.scaleRows(scale),
      operations: untouched ? [{ kind: 'elementwise', features: matrix.columns }] : operations
    }
  })
  const bias = root.bias.map((value, row) => value * at(scale, row) + at(shift, row))
  const convolution = root.convolution && scaleConvolution(root.convolution, scale, shift)
  const affine: Affine = { terms, bias, names: root.names.length > 0 ? root.names : [name] }
  return convolution ? { ...affine, convolution } : affine
}

const isOnes = (coefficient: Coefficient): boolean => typeof coefficient !== 'number' && coefficient.every(value => value === 1)

function scaleConvolution(convolution: ConvolutionTaps, scale: Coefficient, shift: Coefficient): ConvolutionTaps | undefined {
  const { geometry, kernel, bias } = convolution
  const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
  const perChannel = (coefficient: Coefficient): Float64Array | undefined => {
    const out = Float64Array.from({ length: geometry.outputChannels }, (_, channel) => at(coefficient, channel * positions))
    if (typeof coefficient !== 'number' && coefficient.some((value, index) => value !== out[Math.floor(index / positions)]))
      return undefined
    return out
  }
  const [factor, offset] = [perChannel(scale), perChannel(shift)]
  if (!factor || !offset) return undefined
  const taps = tapCount(geometry)
  return {
    geometry,
    kernel: kernel.map((value, index) => value * factor[Math.floor(index / taps)]!),
    bias: bias.map((value, channel) => value * factor[channel]! + offset[channel]!)
  }
}

type MixingOperator = Extract<GraphOperator, { kind: 'convolution' | 'dense' | 'averagePool' | 'permute' | 'take' }>

export function apply(operator: MixingOperator, input: Affine, node: GraphNode): Affine {
  const { matrix, bias, operation } = matrixOf(operator, input.bias.length)
  const constant = matrix.apply(input.bias)
  const affine: Affine = {
    terms: eachTerm(input.terms, term => ({
      base: term.base,
      matrix: composed(matrix, term),
      operations: [...term.operations, operation(node)]
    })),
    bias: constant.map((value, row) => value + (bias?.[row] ?? 0)),
    names: [...input.names, node.name]
  }
  const convolution = operator.kind === 'convolution' ? directConvolution(operator, input) : undefined
  return convolution ? { ...affine, convolution } : affine
}

/** A factor for each column is all that a term without operations that mix elements is. */
function composed(matrix: Matrix, { matrix: before, operations }: Term): Matrix {
  const elementwise = operations.every(({ kind }) => kind === 'elementwise') && before.rows === before.columns
  return elementwise ? matrix.scaleColumns(before.sparse().values) : matrix.sparse().compose(before.sparse())
}

/** The convolution itself, when its input is the base up to one common factor (and a constant, if no padding mixes zeros into it). */
function directConvolution(operator: Extract<GraphOperator, { kind: 'convolution' }>, input: Affine): ConvolutionTaps | undefined {
  const { geometry, kernel, bias } = operator
  // with one output position there is nothing to slide over: a row of the matrix is a kernel
  if (sizeOf(outputSize(geometry)) === 1) return undefined
  const [{ matrix, operations }] = input.terms
  if (input.terms.length > 1 || operations.length > 0 || matrix.rows !== matrix.columns) return undefined
  const { values } = matrix.sparse()
  const factor = values[0] ?? 1
  const offset = input.bias[0] ?? 0
  if (values.some(value => value !== factor) || input.bias.some(value => value !== offset)) return undefined
  if (offset !== 0 && geometry.pads.some(pad => pad > 0)) return undefined
  const taps = tapCount(geometry)
  return {
    geometry,
    kernel: kernel.map(value => value * factor),
    bias: bias.map(
      (value, channel) => value + offset * kernel.subarray(channel * taps, (channel + 1) * taps).reduce((sum, weight) => sum + weight, 0)
    )
  }
}

function matrixOf(
  operator: MixingOperator,
  inputs: number
): { matrix: Matrix; bias?: Float64Array; operation: (node: GraphNode) => LinearOperation } {
  switch (operator.kind) {
    case 'convolution': {
      const { geometry, kernel } = operator
      const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
      const matrix = new ConvolutionMatrix(geometry, kernel)
      const bias = Float64Array.from({ length: matrix.rows }, (_, row) => operator.bias[Math.floor(row / positions)]!)
      if (coversInput(geometry)) return { matrix, bias, operation: () => ({ kind: 'dense', inputs, outputs: matrix.rows }) }
      return { matrix, bias, operation: () => ({ kind: 'convolution', geometry }) }
    }
    case 'dense': {
      const { outputs, weight, bias } = operator
      const start = Int32Array.from({ length: outputs + 1 }, (_, row) => row * inputs)
      const index = Int32Array.from({ length: outputs * inputs }, (_, k) => k % inputs)
      return {
        matrix: new SparseMatrix(outputs, inputs, start, index, weight),
        bias,
        operation: () => ({ kind: 'dense', inputs, outputs })
      }
    }
    case 'averagePool': {
      const { geometry } = operator
      const positions = outputSize(geometry)[0] * outputSize(geometry)[1]
      const matrix = SparseMatrix.build(geometry.channels * positions, inputs, (row, put) => {
        const { sources, divisor } = poolWindow(geometry, Math.floor(row / positions), row % positions)
        for (const source of sources) put(source, 1 / divisor)
      })
      return { matrix, operation: () => ({ kind: 'averagePool', geometry }) }
    }
    case 'take': {
      const { shape, axis, indices } = operator
      const source = takeSource(shape, axis, indices)
      const matrix = SparseMatrix.build(source.length, inputs, (row, put) => {
        if (source[row]! >= 0) put(source[row]!, 1)
      })
      return { matrix, operation: () => ({ kind: 'take', shape: [...shape], axis, indices: [...indices] }) }
    }
    case 'permute': {
      const { source, permutation } = operator
      const matrix = SparseMatrix.build(source.length, inputs, (row, put) => put(source[row]!, 1))
      return { matrix, operation: node => ({ kind: 'transpose', shape: inverseShape(node.shape, permutation), permutation }) }
    }
  }
}

/** Shape before a transposition, from the shape after it. */
function inverseShape(shape: readonly number[], permutation: readonly number[]): number[] {
  const before = new Array<number>(shape.length)
  permutation.forEach((axis, index) => {
    before[axis] = shape[index]!
  })
  return before
}
