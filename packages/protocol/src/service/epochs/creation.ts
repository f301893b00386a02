/**
 * The evaluator's side of making an epoch. Everything passes through its hands, nothing of it can be changed there: what holders send is signed, what is dealt is
 * sealed, and everybody compares what came of it before the record is signed.
 *
 *   proposal signed by all, entries → nonces → dealing → coin → answers → checks (complaints) → the new sharing → public key by an active set → record
 */
import { together, widthFor } from '../../base/concurrency.js'
import { PartyMissingError, type ProtocolError, PublicKeyMismatchError, SessionAbortedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import type { Signer } from '../../terms/signer.js'
import type { CallKind, Message } from '../calls/call.js'
import type { Caller } from '../calls/caller.js'
import type { AttemptName, SharingName } from '../cryptography/epoch.js'
import type { ComplaintDocument } from '../objects/ceremony.js'
import { EPOCH, EPOCH_PROPOSAL, type EpochProposal, type EpochRecord, epochIdentifier, type Holder } from '../objects/epoch.js'
import { checkSigned, identify, type Signature, type Signed, sign, withSignatures } from '../objects/signed.js'
import * as calls from './calls.js'

export interface CreationMeans {
  readonly signer: Signer
  readonly caller: Caller
  /** What has been done and what is next, in plain words. */
  progress(step: string): void
}

/** The active set of an epoch's first keys: the first t holders. */
function firstAttempt(sharing: SharingName, step: string, number = 0): AttemptName {
  return { sharing, query: 'keys', step, number, active: sharing.points.slice(0, sharing.threshold) }
}

/**
 * Makes the key of an epoch with all of its holders.
 *
 * @returns the record that all have signed: whoever keeps it tells the holders (`putEpochInForce`), who give no share of it before
 * @throws PartyMissingError for a holder that does not answer; SessionAbortedError naming who broke the ceremony
 */
export async function createEpoch(proposal: EpochProposal, means: CreationMeans, signal: AbortSignal): Promise<Signed<EpochRecord>> {
  const creation = new Creation(proposal, means, signal)
  try {
    return await creation.run()
  } catch (error) {
    const failure = creation.failure(error)
    await creation.abandon(failure)
    throw failure
  }
}

/**
 * Tells the holders that the epoch is in force: from now on nothing takes it back. One that is gone meanwhile has signed, and lost its share: it is dealt to again by a
 * resharing.
 */
export async function putEpochInForce(
  record: Signed<EpochRecord>,
  caller: Caller,
  signal: AbortSignal,
  onRefused: (error: Error, peer: string) => void
): Promise<void> {
  await Promise.all(
    record.document.proposal.holders.map(async ({ peer }) => {
      await caller
        .call(peer, calls.KEEP_RECORD, { record }, [], { signal })
        .catch(error => onRefused(translateError(error, { peer }), peer))
    })
  )
}

class Creation {
  readonly #proposal: EpochProposal
  readonly #means: CreationMeans
  readonly #signal: AbortSignal
  readonly #ceremony: string
  #step = 'proposal'

  constructor(proposal: EpochProposal, means: CreationMeans, signal: AbortSignal) {
    this.#proposal = proposal
    this.#means = means
    this.#signal = signal
    this.#ceremony = identify(EPOCH_PROPOSAL, proposal)
  }

  async run(): Promise<Signed<EpochRecord>> {
    const { signer } = this.#means
    const ceremony = this.#ceremony
    const proposal = this.#proposal
    const { holders } = proposal

    this.#tell('proposal')
    const own = withSignatures(proposal, [await sign(EPOCH_PROPOSAL, proposal, signer)])
    const entered = await this.#all(calls.PROPOSE, () => ({ proposal: own }))
    const signatures: Signature[] = entered.flatMap(({ head }, k) =>
      head.proposal.signatures.filter(({ peer }) => peer === holders[k]!.peer)
    )
    const signed = withSignatures(proposal, [...own.signatures, ...signatures])
    await checkSigned(EPOCH_PROPOSAL, signed, signer, signer.self)
    const entries = entered.map(({ head }) => head.entry)
    const nonces = (await this.#all(calls.OPEN, () => ({ proposal: signed, entries }))).map(({ head }) => head.nonce)

    this.#tell('dealing')
    const dealt = await this.#all(calls.DEAL, () => ({ ceremony, nonces }))
    this.#counted(dealt, holders.length + 1, 'an announcement and one envelope for each holder')
    const announcements = dealt.map(({ blobs }) => blobs[0]!)
    const received = await this.#all(
      calls.RECEIVE,
      () => ({ ceremony, dealt: dealt.map(({ head }) => head.dealt) }),
      k => [...announcements, ...dealt.map(({ blobs }) => blobs[k + 1]!)]
    )
    await this.#hear(received.flatMap(({ head }) => head.complaints))
    const contributions = received.map(({ head }) => head.contribution)

    this.#tell('checks of what was dealt')
    const answered = await this.#all(calls.ANSWER, () => ({ ceremony, contributions }))
    this.#counted(answered, 1, 'an answer')
    const checked = await this.#all(
      calls.CHECK,
      () => ({ ceremony, dealt: answered.map(({ head }) => head.dealt) }),
      () => answered.map(({ blobs }) => blobs[0]!)
    )
    await this.#hear(checked.flatMap(({ head }) => head.complaints))
    const sharings = (await this.#all(calls.COMPLETE, () => ({ ceremony }))).map(({ head }) => head as SharingName)
    const sharing = sharings[0]!
    const other = sharings.findIndex(({ lineage }) => lineage !== sharing.lineage)
    if (other >= 0) throw this.#blame(holders[other]!, 'it has come to another sharing than the others')

    this.#tell('public key')
    const publicKey = await this.#publicKey(sharing)
    const record: EpochRecord = {
      kind: 'epoch',
      version: 1,
      proposal,
      nonces,
      sharing: {
        kind: 'sharing',
        version: 1,
        epoch: epochIdentifier(proposal, nonces),
        generation: sharing.generation,
        lineage: sharing.lineage,
        threshold: sharing.threshold,
        holders: [...holders]
      },
      publicKey
    }
    this.#tell('record')
    const first = withSignatures(record, [await sign(EPOCH, record, signer)])
    const records = await this.#all(calls.SIGN_RECORD, () => ({ ceremony, record: first }))
    const whole = withSignatures(record, [
      ...first.signatures,
      ...records.flatMap(({ head }, k) => head.record.signatures.filter(({ peer }) => peer === holders[k]!.peer))
    ])
    await checkSigned(EPOCH, whole, signer, signer.self)
    return whole
  }

  /** Committed to by the active holders, then shown, then summed by everybody. @returns its hash */
  async #publicKey(sharing: SharingName): Promise<string> {
    const ceremony = this.#ceremony
    const { holders } = this.#proposal
    const attempt = firstAttempt(sharing, 'public-key')
    const active = holders.filter(({ point }) => attempt.active.includes(point))
    const committed = await this.#all(calls.PUBLIC_KEY_COMMIT, () => ({ ceremony, attempt }), undefined, active)
    const commitments = committed.map(({ head }) => head.commitment)
    const shown = await this.#all(calls.PUBLIC_KEY_SHOW, () => ({ ceremony, attempt, commitments }), undefined, active)
    this.#counted(shown, 1, 'a share', active)
    const shares = shown.map(({ blobs }) => blobs[0]!)
    const summed = await this.#all(
      calls.PUBLIC_KEY_SUM,
      () => ({ ceremony, attempt, commitments }),
      () => shares
    )
    const hash = summed[0]!.head.hash
    const other = summed.findIndex(({ head }) => head.hash !== hash)
    if (other >= 0) {
      const { peer } = holders[other]!
      throw new PublicKeyMismatchError({ peer, field: 'publicKey', expected: hash, actual: summed[other]!.head.hash, culprit: peer })
    }
    return hash
  }

  /** Complaints are judged by everybody; who is found guilty ends the ceremony under its name. */
  async #hear(complaints: readonly Signed<ComplaintDocument>[]): Promise<void> {
    const ceremony = this.#ceremony
    const { holders } = this.#proposal
    for (const complaint of complaints) {
      const dealer = holders.find(({ point }) => point === complaint.document.dealer)!
      const receiver = holders.find(({ point }) => point === complaint.document.receiver)!
      const [envelope] = await this.#all(calls.ENVELOPE, () => ({ ceremony, dealer: dealer.point }), undefined, [receiver])
      const opening = await this.#all(calls.DISPUTE, () => ({ ceremony, complaint }), undefined, [dealer]).catch(() => [])
      const blobs = [envelope!.blobs[0]!, ...opening.flatMap(message => message.blobs.slice(0, 1))]
      const verdicts = await this.#all(
        calls.JUDGE,
        () => ({ ceremony, complaint }),
        () => blobs
      )
      const [verdict] = verdicts
      const dissenter = verdicts.findIndex(({ head }) => head.guilty !== verdict!.head.guilty || head.point !== verdict!.head.point)
      if (dissenter >= 0) throw this.#blame(holders[dissenter]!, 'it judges otherwise than the others')
      const guilty = verdict!.head.guilty === 'dealer' ? dealer : receiver
      throw this.#blame(guilty, verdict!.head.because)
    }
  }

  /** @param of every holder when not given */
  async #all<Q, R>(
    kind: CallKind<Q, R>,
    head: (k: number) => Q,
    blobs: (k: number) => readonly Uint8Array[] = () => [],
    of: readonly Holder[] = this.#proposal.holders
  ): Promise<Message<R>[]> {
    return await together(
      of,
      this.#signal,
      async ({ peer }, signal, k) => {
        try {
          return await this.#means.caller.call(peer, kind, head(k), blobs(k), { signal })
        } catch (error) {
          signal.throwIfAborted()
          throw this.#of(peer, error)
        }
      },
      widthFor(blobs(0))
    )
  }

  #counted(messages: readonly Message<unknown>[], count: number, expected: string, of: readonly Holder[] = this.#proposal.holders): void {
    const wrong = messages.findIndex(({ blobs }) => blobs.length !== count)
    if (wrong >= 0) throw this.#blame(of[wrong]!, `it sent ${messages[wrong]!.blobs.length} byte strings in place of ${expected}`)
  }

  #tell(step: string): void {
    this.#step = step
    this.#means.progress(step)
  }

  #blame({ peer }: Holder, reason: string): SessionAbortedError {
    return new SessionAbortedError({ culprit: peer, reason, phase: this.#step })
  }

  /** What a call to a holder ended with. */
  #of(peer: string, error: unknown): ProtocolError {
    const typed = translateError(error, { peer })
    if (typed.code === 'peer-unreachable' || typed.code === 'deadline-exceeded') {
      return new PartyMissingError({ peer, phase: this.#step, reason: typed.message }, { cause: error })
    }
    return typed
  }

  failure(error: unknown): ProtocolError {
    return translateError(error, {})
  }

  /** Everybody hears that it has come to nothing, and why; who does not listen is not waited for. */
  async abandon(failure: ProtocolError): Promise<void> {
    const culprit = (failure.culprit ?? failure.peer ?? this.#means.signer.self).slice(0, 500)
    const reason = (failure.reason ?? failure.message).slice(0, 500)
    await Promise.allSettled(
      this.#proposal.holders.map(
        async ({ peer }) =>
          await this.#means.caller.call(peer, calls.ABANDON, { ceremony: this.#ceremony, culprit, reason }, [], {
            signal: AbortSignal.timeout(5000)
          })
      )
    )
  }
}
