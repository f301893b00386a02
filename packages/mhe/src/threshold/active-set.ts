/**
 * The t holders that answer, and their weights: for a polynomial of degree below t,
 *
 *   S(0) = Σ_{j in T} λ_j·S(j),      λ_j = Π_{k in T, k ≠ j} k / (k - j)   modulo every prime
 *
 * λ_j multiplies the share, never an error, so a protocol run by T on `λ_j·s̃_j` has the noise of any t parties (eprint 2022/780).
 */
import type { Modulus } from '@slytherin/ring'
import { type AccessStructure, checkPoints } from './access-structure.js'
import { InvalidSharingError, NotActiveError } from './errors.js'
import { quotient, type Residues } from './residues.js'

/** t holders that answer together, with their Lagrange coefficients. */
export class ActiveSet {
  /** Ascending. */
  readonly points: readonly number[]

  /**
   * @param points t holders' points, ascending
   * @throws InvalidSharingError unless they are exactly t of the holders
   */
  constructor(
    readonly access: AccessStructure,
    points: readonly number[]
  ) {
    checkPoints('active set', points)
    const stranger = points.find(point => !access.points.includes(point))
    if (stranger !== undefined) throw new InvalidSharingError('active set', `among the holders ${access.points.join(', ')}`, stranger)
    if (points.length !== access.threshold) throw new InvalidSharingError('size of the active set', `${access.threshold}`, points.length)
    this.points = Object.freeze([...points])
  }

  /** Which of the t shares of a protocol is this holder's: 0 … t - 1, as aggregations count. @throws NotActiveError */
  position(point: number): number {
    const position = this.points.indexOf(point)
    if (position < 0) throw new NotActiveError(point, this.points)
    return position
  }

  /** λ_j modulo every prime. @throws NotActiveError */
  weight(moduli: readonly Modulus[], point: number): Residues {
    this.position(point)
    let numerator = 1n
    let denominator = 1n
    for (const other of this.points) {
      if (other === point) continue
      numerator *= BigInt(other)
      denominator *= BigInt(other - point)
    }
    return quotient(moduli, numerator, denominator)
  }
}
