/** Weighted least squares in Chebyshev polynomials on [-1, 1], by normal equations: well conditioned for the degrees that are worth evaluating. */
export class NormalEquations {
  private readonly size: number
  /** row-major Σ w·T_i·T_j and Σ w·y·T_i */
  private readonly matrix: Float64Array
  private readonly right: Float64Array
  private readonly row: Float64Array

  constructor(private readonly degree: number) {
    this.size = degree + 1
    this.matrix = new Float64Array(this.size * this.size)
    this.right = new Float64Array(this.size)
    this.row = new Float64Array(this.size)
  }

  /** One sample. */
  add(t: number, y: number, weight: number): void {
    const { size, matrix, right, row } = this
    row[0] = 1
    if (size > 1) row[1] = t
    for (let k = 2; k < size; k++) row[k] = 2 * t * row[k - 1]! - row[k - 2]!
    for (let i = 0; i < size; i++) {
      const weighted = weight * row[i]!
      right[i]! += weighted * y
      for (let j = 0; j <= i; j++) matrix[i * size + j]! += weighted * row[j]!
    }
  }

  /** These equations and others, the latter with a weight. */
  plus(other: NormalEquations, weight: number): NormalEquations {
    const sum = new NormalEquations(this.degree)
    sum.matrix.forEach((_, k) => {
      sum.matrix[k] = this.matrix[k]! + weight * other.matrix[k]!
    })
    sum.right.forEach((_, k) => {
      sum.right[k] = this.right[k]! + weight * other.right[k]!
    })
    return sum
  }

  /** Coefficients of T_0 … T_degree, by Cholesky's decomposition; coefficients that the samples do not determine are zero. */
  solve(): Float64Array {
    const { size } = this
    const lower = this.matrix.slice()
    const out = this.right.slice()
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        let sum = lower[i * size + j]!
        for (let k = 0; k < j; k++) sum -= lower[i * size + k]! * lower[j * size + k]!
        if (i === j) lower[i * size + i] = sum > 1e-13 * this.matrix[i * size + i]! ? Math.sqrt(sum) : 0
        else lower[i * size + j] = lower[j * size + j]! === 0 ? 0 : sum / lower[j * size + j]!
      }
      const pivot = lower[i * size + i]!
      for (let k = 0; k < i; k++) out[i]! -= lower[i * size + k]! * out[k]!
      out[i] = pivot === 0 ? 0 : out[i]! / pivot
    }
    for (let i = size - 1; i >= 0; i--) {
      for (let k = i + 1; k < size; k++) out[i]! -= lower[k * size + i]! * out[k]!
      const pivot = lower[i * size + i]!
      out[i] = pivot === 0 ? 0 : out[i]! / pivot
    }
    return out
  }
}
