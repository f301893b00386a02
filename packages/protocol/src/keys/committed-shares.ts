/**
 * Commit, then reveal, as one party lives it: its own commitment where it is a key holder, everybody's commitments, then their shares.
 *
 * Who shows its share last has seen the others' and could choose its own so that the sum is what it likes; so every holder is bound to its share before any
 * is shown, and a holder shows nothing before it has everybody's commitments.
 */
import { equalBytes, hash, randomBytes } from '../base/digest.js'
import { MalformedMessageError, OutOfOrderMessageError, ShareConflictError, SignatureError, UnknownMemberError } from '../errors/errors.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { peersWith } from '../terms/roster.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, Kind } from '../wire/kinds.js'
import { type Binding, checkCommitment, checkRevealed } from './checks.js'
import { type CommittedProtocol, commitmentDigest, SALT_BYTES, shareCommitment, shareDigest } from './digests.js'

type Entries = readonly Bodies['publicKeyCommitments']['entries'][number][]

export class CommittedShares {
  readonly #protocol: CommittedProtocol
  readonly #party: Pick<PartyComponents, 'self' | 'signer' | 'shareChecks'>
  #own: { salt: Uint8Array; commitment: Uint8Array; shareHash: Uint8Array } | undefined
  #commitments: ReadonlyMap<string, Uint8Array> | undefined
  /** Hashes of the shares taken, by holder. */
  readonly #taken = new Map<string, Uint8Array>()

  constructor(protocol: CommittedProtocol, party: Pick<PartyComponents, 'self' | 'signer' | 'shareChecks'>) {
    this.#protocol = protocol
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#own = undefined
    this.#commitments = undefined
    this.#taken.clear()
  }

  /** Holders whose share was taken. */
  get count(): number {
    return this.#taken.size
  }

  /** Binds this party to its share; again for the same share, the same commitment. */
  async commit(session: PartySession, share: Uint8Array): Promise<Bodies['shareCommitment']> {
    const { self, signer } = this.#party
    const sessionId = session.record.sessionId!
    if (this.#own === undefined) {
      const shareHash = await hash(share)
      const salt = randomBytes(SALT_BYTES)
      this.#own ??= { salt, shareHash, commitment: shareCommitment(this.#protocol, sessionId, self, shareHash, salt) }
    }
    const { commitment } = this.#own
    return { commitment, signature: await signer.sign(commitmentDigest(this.#protocol, sessionId, self, commitment)) }
  }

  /** @throws OutOfOrderMessageError unless everybody's commitments are here */
  requireCommitments(kind: Kind, context: HandlerContext): void {
    if (this.#own !== undefined && this.#commitments !== undefined) return
    throw new OutOfOrderMessageError({
      peer: context.peer,
      kind,
      field: 'commitments',
      expected: 'the commitments of all key holders before a share is shown',
      actual: this.#own === undefined ? 'no commitment of this party' : 'none'
    })
  }

  /** Shows this party's share. @throws OutOfOrderMessageError unless everybody's commitments are here */
  async reveal(session: PartySession, kind: Kind, share: Uint8Array, context: HandlerContext): Promise<Bodies['revealedShare']> {
    this.requireCommitments(kind, context)
    const { self, signer } = this.#party
    const own = this.#own!
    own.shareHash = await hash(share)
    const signature = await signer.sign(shareDigest(this.#protocol, session.record.sessionId!, self, own.shareHash, own.salt))
    return { share, salt: own.salt, signature }
  }

  /** Takes everybody's commitments, which stand from here on. @throws MalformedMessageError, SignatureError, ShareConflictError; then nothing was taken */
  async takeCommitments(session: PartySession, kind: Kind, entries: Entries, context: HandlerContext): Promise<void> {
    const { peer } = context
    const holders = peersWith(session.descriptor.roster, 'key-holder')
    if (entries.length !== holders.length || entries.some((entry, place) => entry.peer !== holders[place])) {
      throw new MalformedMessageError({
        peer,
        kind,
        field: 'entries',
        expected: holders.join(', '),
        actual: entries.map(entry => entry.peer.slice(0, 80)).join(', ')
      })
    }
    for (const entry of entries) {
      await checkCommitment(this.#binding(session), entry, { peer, kind, holder: entry.peer }, `entries[${entry.peer}]`)
    }
    const own = entries.find(entry => entry.peer === this.#party.self)
    if (own !== undefined && (this.#own === undefined || !equalBytes(own.commitment, this.#own.commitment))) {
      throw new SignatureError({ peer, kind, field: `entries[${own.peer}]`, expected: 'the commitment of this party', culprit: peer })
    }
    for (const entry of entries) {
      const known = this.#commitments?.get(entry.peer)
      if (known === undefined || equalBytes(known, entry.commitment)) continue
      throw new ShareConflictError({
        peer,
        kind,
        field: `entries[${entry.peer}]`,
        reason: `${entry.peer} has signed two different commitments`,
        culprit: entry.peer
      })
    }
    this.#commitments ??= new Map(entries.map(entry => [entry.peer, entry.commitment]))
  }

  /**
   * Checks a share that was handed on; it counts once `accepted` is called with its hash.
   * @returns its hash, and whether the very same share was taken before
   * @throws UnknownMemberError, OutOfOrderMessageError, MalformedMessageError, SignatureError, ShareConflictError
   */
  async check(
    session: PartySession,
    kind: Kind,
    body: Bodies['publicKeyPart'],
    bytes: number,
    context: HandlerContext
  ): Promise<{ hash: Uint8Array; again: boolean }> {
    const { peer } = context
    if (!peersWith(session.descriptor.roster, 'key-holder').includes(body.peer)) {
      throw new UnknownMemberError({ peer, kind, field: 'peer', expected: 'a key holder of the roster', actual: body.peer.slice(0, 120) })
    }
    const commitment = this.#commitments?.get(body.peer)
    if (commitment === undefined) {
      throw new OutOfOrderMessageError({ peer, kind, field: 'share', expected: `the commitment of ${body.peer} first`, actual: 'a share' })
    }
    const shareHash = await checkRevealed(this.#binding(session), body, commitment, { peer, kind, holder: body.peer }, bytes)
    if (body.peer === this.#party.self && (this.#own === undefined || !equalBytes(this.#own.shareHash, shareHash))) {
      throw new SignatureError({ peer, kind, field: 'share', expected: 'the share that this party gave', culprit: peer })
    }
    const known = this.#taken.get(body.peer)
    if (known !== undefined && !equalBytes(known, shareHash)) {
      throw new ShareConflictError({
        peer,
        kind,
        field: 'share',
        reason: `${body.peer} has signed two different shares`,
        culprit: body.peer
      })
    }
    return { hash: shareHash, again: known !== undefined }
  }

  /** A share that was checked has been used. */
  accepted(holder: string, shareHash: Uint8Array): void {
    this.#taken.set(holder, shareHash)
  }

  #binding(session: PartySession): Binding {
    return { protocol: this.#protocol, sessionId: session.record.sessionId!, checks: this.#party.shareChecks }
  }
}
