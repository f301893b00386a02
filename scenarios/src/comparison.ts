/** Four ways to compute the same answers, held against each other: clear, polynomial, simulated, encrypted. */
import { predictionsOf } from '@slytherin/node'

/**
 * `clear` is the network as the file writes it, `polynomial` what is left after approximating and fusing, both in float64; `simulated` is the plan on clear slots with
 * modelled errors; `encrypted` is what the querier read. `simulated` is absent when nothing was simulated.
 */
export interface FourWays<T> {
  clear: T
  polynomial: T
  simulated?: T
  encrypted: T
}

export type Logits = readonly ArrayLike<number>[]

export function mapWays<A, B>(ways: FourWays<A>, map: (value: A, way: keyof FourWays<A>) => B): FourWays<B> {
  const { clear, polynomial, simulated, encrypted } = ways
  return {
    clear: map(clear, 'clear'),
    polynomial: map(polynomial, 'polynomial'),
    ...(simulated === undefined ? {} : { simulated: map(simulated, 'simulated') }),
    encrypted: map(encrypted, 'encrypted')
  }
}

export const classesOf = (logits: Logits): number[] => predictionsOf(logits.map(row => Float64Array.from(row)))

/** Fraction of positions at which both hold the same; of all of `expected`. */
export function agreementOf(actual: readonly number[], expected: readonly number[]): number {
  return expected.filter((value, k) => value === actual[k]).length / expected.length
}

/** Largest absolute difference; infinite where `actual` lacks a value that `expected` has. */
export function worstDifference(actual: Logits, expected: Logits): number {
  let worst = 0
  expected.forEach((row, k) => {
    for (let i = 0; i < row.length; i++) {
      const difference = Math.abs((actual[k]?.[i] ?? Number.POSITIVE_INFINITY) - row[i]!)
      worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference)
    }
  })
  return worst
}

export function largestOf(logits: Logits): number {
  let largest = 0
  for (const row of logits) for (let i = 0; i < row.length; i++) largest = Math.max(largest, Math.abs(row[i]!))
  return largest
}
