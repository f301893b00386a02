/** Polynomials for results: made without zeroing, and never leaked when something throws half-way. */
import type { Polynomial, Ring } from '@slytherin/ring'

/** A polynomial to be overwritten: unspecified residues, ntt domain. */
export function blank(ring: Ring, indices: readonly number[]): Polynomial {
  return ring.allocateUninitialised(ring.basis(indices), 'ntt')
}

/** A polynomial to be overwritten, over the moduli of `model` and in its domain. */
export function blankLike(model: Polynomial): Polynomial {
  return model.blankCopy()
}

export function disposeAll(items: Iterable<Disposable>): void {
  for (const item of items) item[Symbol.dispose]()
}

/** `make` of every item; when one throws, those made before are disposed. */
export function mapAll<T, R extends Disposable>(items: Iterable<T>, make: (item: T, index: number) => R): R[] {
  const made: R[] = []
  try {
    let index = 0
    for (const item of items) made.push(make(item, index++))
  } catch (error) {
    disposeAll(made)
    throw error
  }
  return made
}

/** Computes into `out`, which is disposed when `compute` throws. */
export function into<R extends Disposable>(out: R, compute: (out: R) => unknown): R {
  try {
    compute(out)
  } catch (error) {
    out[Symbol.dispose]()
    throw error
  }
  return out
}

/** round(a / Π drop) over the moduli `indices` for every polynomial a: together, so that threads have more to share out. */
export function divided(ring: Ring, all: readonly Polynomial[], indices: readonly number[], drop: readonly number[]): Polynomial[] {
  const quotients = mapAll(all, () => blank(ring, indices))
  try {
    ring.divideAndRoundAll(quotients, all, drop)
    return quotients
  } catch (error) {
    disposeAll(quotients)
    throw error
  }
}
