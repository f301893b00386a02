/**
 * Products of ciphertexts in the ntt domain, without relinearisation:
 *
 *   (a0 + a1·s)(b0 + b1·s) = a0·b0 + (a0·b1 + a1·b0)·s + a1·b1·s²
 */
import type { Polynomial, Ring } from '@slytherin/ring'
import { blankLike, disposeAll, mapAll } from './memory.js'

/** Products summed with one reduction. */
const BATCH = 8

/** Components of two factors: two and two, or any number and the one of a plaintext. */
export interface Factors {
  readonly a: readonly Polynomial[]
  readonly b: readonly Polynomial[]
}

export class Products {
  constructor(private readonly ring: Ring) {}

  /** Σ a·b in new components. All pairs have factors of the same lengths. */
  sum(pairs: readonly Factors[]): Polynomial[] {
    const { a, b } = pairs[0]!
    const out = mapAll(Array.from({ length: a.length + b.length - 1 }), () => blankLike(a[0]!))
    try {
      this.accumulate(out, pairs, false)
    } catch (error) {
      disposeAll(out)
      throw error
    }
    return out
  }

  /** sum += Σ a·b; the sum has at least as many components as a product. When one of them is also a factor, there is one pair. */
  addTo(sum: readonly Polynomial[], pairs: readonly Factors[]): void {
    const aliased = pairs.some(({ a, b }) => sum.some(component => a.includes(component) || b.includes(component)))
    if (!aliased) {
      this.accumulate(sum, pairs, true)
      return
    }
    const product = this.sum(pairs)
    product.forEach((component, k) => {
      this.ring.add(sum[k]!, sum[k]!, component)
    })
    disposeAll(product)
  }

  private accumulate(sum: readonly Polynomial[], pairs: readonly Factors[], add: boolean): void {
    const { a, b } = pairs[0]!
    if (b.length === 2 || a.length <= 2) {
      this.ring.multiplyAccumulate(sum.slice(0, a.length + b.length - 1), pairs, add)
      return
    }
    // three components times a plaintext
    for (const [from, to] of [
      [0, 2],
      [2, 3]
    ]) {
      const part = pairs.map(pair => ({ a: pair.a.slice(from, to), b: pair.b }))
      this.ring.multiplyAccumulate(sum.slice(from, to), part, add)
    }
  }
}

/** Several at a time of an array; one by one of anything else, since its items may not outlive the step. */
export function* batches<T>(pairs: Iterable<T>): Generator<readonly T[]> {
  if (Array.isArray(pairs)) for (let k = 0; k < pairs.length; k += BATCH) yield pairs.slice(k, k + BATCH)
  else for (const pair of pairs) yield [pair]
}

/** Runs of products whose factors have equally many components. */
export function sameShape<T extends Factors>(products: readonly T[]): T[][] {
  const runs: T[][] = []
  for (const product of products) {
    const run = runs.at(-1)
    if (run !== undefined && run[0]!.a.length === product.a.length && run[0]!.b.length === product.b.length) run.push(product)
    else runs.push([product])
  }
  return runs
}
