/**
 * What is counted at every party that gives something: queries and decryptions of a grant, decryptions and refreshes of an epoch. Durable, by item, so that what is
 * asked again is not counted again. What is revoked, withdrawn, expired or spent is refused with what to do.
 */
import { EpochRefusedError, GrantRefusedError, ReleaseRefusedError } from '../../errors/errors.js'
import { EPOCH, type EpochProposal } from '../objects/epoch.js'
import { GRANT, type Grant } from '../objects/grant.js'
import type { Query } from '../objects/query.js'
import type { Release } from '../objects/release.js'
import { ERASE_AFTER, hasExpired, timeText } from '../objects/validity.js'
import type { DocumentStore } from '../store/documents.js'
import type { Claim, SpendingStore } from '../store/spendings.js'

/** Where documents are and where is counted. */
export interface BooksOptions {
  readonly documents: DocumentStore
  readonly spendings: SpendingStore
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
}

/** What has been used of a limit, as counted at this party. */
export interface Budget {
  readonly used: number
  /** As the grant or the epoch says. */
  readonly limit: number
}

const grantAccount = (what: 'queries' | 'decryptions', grant: string): string => `grant ${what} ${grant}`
/** Of a grant's account. */
const grantOf = (account: string): string | undefined => /^grant \w+ (\w+)$/.exec(account)?.[1]
const epochAccount = (what: 'decryptions' | 'refreshes'): string => `epoch ${what}`

/** The counts of one party: every key holder and the evaluator keep their own, and believe nobody else's. */
export class Books {
  readonly #documents: DocumentStore
  readonly #spendings: SpendingStore
  readonly #now: () => number
  readonly #proposals = new Map<string, EpochProposal>()

  constructor({ documents, spendings, now = Date.now }: BooksOptions) {
    this.#documents = documents
    this.#spendings = spendings
    this.#now = now
  }

  /**
   * Counts a query against its grant. @throws GrantRefusedError (revoked, expired, spent), ReleaseRefusedError (withdrawn), EpochRefusedError (unknown, over)
   */
  async admit(query: Query, grant: Grant, release: Release): Promise<void> {
    const { epoch, sender } = query
    await this.#alive(epoch, sender)
    await this.#valid(query, grant)
    if (await this.isWithdrawn(query.release, release)) {
      throw new ReleaseRefusedError({
        peer: sender,
        kind: 'query',
        field: 'release',
        actual: `${release.name} ${release.revision} was withdrawn`,
        remedy: 'Ask another revision: slytherin model list.'
      })
    }
    const claim: Claim = {
      epoch: grant.epoch,
      account: grantAccount('queries', query.grant),
      item: query.query,
      amount: 1,
      limit: grant.queries
    }
    const spent = await this.#spendings.spend([claim])
    if (spent.outcome === 'exceeded') throw this.#spentGrant(query, grant, 'queries', spent.used, grant.queries)
  }

  /** Takes back what `admit` has counted. */
  async giveBack({ query, grant: identifier }: Pick<Query, 'query' | 'grant'>, grant: Grant): Promise<void> {
    await this.#spendings.giveBack(grant.epoch, grantAccount('queries', identifier), query)
  }

  /** Counts ciphertexts of a result, once per attempt, against grant and epoch. @throws GrantRefusedError, EpochRefusedError when either is spent */
  async decrypt(query: Query, grant: Grant, attempt: string, ciphertexts: number): Promise<void> {
    const { epoch, sender } = query
    const { maximumDecryptions } = await this.#alive(epoch, sender)
    await this.#valid(query, grant)
    const common = { item: attempt, amount: ciphertexts }
    // A grant goes with the models that it is for: it is counted where it was given.
    const own = { ...common, epoch: grant.epoch, account: grantAccount('decryptions', query.grant), limit: grant.decryptions }
    const all = { ...common, epoch, account: epochAccount('decryptions'), limit: maximumDecryptions }
    const spent = await this.#spendings.spend([own, all])
    if (!('claim' in spent)) return
    if (spent.claim.account === own.account) throw this.#spentGrant(query, grant, 'decryptions', spent.used, grant.decryptions)
    throw this.#spentEpoch(sender, 'decryptions', spent.used, maximumDecryptions)
  }

  /** Counts refreshed ciphertexts, once per attempt, against the epoch. @throws EpochRefusedError when it is spent */
  async refresh(query: Query, attempt: string, ciphertexts: number): Promise<void> {
    const { epoch, sender } = query
    const { maximumRefreshes } = await this.#alive(epoch, sender)
    const spent = await this.#spendings.spend([
      { epoch, account: epochAccount('refreshes'), item: attempt, amount: ciphertexts, limit: maximumRefreshes }
    ])
    if (spent.outcome === 'exceeded') throw this.#spentEpoch(sender, 'refreshes', spent.used, maximumRefreshes)
  }

  /** Counts the parts of a release that is moved, once per attempt, as decryptions of the epoch that it leaves. @throws EpochRefusedError when it is spent */
  async move(epoch: string, attempt: string, ciphertexts: number, peer: string): Promise<void> {
    const { maximumDecryptions: limit } = await this.#alive(epoch, peer)
    const spent = await this.#spendings.spend([{ epoch, account: epochAccount('decryptions'), item: attempt, amount: ciphertexts, limit }])
    if (spent.outcome === 'exceeded') throw this.#spentEpoch(peer, 'decryptions', spent.used, limit)
  }

  /** Whether its owner has withdrawn a release, or what it was before it was moved. */
  async isWithdrawn(identifier: string, release: Pick<Release, 'epoch' | 'moved'>): Promise<boolean> {
    const names = [{ epoch: release.epoch, release: identifier }, ...(release.moved?.from ?? [])]
    for (const { epoch, release: name } of names) {
      if ((await this.#documents.list({ kind: 'withdrawal', epoch, name })).length > 0) return true
    }
    return false
  }

  /** What a grant has been used of here. @param identifier of the grant */
  async grantUse(identifier: string, { epoch, queries, decryptions }: Grant): Promise<{ queries: Budget; decryptions: Budget }> {
    return {
      queries: { used: await this.#spendings.used(epoch, grantAccount('queries', identifier)), limit: queries },
      decryptions: { used: await this.#spendings.used(epoch, grantAccount('decryptions', identifier)), limit: decryptions }
    }
  }

  /** What an epoch has been used of here. @param epoch its identifier */
  async epochUse(
    epoch: string,
    { maximumDecryptions, maximumRefreshes }: EpochProposal
  ): Promise<{ decryptions: Budget; refreshes: Budget }> {
    return {
      decryptions: { used: await this.#spendings.used(epoch, epochAccount('decryptions')), limit: maximumDecryptions },
      refreshes: { used: await this.#spendings.used(epoch, epochAccount('refreshes')), limit: maximumRefreshes }
    }
  }

  /**
   * Removes what was counted of epochs that have been over for a day. Counts of a grant that is in force stay, for it goes with models to the keys that follow, and so do
   * those of one that this party has not been handed.
   */
  async forgetOver(): Promise<void> {
    const isOver = ({ expires }: { readonly expires: number }): boolean => expires + ERASE_AFTER <= this.#now()
    for (const { identifier, epoch } of await this.#documents.list({ kind: EPOCH.kind })) {
      const proposal = (await this.#documents.get(EPOCH, identifier))?.document.proposal
      if (proposal === undefined || !isOver(proposal)) continue
      this.#proposals.delete(epoch)
      for (const account of await this.#spendings.accounts(epoch)) {
        const name = grantOf(account)
        const grant = name === undefined ? undefined : (await this.#documents.get(GRANT, name))?.document
        if (name === undefined || (grant !== undefined && isOver(grant))) await this.#spendings.forget(epoch, account)
      }
    }
  }

  /** Whether its issuer has revoked a grant. */
  async isRevoked(epoch: string, grant: string): Promise<boolean> {
    return (await this.#documents.list({ kind: 'revocation', epoch, name: grant })).length > 0
  }

  async #valid(query: Query, grant: Grant): Promise<void> {
    const refuse = (actual: string): GrantRefusedError =>
      new GrantRefusedError({
        peer: query.sender,
        kind: 'query',
        field: 'grant',
        expected: 'a grant that is in force',
        actual,
        remedy: `Ask ${grant.issuer} for another one: slytherin grant create.`
      })
    if (await this.isRevoked(grant.epoch, query.grant)) throw refuse('revoked')
    if (hasExpired(grant, this.#now())) throw refuse(`expired at ${timeText(grant.expires)}`)
  }

  /** @throws EpochRefusedError for one that is unknown or over */
  async #alive(epoch: string, peer: string): Promise<EpochProposal> {
    let proposal = this.#proposals.get(epoch)
    if (proposal === undefined) {
      const [name] = await this.#documents.list({ kind: EPOCH.kind, epoch })
      proposal = name === undefined ? undefined : (await this.#documents.get(EPOCH, name.identifier))?.document.proposal
      if (proposal === undefined) {
        throw new EpochRefusedError({
          peer,
          kind: 'query',
          field: 'epoch',
          actual: epoch,
          reason: 'this party does not know the epoch',
          remedy: 'See which there are: slytherin cohort status.'
        })
      }
      this.#proposals.set(epoch, proposal)
    }
    if (hasExpired(proposal, this.#now())) {
      throw new EpochRefusedError({
        peer,
        kind: 'query',
        field: 'epoch',
        actual: `over since ${timeText(proposal.expires)}`,
        remedy: 'Make the next one: slytherin cohort create.'
      })
    }
    return proposal
  }

  #spentGrant(query: Query, { issuer }: Grant, what: string, used: number, limit: number): GrantRefusedError {
    return new GrantRefusedError({
      peer: query.sender,
      kind: 'query',
      field: what,
      expected: `at most ${limit} ${what}`,
      actual: `${used} are used`,
      remedy: `Ask ${issuer} for another grant: slytherin grant create.`
    })
  }

  #spentEpoch(peer: string, what: string, used: number, limit: number): EpochRefusedError {
    return new EpochRefusedError({
      peer,
      kind: 'query',
      field: what,
      expected: `at most ${limit} ${what} in this epoch`,
      actual: `${used} are used`,
      remedy: 'Make the next epoch: slytherin cohort create.'
    })
  }
}
