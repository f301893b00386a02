/** Products with the metadata of their results, and many sums of them together: what several have in common is read from memory once. */
import type { Ring } from '@slytherin/ring'
import type { CiphertextMetadata } from '../ciphertext.js'
import { EmptySumError } from '../errors.js'
import type { EvaluationRules } from '../evaluation-rules.js'
import type { Evaluator, EvaluatorCiphertext, EvaluatorPlaintext, ProductSum } from '../evaluator.js'
import { type HandleCount, KernelCiphertext, KernelPlaintext } from './kernel-ciphertext.js'
import { blankLike, mapAll } from './memory.js'
import { ownCiphertext, ownPlaintext } from './operands.js'
import type { Factors } from './products.js'

export type Product = Factors & { readonly state: CiphertextMetadata }

/** The components of two factors and the metadata of their product. */
export function productOf(
  live: HandleCount,
  rules: EvaluationRules,
  operation: string,
  a: EvaluatorCiphertext,
  b: EvaluatorCiphertext | EvaluatorPlaintext
): Product {
  const x = ownCiphertext(live, operation, a)
  if (b instanceof KernelPlaintext) {
    const y = ownPlaintext(live, operation, b)
    return { a: [...x.components], b: [y.polynomial], state: rules.multiplyPlain(operation, x, y) }
  }
  const y = ownCiphertext(live, operation, b)
  return { a: [...x.components], b: [...y.components], state: rules.multiply(operation, x, y, x === y) }
}

/** What a sum begins as, its products, and what is known of the result. */
interface Prepared {
  readonly own: KernelCiphertext | undefined
  readonly products: readonly Product[]
  readonly state: CiphertextMetadata
}

export class ProductSums {
  constructor(
    private readonly ring: Ring,
    private readonly rules: EvaluationRules,
    private readonly live: HandleCount
  ) {}

  /** @returns undefined where they are not all sums of products of two components each, at one level */
  together(operation: string, sums: readonly ProductSum[]): EvaluatorCiphertext[] | undefined {
    const prepared = sums.map(sum => this.prepare(operation, sum))
    const { level } = prepared[0]?.state ?? { level: 0 }
    const alike = prepared.every(
      ({ own, products, state }) =>
        state.level === level && (own?.degree ?? 2) === 2 && products.every(({ a, b }) => a.length === 2 && b.length === 2)
    )
    if (!alike) return undefined
    const made: KernelCiphertext[] = []
    try {
      const results = prepared.map(({ own, products, state }) => {
        if (own !== undefined) return own
        const [factor] = products[0]!.a
        const result = new KernelCiphertext(
          this.live,
          mapAll(Array.from({ length: 3 }), () => blankLike(factor!)),
          state
        )
        made.push(result)
        return result
      })
      this.ring.multiplyAccumulateMany(
        prepared.map(({ own, products }, k) => ({ out: results[k]!.components, pairs: products, add: own !== undefined }))
      )
      for (const [k, { state }] of prepared.entries()) results[k]!.restate(state)
      return results
    } catch (error) {
      for (const result of made) result.dispose()
      throw error
    }
  }

  /** Each by itself. */
  oneByOne(evaluator: Evaluator, sums: readonly ProductSum[]): EvaluatorCiphertext[] {
    const made: EvaluatorCiphertext[] = []
    try {
      return sums.map(({ pairs, sum }) => {
        if (sum !== undefined) {
          for (const [a, b] of pairs) evaluator.multiplyAddInPlace(sum, a, b)
          return sum
        }
        const result = evaluator.multiplyAccumulate(pairs)
        made.push(result)
        return result
      })
    } catch (error) {
      for (const result of made) result.dispose()
      throw error
    }
  }

  /** @throws EmptySumError, and what the rules throw */
  private prepare(operation: string, { pairs, sum }: ProductSum): Prepared {
    if (pairs.length === 0) throw new EmptySumError(operation)
    const own = sum && ownCiphertext(this.live, operation, sum)
    const products = pairs.map(([a, b]) => productOf(this.live, this.rules, operation, a, b))
    const states = products.map(({ state }) => state)
    const state = (own ? [own, ...states] : states).reduce((total, next) => this.rules.add(operation, total, next, false))
    return { own, products, state }
  }
}
