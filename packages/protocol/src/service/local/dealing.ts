/** One round of dealing at one party: mhe/threshold behind the interface that flows see. */
import {
  type AcceptedDealing,
  checkAnswer,
  checkShare,
  completeRound,
  Dealer,
  type DealingRound,
  type DealtShare,
  Fingerprints,
  findWrongDealers,
  judge,
  MalformedDealingError,
  NotZeroError,
  receiveShare,
  type ShamirShare,
  type ShareLedger
} from '@slytherin/mhe'
import { type Polynomial, randomSeed } from '@slytherin/ring'
import { toHex } from '../../base/digest.js'
import { SessionStateError } from '../../local/open-session.js'
import type { SharingName } from '../cryptography/epoch.js'
import type { DealingComplaint, DealingCryptography, DealingEvidence } from '../cryptography/service.js'

export interface DealingMeans {
  readonly round: DealingRound
  /** This party's point among those dealt to, its key for the round; null where it only deals. */
  readonly receiver: { readonly point: number; readonly privateKey: Uint8Array } | null
  /** This party's point among the dealers and what it deals; null where it only receives. */
  readonly dealer: { readonly point: number; readonly constant: Polynomial | ShamirShare | null } | null
  readonly ledger: ShareLedger
  /** The share before, in a round of `zero`: a copy that `completeRound` consumes. */
  before(): Promise<ShamirShare | undefined>
  /** Keeps the new share; it stays the caller's. */
  keep(share: ShamirShare): Promise<void>
  disposed(): void
}

export class LocalDealing implements DealingCryptography {
  readonly #means: DealingMeans
  readonly #dealer: Dealer | undefined
  readonly #read = new Map<number, { readonly share: DealtShare; readonly announcement: Uint8Array; checked: boolean }>()
  #fingerprints: Fingerprints | undefined

  constructor(means: DealingMeans) {
    this.#means = means
    if (means.dealer !== null) {
      const seed = randomSeed()
      this.#dealer = new Dealer(means.round, means.dealer.point, means.dealer.constant, seed)
      seed.fill(0)
    }
  }

  async hash(): Promise<string> {
    return toHex(this.#means.round.hash)
  }

  async deal(): Promise<{ announcement: Uint8Array; envelopes: Uint8Array[] }> {
    const { announcement, envelopes } = await this.#asDealer().deal()
    return { announcement, envelopes: [...envelopes] }
  }

  async receive(dealer: number, announcement: Uint8Array, envelope: Uint8Array): Promise<'read' | 'unreadable'> {
    const { round } = this.#means
    const { point, privateKey } = this.#asReceiver()
    this.#forget(dealer)
    try {
      const share = await receiveShare(round, dealer, point, announcement, envelope, privateKey)
      this.#read.set(dealer, { share, announcement: announcement.slice(), checked: false })
      return 'read'
    } catch (error) {
      if (error instanceof Error && error.name === 'UnreadableEnvelopeError') return 'unreadable'
      throw error
    }
  }

  async coin(announcements: Uint8Array[], contributions: Uint8Array[]): Promise<Uint8Array> {
    return this.#means.round.coin(announcements, contributions)
  }

  async answer(coin: Uint8Array): Promise<Uint8Array> {
    return this.#asDealer().answer(coin, this.#means.ledger)
  }

  async check(dealer: number, coin: Uint8Array, answer: Uint8Array): Promise<'consistent' | 'inconsistent'> {
    const { round } = this.#means
    checkAnswer(round, dealer, coin, answer)
    const read = this.#read.get(dealer)
    if (read === undefined) throw new SessionStateError(`nothing was read of dealer ${dealer}`)
    if (this.#fingerprints === undefined || toHex(this.#fingerprints.coin) !== toHex(coin)) {
      this.#fingerprints?.[Symbol.dispose]()
      this.#fingerprints = new Fingerprints(round.context, coin)
    }
    try {
      checkShare(round, read.share, this.#fingerprints, answer)
      read.checked = true
      return 'consistent'
    } catch (error) {
      if (error instanceof Error && error.name === 'InconsistentShareError') return 'inconsistent'
      throw error
    }
  }

  async open(receiver: number): Promise<Uint8Array> {
    return this.#asDealer().open(receiver)
  }

  async judge(
    { dealer, receiver, reason }: DealingComplaint,
    evidence: DealingEvidence
  ): Promise<{ guilty: 'dealer' | 'receiver'; point: number; because: string }> {
    const { round } = this.#means
    const verdict = await judge(round, { round: round.hash, dealer, receiver, reason }, evidence)
    if (verdict.guilty === 'dealer') return verdict
    verdict.share.dispose()
    return { guilty: 'receiver', point: verdict.point, because: 'it complained of a share that is as it should be' }
  }

  async wrongDealers(coin: Uint8Array, answers: readonly { dealer: number; answer: Uint8Array }[]): Promise<number[]> {
    const { round } = this.#means
    const wrong = new Set<number>()
    for (const { dealer, answer } of answers) {
      try {
        checkAnswer(round, dealer, coin, answer)
      } catch (error) {
        if (!(error instanceof MalformedDealingError || error instanceof NotZeroError)) throw error
        wrong.add(dealer)
      }
    }
    if (round.kind === 'reshare') {
      const readable = answers.filter(({ dealer }) => !wrong.has(dealer))
      const dealt = findWrongDealers(round, coin, new Map(readable.map(({ dealer, answer }) => [dealer, answer])))
      for (const dealer of dealt) wrong.add(dealer)
    }
    return [...wrong].sort((a, b) => a - b)
  }

  async complete(dealers: readonly number[]): Promise<SharingName> {
    const { round } = this.#means
    const { point } = this.#asReceiver()
    const accepted: AcceptedDealing[] = dealers.map(dealer => {
      const read = this.#read.get(dealer)
      if (read?.checked !== true) throw new SessionStateError(`the share of dealer ${dealer} was not checked`)
      return read
    })
    const share = completeRound(round, point, accepted, await this.#means.before())
    try {
      await this.#means.keep(share)
      const { generation, lineage, access } = share.sharing
      return { generation, lineage: toHex(lineage), threshold: access.threshold, points: [...access.points] }
    } finally {
      share.dispose()
    }
  }

  async dispose(): Promise<void> {
    for (const dealer of [...this.#read.keys()]) this.#forget(dealer)
    this.#fingerprints?.[Symbol.dispose]()
    this.#fingerprints = undefined
    this.#dealer?.dispose()
    this.#means.receiver?.privateKey.fill(0)
    this.#means.disposed()
  }

  #forget(dealer: number): void {
    this.#read.get(dealer)?.share.dispose()
    this.#read.delete(dealer)
  }

  #asDealer(): Dealer {
    if (this.#dealer === undefined) throw new SessionStateError('this party does not deal in this round')
    return this.#dealer
  }

  #asReceiver(): { readonly point: number; readonly privateKey: Uint8Array } {
    const { receiver } = this.#means
    if (receiver === null) throw new SessionStateError('nothing is dealt to this party in this round')
    return receiver
  }
}
