/**
 * What a holder has of an epoch's secret, sealed, and the hand that gives shares of it.
 *
 * In the secret store, `EPOCH` being the identifier: `EPOCH/seed` (what it dealt in the first round), `EPOCH/share-key` (randomness of its shares), `EPOCH/share` (its
 * share of the sharing in force), `EPOCH/next` (of one that is not in force yet).
 */
import { type Context, SecretKey } from '@slytherin/ckks'
import { ShamirShare, type ShareLedger, type Sharing, ThresholdShareGiver, WholeKeyHolder } from '@slytherin/mhe'
import { type Polynomial, randomSeed } from '@slytherin/ring'
import { fromHex, toHex } from '../../base/digest.js'
import { StaleSharingError } from '../../errors/errors.js'
import { SessionStateError } from '../../local/open-session.js'
import type { EpochTerms, SharingName } from '../cryptography/epoch.js'
import type { DealingTerms } from '../cryptography/service.js'
import type { SecretStore } from '../store/secrets.js'
import type { EpochHand } from './epoch-means.js'

export class EpochShare {
  readonly #terms: EpochTerms
  readonly #context: Context
  readonly #secrets: SecretStore
  readonly #ledger: ShareLedger
  #hand: EpochHand | undefined

  constructor(terms: EpochTerms, context: Context, { secrets, ledger }: { readonly secrets: SecretStore; readonly ledger: ShareLedger }) {
    this.#terms = terms
    this.#context = context
    this.#secrets = secrets
    this.#ledger = ledger
  }

  /** @throws StaleSharingError where there is none */
  get hand(): EpochHand {
    if (this.#hand !== undefined) return this.#hand
    throw new StaleSharingError({
      kind: 'epoch',
      field: 'share',
      expected: 'one of the sharing in force',
      actual: 'none: it was erased, or lost',
      remedy: 'This holder must be given a new share: slytherin cohort reshare, at the evaluator.'
    })
  }

  get held(): SharingName | undefined {
    return this.#hand === undefined ? undefined : nameOf(this.#hand.sharing)
  }

  /** Takes up the share that is kept, if one is. */
  async load(): Promise<void> {
    this.drop()
    const share = await this.read('share')
    if (share !== undefined) this.#hand = await this.#makeHand(share)
  }

  /** Lets go of memory; what is kept stays. */
  drop(): void {
    this.#hand?.giver.dispose()
    this.#hand?.whole?.dispose()
    this.#hand = undefined
  }

  /** The share of a sharing to come, beside the one in force. */
  async keepNext(share: ShamirShare): Promise<void> {
    const bytes = share.serialize()
    await this.#secrets.put(this.#name('next'), bytes)
    bytes.fill(0)
  }

  /** The share to come takes the place of the one before. @throws SessionStateError unless it is of that sharing */
  async adopt(sharing: SharingName): Promise<void> {
    const current = this.held
    if (current !== undefined && current.lineage === sharing.lineage && current.generation === sharing.generation) return
    const next = await this.read('next')
    if (next === undefined) throw new SessionStateError(`no share of generation ${sharing.generation}`)
    try {
      const { lineage, generation } = nameOf(next.sharing)
      if (lineage !== sharing.lineage || generation !== sharing.generation) {
        throw new SessionStateError(`no share of generation ${sharing.generation}, lineage ${sharing.lineage.slice(0, 16)}`)
      }
      const bytes = next.serialize()
      await this.#secrets.put(this.#name('share'), bytes)
      bytes.fill(0)
    } finally {
      next.dispose()
    }
    await this.#secrets.erase(this.#name('next'))
    // What was dealt in the first round is in the shares.
    await this.#secrets.erase(this.#name('seed'))
    await this.load()
  }

  async erase(): Promise<void> {
    this.drop()
    for (const name of ['seed', 'share', 'next', 'share-key'] as const) await this.#secrets.erase(this.#name(name))
  }

  /** What this party deals; whoever is given it disposes it. */
  async constant(kind: DealingTerms['kind']): Promise<Polynomial | ShamirShare | null> {
    if (kind === 'zero') return null
    if (kind === 'reshare') {
      const share = await this.read('share')
      if (share === undefined) throw new SessionStateError('this party holds no share to deal on')
      return share
    }
    const seed = await this.#secret('seed')
    const secret = SecretKey.fromSeed(this.#context, seed)
    seed.fill(0)
    return secret.polynomial
  }

  /** A copy, which whoever is given it disposes. */
  async read(name: 'share' | 'next'): Promise<ShamirShare | undefined> {
    const bytes = await this.#secrets.get(this.#name(name))
    if (bytes === undefined) return undefined
    try {
      return ShamirShare.deserialize(this.#context, bytes)
    } finally {
      bytes.fill(0)
    }
  }

  /** The hand of the sharing that is asked for: the one in force, or the next one, for which there are no keys yet. */
  async withGiver<T>({ generation, lineage }: SharingName, body: (giver: ThresholdShareGiver) => T): Promise<T> {
    const is = (sharing: Sharing): boolean => sharing.generation === generation && toHex(sharing.lineage) === lineage
    if (this.#hand !== undefined && is(this.#hand.sharing)) return body(this.#hand.giver)
    const next = await this.read('next')
    if (next === undefined || !is(next.sharing)) {
      next?.dispose()
      // Its error says which sharing this party holds.
      return body(this.hand.giver)
    }
    const { giver, whole } = await this.#makeHand(next)
    try {
      return body(giver)
    } finally {
      giver.dispose()
      whole?.dispose()
    }
  }

  /** 32 secret bytes by name, made when they are asked for first. */
  async #secret(name: 'seed' | 'share-key'): Promise<Uint8Array> {
    const known = await this.#secrets.get(this.#name(name))
    if (known !== undefined) return known
    const fresh = randomSeed()
    await this.#secrets.put(this.#name(name), fresh)
    return fresh
  }

  async #makeHand(share: ShamirShare): Promise<EpochHand> {
    const context = this.#context
    const { floodingBits: securityBits, maximumDecryptions, maximumRefreshes, epoch } = this.#terms
    const shareKey = await this.#secret('share-key')
    const common = { shareKey, ledger: this.#ledger, flooding: { securityBits, maximumDecryptions }, maximumRefreshes }
    const { sharing } = share
    const { threshold, points } = sharing.access
    // Of one holder the share is the secret.
    const whole =
      threshold === 1 && points.length === 1
        ? new WholeKeyHolder(context, {
            ...common,
            sessionId: fromHex(epoch),
            secret: SecretKey.fromPolynomial(copyOf(context, share.polynomial))
          })
        : undefined
    const giver = new ThresholdShareGiver({ ...common, share })
    shareKey.fill(0)
    return { sharing, giver, whole }
  }

  #name(secret: 'seed' | 'share' | 'next' | 'share-key'): string {
    return `${this.#terms.epoch}/${secret}`
  }
}

function copyOf({ ring, parameters }: Context, polynomial: Polynomial): Polynomial {
  return ring.copy(ring.allocate(parameters.keyIndices(), 'ntt'), polynomial)
}

function nameOf({ generation, lineage, access }: Sharing): SharingName {
  return { generation, lineage: toHex(lineage), threshold: access.threshold, points: [...access.points] }
}
