/**
 * Who holds shares, and how many of them make the secret.
 *
 * Holders are known by the small integer at which the dealers' polynomials are taken for them. Small and consecutive on purpose: Lagrange coefficients at 0 are
 * then quotients of small integers. With random points of 45 bits they are unrelated residues, and the same ciphertext under a few active sets is a hidden-number
 * problem that gives `c1·s̃_j` exactly whatever noise is added (see the attack tests). That small points resist what was tried is no proof, which is why the
 * ledger never lets one ciphertext meet two active sets.
 */
import { InvalidSharingError } from './errors.js'

/** Largest point of a holder. */
export const LARGEST_POINT = 128

/** t of n: which holders there are and how many of them suffice. */
export interface AccessStructure {
  /** t: how many shares make the secret; fewer say nothing of it. */
  readonly threshold: number
  /** The holders' points, ascending, from 1 to LARGEST_POINT; n of them. */
  readonly points: readonly number[]
}

/** t of the holders 1 … n. @throws InvalidSharingError */
export function firstHolders(threshold: number, holders: number): AccessStructure {
  if (!Number.isInteger(holders) || holders < 1 || holders > LARGEST_POINT) {
    throw new InvalidSharingError('number of holders', `1 to ${LARGEST_POINT}`, holders)
  }
  return checkedAccess({ threshold, points: Array.from({ length: holders }, (_, i) => i + 1) })
}

/** A copy that is known to make sense. @throws InvalidSharingError */
export function checkedAccess({ threshold, points }: AccessStructure): AccessStructure {
  checkPoints('holders', points)
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > points.length) {
    throw new InvalidSharingError('threshold', `1 to ${points.length}, the number of holders`, threshold)
  }
  return Object.freeze({ threshold, points: Object.freeze([...points]) })
}

/** @throws InvalidSharingError unless they are ascending points, one at least */
export function checkPoints(field: string, points: readonly number[]): void {
  const expected = `ascending integers from 1 to ${LARGEST_POINT}`
  if (!Array.isArray(points) || points.length === 0) throw new InvalidSharingError(field, expected, 'none')
  points.forEach((point, i) => {
    if (!Number.isInteger(point) || point < 1 || point > LARGEST_POINT || (i > 0 && point <= points[i - 1]!)) {
      throw new InvalidSharingError(field, expected, points.join(', '))
    }
  })
}
