/**
 * Durable counts of what may be had only so often: queries and decryptions of a grant, decryptions and refreshes of an epoch.
 *
 * Each count is an account; what is taken from it is an item, named after what it was for (a query, an attempt), so that the same request again is not counted
 * again. Several claims are recorded together or not at all.
 */

/** What is to be taken from an account, for what. */
export interface Claim {
  /** Identifier of the epoch, hexadecimal: an account ends with it. */
  readonly epoch: string
  /** Name of the count within its epoch. */
  readonly account: string
  /** What it is for: counted once, however often it is claimed. */
  readonly item: string
  /** Whole number. */
  readonly amount: number
  /** What the account may come to in all. */
  readonly limit: number
}

/** What became of claims. */
export type Spent =
  /** `again`: every item was there with its amount. */
  | { readonly outcome: 'first' | 'again' }
  /** Nothing was recorded: this claim is above its limit, or its item is there with another amount. */
  | { readonly outcome: 'exceeded' | 'differs'; readonly claim: Claim; readonly used: number }

/** Keeps accounts of epochs. */
export interface SpendingStore {
  /** All or none; durable before it resolves. @throws StorageFullError; nothing is recorded then */
  spend(claims: readonly Claim[]): Promise<Spent>
  /** Takes an item back; what is not there is no fault. */
  giveBack(epoch: string, account: string, item: string): Promise<void>
  /** Sum of all items of an account; 0 where there is none. */
  used(epoch: string, account: string): Promise<number>
  /** Whether an item has been recorded. */
  has(epoch: string, account: string, item: string): Promise<boolean>
  /** Of an epoch, those from which something was taken. */
  accounts(epoch: string): Promise<string[]>
  /** Removes an account with its items: of what nobody can ask for any more. */
  forget(epoch: string, account: string): Promise<void>
}

/** Amount by item, and their sum. */
interface Account {
  readonly items: Map<string, number>
  used: number
}

/** Keeps accounts in memory: for tests. */
export class MemorySpendingStore implements SpendingStore {
  /** By account, by epoch. */
  readonly #epochs = new Map<string, Map<string, Account>>()

  async spend(claims: readonly Claim[]): Promise<Spent> {
    const added: Claim[] = []
    for (const claim of claims) {
      const { epoch, account, item, amount, limit } = claim
      const { items, used: before } = this.#account(epoch, account)
      const known = items.get(item)
      const pending = added.filter(other => other.epoch === epoch && other.account === account)
      const used = pending.reduce((sum, other) => sum + other.amount, before)
      if (known !== undefined) {
        if (known !== amount) return { outcome: 'differs', claim, used: known }
        continue
      }
      if (used + amount > limit) return { outcome: 'exceeded', claim, used }
      added.push(claim)
    }
    for (const { epoch, account, item, amount } of added) {
      const kept = this.#account(epoch, account)
      kept.used += amount - (kept.items.get(item) ?? 0)
      kept.items.set(item, amount)
    }
    return { outcome: added.length === 0 ? 'again' : 'first' }
  }

  async giveBack(epoch: string, account: string, item: string): Promise<void> {
    const kept = this.#epochs.get(epoch)?.get(account)
    if (kept === undefined) return
    kept.used -= kept.items.get(item) ?? 0
    kept.items.delete(item)
  }

  async used(epoch: string, account: string): Promise<number> {
    return this.#epochs.get(epoch)?.get(account)?.used ?? 0
  }

  async has(epoch: string, account: string, item: string): Promise<boolean> {
    return this.#epochs.get(epoch)?.get(account)?.items.has(item) ?? false
  }

  async accounts(epoch: string): Promise<string[]> {
    return [...(this.#epochs.get(epoch) ?? [])].flatMap(([account, { items }]) => (items.size > 0 ? [account] : [])).sort()
  }

  async forget(epoch: string, account: string): Promise<void> {
    const accounts = this.#epochs.get(epoch)
    accounts?.delete(account)
    if (accounts?.size === 0) this.#epochs.delete(epoch)
  }

  #account(epoch: string, account: string): Account {
    const accounts = this.#epochs.get(epoch) ?? new Map<string, Account>()
    this.#epochs.set(epoch, accounts)
    const kept = accounts.get(account) ?? { items: new Map<string, number>(), used: 0 }
    accounts.set(account, kept)
    return kept
  }
}
