/**
 * Durable counts of what may be had only so often: queries and decryptions of a grant, decryptions and refreshes of an epoch.
 *
 * Each count is an account; what is taken from it is an item, named after what it was for (a query, an attempt), so that the same request again is not counted
 * again. Several claims are recorded together or not at all.
 */

export interface Claim {
  /** Identifier of the epoch, hexadecimal: an account ends with it. */
  readonly epoch: string
  readonly account: string
  readonly item: string
  readonly amount: number
  /** What the account may come to in all. */
  readonly limit: number
}

export type Spent =
  /** `again`: every item was there with its amount. */
  | { readonly outcome: 'first' | 'again' }
  /** Nothing was recorded: this claim is above its limit, or its item is there with another amount. */
  | { readonly outcome: 'exceeded' | 'differs'; readonly claim: Claim; readonly used: number }

export interface SpendingStore {
  /** All or none; durable before it resolves. @throws StorageFullError; nothing is recorded then */
  spend(claims: readonly Claim[]): Promise<Spent>
  /** Takes an item back; what is not there is no fault. */
  giveBack(epoch: string, account: string, item: string): Promise<void>
  used(epoch: string, account: string): Promise<number>
  has(epoch: string, account: string, item: string): Promise<boolean>
  /** Removes all accounts of an epoch. */
  forget(epoch: string): Promise<void>
}

export class MemorySpendingStore implements SpendingStore {
  /** Amount by item, by account, by epoch. */
  readonly #epochs = new Map<string, Map<string, Map<string, number>>>()

  async spend(claims: readonly Claim[]): Promise<Spent> {
    const added: Claim[] = []
    for (const claim of claims) {
      const { epoch, account, item, amount, limit } = claim
      const items = this.#items(epoch, account)
      const known = items.get(item)
      const pending = added.filter(other => other.epoch === epoch && other.account === account)
      const used = sum(items.values()) + sum(pending.map(other => other.amount))
      if (known !== undefined) {
        if (known !== amount) return { outcome: 'differs', claim, used: known }
        continue
      }
      if (used + amount > limit) return { outcome: 'exceeded', claim, used }
      added.push(claim)
    }
    for (const { epoch, account, item, amount } of added) this.#items(epoch, account).set(item, amount)
    return { outcome: added.length === 0 ? 'again' : 'first' }
  }

  async giveBack(epoch: string, account: string, item: string): Promise<void> {
    this.#epochs.get(epoch)?.get(account)?.delete(item)
  }

  async used(epoch: string, account: string): Promise<number> {
    return sum(this.#epochs.get(epoch)?.get(account)?.values() ?? [])
  }

  async has(epoch: string, account: string, item: string): Promise<boolean> {
    return this.#epochs.get(epoch)?.get(account)?.has(item) ?? false
  }

  async forget(epoch: string): Promise<void> {
    this.#epochs.delete(epoch)
  }

  #items(epoch: string, account: string): Map<string, number> {
    const accounts = this.#epochs.get(epoch) ?? new Map<string, Map<string, number>>()
    this.#epochs.set(epoch, accounts)
    const items = accounts.get(account) ?? new Map<string, number>()
    accounts.set(account, items)
    return items
  }
}

function sum(values: Iterable<number>): number {
  let total = 0
  for (const value of values) total += value
  return total
}
