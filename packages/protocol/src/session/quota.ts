/**
 * Ciphertexts switched for each querier, against what the signed descriptor grants it. The evaluator counts what it has promised, to spare an evaluation whose
 * result would be refused; every key holder counts what it gives. How much all queriers together may have is counted where shares are made, by the ledger.
 */
import { QuotaExceededError } from '../errors/errors.js'
import type { HandlerContext } from '../wire/connection.js'

export class SwitchQuota {
  readonly #used = new Map<string, number>()

  /** A new session begins. */
  reset(): void {
    this.#used.clear()
  }

  used(querier: string): number {
    return this.#used.get(querier) ?? 0
  }

  /** @throws QuotaExceededError unless `count` more fit within the quota */
  check(querier: string, count: number, quota: number, kind: string, context: HandlerContext): void {
    const used = this.used(querier)
    if (used + count <= quota) return
    throw new QuotaExceededError({
      peer: context.peer,
      kind,
      field: 'querier',
      expected: `at most ${quota} ciphertexts for ${querier}`,
      actual: `${used} + ${count}, of which ${quota - used} are left`,
      remedy: 'Open a new session, or plan for more: session.maximumDecryptions at the evaluator.'
    })
  }

  /** Counts `count` more. @throws QuotaExceededError, and counts nothing, unless they fit within the quota */
  take(querier: string, count: number, quota: number, kind: string, context: HandlerContext): void {
    this.check(querier, count, quota, kind, context)
    this.#used.set(querier, this.used(querier) + count)
  }

  /** What was taken was not given after all. */
  giveBack(querier: string, count: number): void {
    this.#used.set(querier, this.used(querier) - count)
  }
}
