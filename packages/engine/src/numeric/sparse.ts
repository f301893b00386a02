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
  /** Largest over all rows of Σ (value·factor of the column)². */
  largestRowSquare(factors?: Float64Array): number
  /** Largest over all rows of Σ x² over the columns that may hold an entry of the row. */
  largestWindowSquare(x: Float64Array): number
  /** diag(factors)·A */
  scaleRows(factors: number | Float64Array): Matrix
  /** A·diag(factors) */
  scaleColumns(factors: number | Float64Array): Matrix
  /** Values at (rows[k], columns[k]), two arrays of one length; 0 outside the pattern, and where either is negative. */
  pick(rows: Int32Array, columns: Int32Array): Float64Array
  /** Entry by entry. */
  sparse(): SparseMatrix
}

function grown<T extends Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from)
  return to
}

/** Entries from..to-1 in the order of their columns; they mostly come in it. */
function ascend(index: Int32Array, values: Float64Array, from: number, to: number): void {
  let sorted = true
  for (let k = from + 1; k < to; k++) if (index[k - 1]! > index[k]!) sorted = false
  if (sorted) return
  const order = Array.from({ length: to - from }, (_, k) => from + k).sort((a, b) => index[a]! - index[b]!)
  const [columns, held] = [order.map(k => index[k]!), order.map(k => values[k]!)]
  index.set(columns, from)
  values.set(held, from)
}

/** Sparse matrices in compressed rows: columns ascend within a row, no entry appears twice. */
export class SparseMatrix implements Matrix {
  constructor(
    readonly rows: number,
    readonly columns: number,
    /** rows + 1 offsets into `index` and `values` */
    readonly start: Int32Array,
    readonly index: Int32Array,
    readonly values: Float64Array
  ) {}

  /** Row by row; columns of a row are put in ascending order. @param row calls `put` for the entries of a row, each column at most once, in any order */
  static build(rows: number, columns: number, row: (row: number, put: (column: number, value: number) => void) => void): SparseMatrix {
    const start = new Int32Array(rows + 1)
    // grown as entries come: millions of them, for a convolution of large maps
    let [index, values] = [new Int32Array(4 * rows + 16), new Float64Array(4 * rows + 16)]
    let count = 0
    const put = (column: number, value: number): void => {
      if (count === index.length) [index, values] = [grown(index, new Int32Array(2 * count)), grown(values, new Float64Array(2 * count))]
      index[count] = column
      values[count++] = value
    }
    for (let r = 0; r < rows; r++) {
      row(r, put)
      ascend(index, values, start[r]!, count)
      start[r + 1] = count
    }
    return new SparseMatrix(rows, columns, start, index.slice(0, count), values.slice(0, count))
  }

  /** The identity of size × size. */
  static identity(size: number): SparseMatrix {
    return SparseMatrix.build(size, size, (row, put) => put(row, 1))
  }

  /** Entries that are stored, zeros among them included. */
  get entries(): number {
    return this.values.length
  }

  /** A·x */
  apply(x: ArrayLike<number>): Float64Array {
    const out = new Float64Array(this.rows)
    for (let row = 0; row < this.rows; row++) {
      let sum = 0
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) sum += this.values[k]! * x[this.index[k]!]!
      out[row] = sum
    }
    return out
  }

  /** Aᵀ·X for as many vectors as `count`, whose elements stand side by side, row by row: a large matrix passes through memory once. */
  applyTransposedTogether(x: Float64Array, count: number): Float64Array<ArrayBuffer> {
    const out = new Float64Array(this.columns * count)
    for (let row = 0; row < this.rows; row++) {
      const from = row * count
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) {
        const value = this.values[k]!
        const to = this.index[k]! * count
        for (let vector = 0; vector < count; vector++) out[to + vector]! += x[from + vector]! * value
      }
    }
    return out
  }

  /** A·B, by Gustavson's row-wise algorithm. An entry that cancels to zero stays in the pattern. */
  compose(right: SparseMatrix): SparseMatrix {
    const sums = new Float64Array(right.columns)
    const seen = new Int32Array(right.columns).fill(-1)
    return SparseMatrix.build(this.rows, right.columns, (row, put) => {
      const touched: number[] = []
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) {
        const middle = this.index[k]!
        const factor = this.values[k]!
        for (let m = right.start[middle]!; m < right.start[middle + 1]!; m++) {
          const column = right.index[m]!
          if (seen[column] !== row) {
            seen[column] = row
            sums[column] = 0
            touched.push(column)
          }
          sums[column]! += factor * right.values[m]!
        }
      }
      for (const column of touched) put(column, sums[column]!)
    })
  }

  /** A + factor·B over the union of the patterns */
  add(other: SparseMatrix, factor = 1): SparseMatrix {
    return SparseMatrix.build(this.rows, this.columns, (row, put) => {
      const sums = new Map<number, number>()
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) sums.set(this.index[k]!, this.values[k]!)
      for (let k = other.start[row]!; k < other.start[row + 1]!; k++) {
        sums.set(other.index[k]!, (sums.get(other.index[k]!) ?? 0) + factor * other.values[k]!)
      }
      for (const [column, value] of sums) put(column, value)
    })
  }

  /** diag(factors)·A */
  scaleRows(factors: number | Float64Array): SparseMatrix {
    const values = this.values.slice()
    for (let row = 0; row < this.rows; row++) {
      const factor = typeof factors === 'number' ? factors : factors[row]!
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) values[k]! *= factor
    }
    return new SparseMatrix(this.rows, this.columns, this.start, this.index, values)
  }

  /** A·diag(factors) */
  scaleColumns(factors: number | Float64Array): SparseMatrix {
    const values = this.values.map((value, k) => value * (typeof factors === 'number' ? factors : factors[this.index[k]!]!))
    return new SparseMatrix(this.rows, this.columns, this.start, this.index, values)
  }

  /** Value at (row, column), 0 outside the pattern. */
  at(row: number, column: number): number {
    let low = this.start[row]!
    let high = this.start[row + 1]! - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const found = this.index[middle]!
      if (found === column) return this.values[middle]!
      if (found < column) low = middle + 1
      else high = middle - 1
    }
    return 0
  }

  pick(rows: Int32Array, columns: Int32Array): Float64Array {
    const out = new Float64Array(rows.length)
    for (let k = 0; k < rows.length; k++) if (rows[k]! >= 0 && columns[k]! >= 0) out[k] = this.at(rows[k]!, columns[k]!)
    return out
  }

  /** Largest over all rows of Σ (value·factor of the column)². */
  largestRowSquare(factors?: Float64Array): number {
    return this.largestRow(k => (factors === undefined ? this.values[k]! : this.values[k]! * factors[this.index[k]!]!) ** 2)
  }

  /** Largest over all rows of Σ x² over the columns of the pattern. */
  largestWindowSquare(x: Float64Array): number {
    return this.largestRow(k => x[this.index[k]!]! ** 2)
  }

  /** Largest over all rows of Σ term(entry) over the entries of a row. */
  private largestRow(term: (entry: number) => number): number {
    let largest = 0
    for (let row = 0; row < this.rows; row++) {
      let sum = 0
      for (let k = this.start[row]!; k < this.start[row + 1]!; k++) sum += term(k)
      largest = Math.max(largest, sum)
    }
    return largest
  }

  /** Itself. */
  sparse(): SparseMatrix {
    return this
  }

  /** Largest absolute value of an entry; 0 for none. */
  get largest(): number {
    return this.values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  }
}
