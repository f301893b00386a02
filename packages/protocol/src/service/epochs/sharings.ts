/** How the secret of an epoch is shared, and that it is shared anew: renewal, resharing, and going along with what others have made. */
import { PartyMissingError, type SessionAbortedError, StaleSharingError } from '../../errors/errors.js'
import type { Responder } from '../calls/responder.js'
import type { EpochCryptography } from '../cryptography/service.js'
import { type EpochRecord, type Holder, SHARING, type SharingRecord } from '../objects/epoch.js'
import { checkSharing } from '../objects/sharing-check.js'
import type { Signed } from '../objects/signed.js'
import type { EpochsOptions } from './options.js'
import { putInForce, runRound } from './round.js'
import { RoundHolder } from './round-holder.js'

/** An epoch that is open, as far as its sharing goes. */
export interface SharedEpoch {
  readonly record: EpochRecord
  /** How the secret is shared at present. */
  sharing: SharingRecord
  readonly cryptography: EpochCryptography
}

export class Sharings {
  readonly #options: EpochsOptions
  readonly #rounds: RoundHolder

  /** @param known an epoch that is in force. @throws EpochRefusedError */
  constructor(options: EpochsOptions, known: (epoch: string) => Promise<SharedEpoch>) {
    this.#options = options
    const { self, signer, policy, cryptography, epochs } = options
    this.#rounds = new RoundHolder({
      self,
      signer,
      policy,
      receiverKey: async () => await cryptography.receiverKey(),
      known,
      keep: async (record, peer) => {
        const epoch = await known(record.document.epoch)
        if (record.document.generation > epoch.sharing.generation) {
          await checkSharing(record, epoch.sharing, signer, peer)
          await epochs.putSharing(record)
        }
        await this.follow(epoch)
      }
    })
  }

  register(responder: Responder): void {
    this.#rounds.register(responder)
  }

  async dispose(): Promise<void> {
    await this.#rounds.dispose()
  }

  /** At the evaluator: other shares for the same holders, who must all be up. Shares stolen before and after are of no use together. */
  async renew(known: SharedEpoch, signal: AbortSignal): Promise<Signed<SharingRecord>> {
    const { holders, threshold } = known.sharing
    this.#demandUp(holders, holders.length)
    return await this.#round(known, 'zero', holders, threshold, holders, signal)
  }

  /**
   * At the evaluator: shares for these holders, dealt by those of the present ones that are up. Keys and ciphertexts stay.
   * @param without present holders that cannot deal, though they are up: who has lost its share
   * @throws PartyMissingError unless t of the present holders and all of those to come are up
   */
  async reshare(
    known: SharedEpoch,
    peers: readonly string[],
    threshold: number,
    signal: AbortSignal,
    without: ReadonlySet<string> = new Set()
  ): Promise<Signed<SharingRecord>> {
    const { sharing, record } = known
    const dealers = sharing.holders.filter(({ peer }) => this.#options.up(peer) && !without.has(peer))
    if (dealers.length < sharing.threshold) this.#demandUp(sharing.holders, sharing.threshold)
    const earlier = [record.sharing, ...(await this.#options.epochs.sharings(record.sharing.epoch)).map(({ document }) => document)]
    let last = Math.max(...earlier.flatMap(({ holders }) => holders.map(({ point }) => point)))
    const holders = peers
      .map(peer => ({ peer, point: sharing.holders.find(holder => holder.peer === peer)?.point ?? ++last }))
      .sort((a, b) => a.point - b.point)
    this.#demandUp(holders, holders.length)
    return await this.#round(known, 'reshare', dealers, threshold, holders, signal)
  }

  /** Whether this party holds a share of the sharing in force, where it should. @throws StaleSharingError saying what to do */
  async checkShare({ sharing, cryptography }: SharedEpoch): Promise<void> {
    if (!sharing.holders.some(({ peer }) => peer === this.#options.self)) return
    const held = await cryptography.held()
    if (held?.lineage === sharing.lineage) return
    throw new StaleSharingError({
      peer: this.#options.self,
      kind: 'sharing',
      field: 'generation',
      expected: `${sharing.generation}`,
      actual: held === undefined ? 'no share' : `${held.generation}`,
      remedy: 'This holder must be given a new share: slytherin cohort reshare, at the evaluator.'
    })
  }

  async #round(
    known: SharedEpoch,
    what: 'zero' | 'reshare',
    dealers: readonly Holder[],
    threshold: number,
    holders: readonly Holder[],
    signal: AbortSignal
  ): Promise<Signed<SharingRecord>> {
    const { signer, caller, epochs, up, onProgress, onRefused, now = Date.now } = this.#options
    const before = known.sharing
    const { epoch } = before
    const progress = (step: string): void => onProgress?.({ epoch, step, done: 0, total: 0 })
    const terms = { epoch, before, what, dealers, threshold, holders }
    const named = (fault: SessionAbortedError): void => onRefused?.(fault, fault.culprit ?? '')
    const record = await runRound(terms, { signer, caller, cryptography: known.cryptography, progress, named, now }, signal)
    await epochs.putSharing(record)
    await this.follow(known)
    // Who is not up hears it as a document when it is back.
    const everybody = [...new Set([...before.holders, ...holders].map(({ peer }) => peer))].filter(up)
    await putInForce(record, everybody, caller, signal)
    return record
  }

  /** @throws PartyMissingError unless so many of them are up */
  #demandUp(holders: readonly Holder[], needed: number): void {
    const missing = holders.map(({ peer }) => peer).filter(peer => !this.#options.up(peer))
    if (holders.length - missing.length >= needed) return
    throw new PartyMissingError({
      peer: missing[0]!,
      phase: 'sharing',
      reason: `${holders.length - missing.length} of ${holders.length} holders are up, ${needed} are needed`,
      remedy: `Start ${missing.join(', ')}, or reshare without: slytherin cohort leave.`
    })
  }

  /** Goes from sharing to sharing as far as the signed records lead; takes the share of the last one, or lets go of what this party holds no more. */
  async follow(known: SharedEpoch): Promise<void> {
    const { epochs, signer, self, onRefused } = this.#options
    const { epoch } = known.record.sharing
    const records = await epochs.sharings(epoch)
    for (;;) {
      const next = records.find(({ document }) => document.generation === known.sharing.generation + 1)
      if (next === undefined) break
      SHARING.check!(next.document, self)
      await checkSharing(next, known.sharing, signer, self)
      known.sharing = next.document
    }
    const { generation, lineage, threshold, holders } = known.sharing
    if (generation === 0) return
    const { cryptography } = known
    const held = await cryptography.held()
    if (!holders.some(({ peer }) => peer === self)) {
      if (held !== undefined) await cryptography.erase()
      return
    }
    if (held?.lineage === lineage) return
    try {
      await cryptography.adopt({ generation, lineage, threshold, points: holders.map(({ point }) => point) })
    } catch (error) {
      // It was away when shares were dealt, or works from a backup: it gives none until it is dealt to again.
      onRefused?.(error instanceof Error ? error : new Error(String(error)), self)
    }
  }
}
