/** What a holder answers of epochs: ceremonies, and shares of evaluation keys for epochs that are in force. */
import { MalformedMessageError, OutOfOrderMessageError } from '../../errors/errors.js'
import type { Signer } from '../../terms/signer.js'
import type { Responder } from '../calls/responder.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { EpochCryptography } from '../cryptography/service.js'
import type { ShareCommitmentDocument } from '../objects/ceremony.js'
import { EPOCH, EPOCH_PROPOSAL, type EpochProposal, type EpochRecord, type SharingRecord } from '../objects/epoch.js'
import { checkFollowing } from '../objects/following.js'
import { checkInForce } from '../objects/sharing-check.js'
import { checkSigned, identify, parseSigned, type Signed, sign, withSignatures } from '../objects/signed.js'
import * as calls from './calls.js'
import { Ceremony } from './ceremony.js'
import { checkProposal, type EpochPolicy } from './policy.js'
import { checkCommitments, checkShown, commitToShare, madeInRoundTwo } from './share-commitments.js'

export interface HolderMeans {
  readonly self: string
  readonly signer: Signer
  readonly policy: EpochPolicy
  receiverKey(): Promise<Uint8Array>
  /** Opens the cryptography of an epoch that is being made. */
  openNew(proposal: EpochProposal, epoch: string): Promise<EpochCryptography>
  /** The epoch is in force: keeps the record. The cryptography is the epoch's from now on. */
  keep(record: Signed<EpochRecord>, cryptography: EpochCryptography): Promise<void>
  /** An epoch that is in force. @throws EpochRefusedError */
  known(epoch: string): Promise<{ record: EpochRecord; sharing: SharingRecord; cryptography: EpochCryptography }>
  /** A ceremony has come to nothing. */
  abandoned(culprit: string, reason: string): void
}

/** Ceremonies that one party keeps in memory. */
const MAXIMUM_CEREMONIES = 4

export class EpochHolder {
  readonly #means: HolderMeans
  readonly #ceremonies = new Map<string, Ceremony>()

  constructor(means: HolderMeans) {
    this.#means = means
  }

  register(responder: Responder): void {
    const { policy } = this.#means
    const coordinator = (peer: string): string | undefined => (policy.evaluator(peer) ? undefined : 'an evaluator of the roster')
    responder.on(calls.PROPOSE, coordinator, async ({ head }, { peer }) => ({ head: await this.#propose(head.proposal, peer) }))
    responder.on(calls.OPEN, coordinator, async ({ head }, { peer }) => {
      const proposal = parseSigned(EPOCH_PROPOSAL, head.proposal, peer)
      return { head: { nonce: await this.#of(proposal.document, peer).open(proposal, head.entries) } }
    })
    responder.on(calls.DEAL, coordinator, async ({ head }, { peer }) => {
      const { dealt, announcement, envelopes } = await this.#ceremony(head.ceremony, peer).deal(head.nonces)
      return { head: { dealt }, blobs: [announcement, ...envelopes] }
    })
    responder.on(calls.RECEIVE, coordinator, async ({ head, blobs }, { peer }) => {
      const ceremony = this.#ceremony(head.ceremony, peer)
      const count = ceremony.proposal.holders.length
      exactly(blobs, 2 * count, 'epoch/receive', peer)
      return { head: await ceremony.receive(head.dealt, blobs.slice(0, count), blobs.slice(count)) }
    })
    responder.on(calls.ANSWER, coordinator, async ({ head }, { peer }) => {
      const { dealt, answer } = await this.#ceremony(head.ceremony, peer).answer(head.contributions)
      return { head: { dealt }, blobs: [answer] }
    })
    responder.on(calls.CHECK, coordinator, async ({ head, blobs }, { peer }) => ({
      head: { complaints: await this.#ceremony(head.ceremony, peer).check(head.dealt, blobs) }
    }))
    responder.on(calls.DISPUTE, coordinator, async ({ head }, { peer }) => ({
      head: {},
      blobs: [await this.#ceremony(head.ceremony, peer).dispute(head.complaint)]
    }))
    responder.on(calls.ENVELOPE, coordinator, async ({ head }, { peer }) => ({
      head: {},
      blobs: [this.#ceremony(head.ceremony, peer).envelopeOf(head.dealer)]
    }))
    responder.on(calls.JUDGE, coordinator, async ({ head, blobs }, { peer }) => ({
      head: { ...(await this.#ceremony(head.ceremony, peer).judge(head.complaint, blobs)) }
    }))
    responder.on(calls.COMPLETE, coordinator, async ({ head }, { peer }) => ({
      head: { ...(await this.#ceremony(head.ceremony, peer).complete()) }
    }))
    responder.on(calls.PUBLIC_KEY_COMMIT, coordinator, async ({ head }, { peer }) => ({
      head: { commitment: await this.#ceremony(head.ceremony, peer).commitPublicKey(head.attempt) }
    }))
    responder.on(calls.PUBLIC_KEY_SHOW, coordinator, async ({ head }, { peer }) => ({
      head: {},
      blobs: [await this.#ceremony(head.ceremony, peer).showPublicKey(head.attempt, head.commitments)]
    }))
    responder.on(calls.PUBLIC_KEY_SUM, coordinator, async ({ head, blobs }, { peer }) => ({
      head: { hash: await this.#ceremony(head.ceremony, peer).sumPublicKey(head.attempt, head.commitments, blobs) }
    }))
    responder.on(calls.SIGN_RECORD, coordinator, async ({ head }, { peer }) => ({
      head: { record: await this.#ceremony(head.ceremony, peer).sign(head.record) }
    }))
    responder.on(calls.KEEP_RECORD, coordinator, async ({ head }, { peer }) => {
      await this.#keep(parseSigned(EPOCH, head.record, peer), peer)
      return { head: {} }
    })
    responder.on(calls.ABANDON, coordinator, async ({ head }, { peer }) => {
      const ceremony = this.#ceremonies.get(head.ceremony)
      if (ceremony === undefined || ceremony.proposal.evaluator !== peer) return { head: {} }
      this.#ceremonies.delete(head.ceremony)
      await ceremony.dispose()
      this.#means.abandoned(head.culprit, head.reason)
      return { head: {} }
    })
    this.#registerKeys(responder, coordinator)
  }

  async dispose(): Promise<void> {
    for (const ceremony of this.#ceremonies.values()) await ceremony.dispose()
    this.#ceremonies.clear()
  }

  #registerKeys(responder: Responder, coordinator: (peer: string) => string | undefined): void {
    const { self, signer } = this.#means
    responder.on(calls.ONE_COMMIT, coordinator, async ({ head: { epoch, attempt, level } }, { peer }) => {
      const { cryptography } = await this.#asked(epoch, attempt, 'key/one-commit', peer)
      const share = await cryptography.relinearizationShareOne(attempt, level)
      const commitment = await commitToShare({ self, signer, epoch, protocol: 'relinearization-1', attempt, made: level, share })
      return { head: { commitment } }
    })
    responder.on(calls.ONE_SHOW, coordinator, async ({ head: { epoch, attempt, level, commitments } }, { peer }) => {
      const { cryptography } = await this.#committed(epoch, attempt, level, commitments, 'key/one-show', peer)
      return { head: {}, blobs: [await cryptography.relinearizationShareOne(attempt, level)] }
    })
    responder.on(calls.TWO, coordinator, async ({ head: { epoch, attempt, level, commitments }, blobs }, { peer }) => {
      const { cryptography } = await this.#committed(epoch, attempt, level, commitments, 'key/two', peer)
      await checkShown(commitments, blobs, peer, 'key/two')
      const made = madeInRoundTwo(level, commitments)
      const share = await cryptography.relinearizationShareTwo(attempt, level, [...blobs])
      const commitment = await commitToShare({ self, signer, epoch, protocol: 'relinearization-2', attempt, made, share })
      return { head: { commitment }, blobs: [share] }
    })
    responder.on(calls.GALOIS, coordinator, async ({ head: { epoch, attempt, level, element } }, { peer }) => {
      const { cryptography } = await this.#asked(epoch, attempt, 'key/galois', peer)
      const share = await cryptography.galoisShare(attempt, element, level)
      const commitment = await commitToShare({ self, signer, epoch, protocol: 'galois', attempt, made: { element, level }, share })
      return { head: { commitment }, blobs: [share] }
    })
  }

  async #propose(
    given: Signed<EpochProposal>,
    peer: string
  ): Promise<{ proposal: Signed<EpochProposal>; entry: Signed<import('../objects/ceremony.js').Entry> }> {
    const { self, signer, policy } = this.#means
    const { document, signatures } = parseSigned(EPOCH_PROPOSAL, given, peer)
    checkProposal(document, policy, self, peer)
    if (document.follows !== undefined) {
      const before = await this.#means.known(document.follows)
      checkFollowing(document, before.record, before.sharing, peer)
    }
    const known = this.#ceremonies.get(identify(EPOCH_PROPOSAL, document))
    const ceremony = known ?? new Ceremony(document, this.#ceremonyMeans())
    if (known === undefined) {
      // An evaluator has one ceremony at a time: another one means that it gave the last up.
      for (const [identifier, other] of this.#ceremonies) {
        if (other.proposal.evaluator !== peer && this.#ceremonies.size < MAXIMUM_CEREMONIES) continue
        this.#ceremonies.delete(identifier)
        await other.dispose()
      }
      this.#ceremonies.set(ceremony.identifier, ceremony)
    }
    const entry = await ceremony.enter(async () => await this.#means.receiverKey())
    return { proposal: withSignatures(document, [...signatures, await sign(EPOCH_PROPOSAL, document, signer)]), entry }
  }

  async #keep(record: Signed<EpochRecord>, peer: string): Promise<void> {
    await checkSigned(EPOCH, record, this.#means.signer, peer)
    const found = [...this.#ceremonies].find(([, { proposal }]) => proposal.nonce === record.document.proposal.nonce)
    // Told again after it was kept.
    if (found === undefined) {
      await this.#means.known(record.document.sharing.epoch)
      return
    }
    const [identifier, ceremony] = found
    // What is kept is what was signed here, whatever is handed over.
    await ceremony.sign(record)
    await ceremony.adopt()
    await this.#means.keep(record, ceremony.cryptography)
    this.#ceremonies.delete(identifier)
  }

  #ceremonyMeans(): ConstructorParameters<typeof Ceremony>[1] {
    const { self, signer } = this.#means
    return { self, signer, open: async (proposal, epoch) => await this.#means.openNew(proposal, epoch) }
  }

  #of(proposal: EpochProposal, peer: string): Ceremony {
    const found = [...this.#ceremonies.values()].find(ceremony => ceremony.proposal.nonce === proposal.nonce)
    return found ?? unknownCeremony(peer)
  }

  #ceremony(identifier: string, peer: string): Ceremony {
    const ceremony = this.#ceremonies.get(identifier)
    if (ceremony === undefined || ceremony.proposal.evaluator !== peer) return unknownCeremony(peer)
    return ceremony
  }

  /** @throws MalformedMessageError for an attempt that is none of this epoch's keys */
  async #asked(epoch: string, attempt: AttemptName, kind: string, peer: string): ReturnType<HolderMeans['known']> {
    const known = await this.#means.known(epoch)
    const { evaluator } = known.record.proposal
    if (evaluator !== peer)
      throw new MalformedMessageError({ peer, kind, field: 'epoch', expected: `the evaluator ${evaluator}`, actual: peer })
    if (attempt.query !== 'keys')
      throw new MalformedMessageError({ peer, kind, field: 'attempt.query', expected: 'keys', actual: attempt.query })
    checkInForce(attempt, known.sharing, this.#means.self, kind, peer)
    return known
  }

  async #committed(
    epoch: string,
    attempt: AttemptName,
    level: number,
    commitments: readonly Signed<ShareCommitmentDocument>[],
    kind: string,
    peer: string
  ): ReturnType<HolderMeans['known']> {
    const known = await this.#asked(epoch, attempt, kind, peer)
    const peers = attempt.active.map(point => known.sharing.holders.find(holder => holder.point === point)?.peer ?? '')
    await checkCommitments(commitments, {
      epoch,
      protocol: 'relinearization-1',
      attempt,
      made: level,
      peers,
      signer: this.#means.signer,
      peer,
      kind
    })
    return known
  }
}

function exactly(blobs: readonly Uint8Array[], count: number, kind: string, peer: string): void {
  if (blobs.length !== count)
    throw new MalformedMessageError({ peer, kind, field: 'blobs', expected: `${count}`, actual: `${blobs.length}` })
}

function unknownCeremony(peer: string): never {
  throw new OutOfOrderMessageError({
    peer,
    kind: 'epoch',
    field: 'ceremony',
    expected: 'one that this party has entered',
    actual: 'unknown here: it was abandoned, or this party has been restarted',
    remedy: 'Make the epoch anew: slytherin cohort create.'
  })
}
