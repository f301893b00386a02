/** Matrices of affine maps, however their entries are kept. */
import type { SparseMatrix } from './sparse.js'

/** A real matrix. Vectors that are applied together stand side by side: element `i` of vector `k` of `count` at `i·count + k`. */
export interface Matrix {
  readonly rows: number
  readonly columns: number
  /** The largest |entry|. */
  readonly largest: number
  /** A·x */
  apply(x: ArrayLike<number>): Float64Array
  /** Aᵀ·X for `count` vectors that stand side by side. */
  applyTransposedTogether(x: Float64Array, count: number): Float64Array
  /** Largest over all rows of Σ (value·factor of the column)²; factors of one when left out. */
  largestRowSquare(factors?: Float64Array): number
  /** Largest over all rows of Σ x² over the columns that may hold an entry of the row. */
  largestWindowSquare(x: Float64Array): number
  /** diag(factors)·A */
  scaleRows(factors: number | Float64Array): Matrix
  /** A·diag(factors) */
  scaleColumns(factors: number | Float64Array): Matrix
  /** Value at (row, column), 0 outside the pattern. */
  at(row: number, column: number): number
  /** Entry by entry. */
  sparse(): SparseMatrix
}
