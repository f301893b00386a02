/**
 * The collective public key as each party makes it for itself: every key holder is bound to its share before any is shown (committed-shares.ts), the shares
 * arrive with their holders' signatures, and the key is their sum. Then everybody signs the sum and sees that everybody else has signed the same one.
 *
 * A coordinator that alters, leaves out or replaces a share, or shows two parties different ones, is found out here, before anything is encrypted.
 */

import { equalBytes } from '../base/digest.js'
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { holderAtFault } from '../cryptography/rejected-share.js'
import type { SessionCryptography } from '../cryptography/session.js'
import { MalformedMessageError, OutOfOrderMessageError, PublicKeyMismatchError, SignatureError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { peersWith } from '../terms/roster.js'
import { checkHash } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, Kind } from '../wire/kinds.js'
import { CommittedShares } from './committed-shares.js'
import { confirmationDigest } from './digests.js'

export class PublicKeyDuty {
  readonly #party: PartyComponents<SessionCryptography & KeyHolderCryptography>
  readonly #committed: CommittedShares
  /** Until they are summed. */
  readonly #shares = new Map<string, Uint8Array>()
  #summing: Promise<Uint8Array> | undefined
  #keyHash: Uint8Array | undefined

  constructor(party: PartyComponents<SessionCryptography & KeyHolderCryptography>) {
    this.#party = party
    this.#committed = new CommittedShares('public key', party)
  }

  /** A new session begins. */
  reset(): void {
    this.#committed.reset()
    this.#shares.clear()
    this.#summing = undefined
    this.#keyHash = undefined
  }

  readonly handlers: Handlers = {
    publicKeyCommit: async (_body, context) => {
      const session = this.#session('publicKeyCommit', context)
      return await this.#committed.commit(session, await this.#party.cryptography.publicKeyShare())
    },

    publicKeyCommitments: async ({ entries }, context) => {
      const kind = 'publicKeyCommitments'
      await this.#committed.takeCommitments(this.#session(kind, context), kind, entries, context)
      return {}
    },

    publicKeyShare: async (_body, context) => {
      const kind = 'publicKeyShare'
      const session = this.#session(kind, context)
      this.#committed.requireCommitments(kind, context)
      return await this.#committed.reveal(session, kind, await this.#party.cryptography.publicKeyShare(), context)
    },

    publicKeyPart: async (body, context) => {
      const kind = 'publicKeyPart'
      const session = this.#session(kind, context)
      const { hash, again } = await this.#committed.check(session, kind, body, session.record.sizes.publicKeyShare, context)
      if (!again) {
        this.#committed.accepted(body.peer, hash)
        this.#shares.set(body.peer, body.share)
      }
      const holders = peersWith(session.descriptor.roster, 'key-holder')
      this.#party.progress({ phase: 'public-key', done: this.#committed.count, total: holders.length, peer: body.peer })
      if (this.#committed.count === holders.length) await this.#sum(holders, context)
      return {}
    },

    publicKeyConfirm: async (_body, context) => {
      const kind = 'publicKeyConfirm'
      const session = this.#session(kind, context)
      const hash = this.#summed(kind, context)
      const { self, signer } = this.#party
      return { hash, signature: await signer.sign(confirmationDigest(session.record.sessionId!, self, hash)) }
    },

    publicKeyConfirmed: async ({ entries }, context) => {
      const kind = 'publicKeyConfirmed'
      const session = this.#session(kind, context)
      await this.#checkConfirmations(session, this.#summed(kind, context), entries, context)
      session.advance('keyed')
      return {}
    }
  }

  #session(kind: Kind, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('open', kind, context)
    return session
  }

  /** Hash of this party's own sum. @throws OutOfOrderMessageError before there is one */
  #summed(kind: Kind, context: HandlerContext): Uint8Array {
    if (this.#keyHash !== undefined) return this.#keyHash
    throw new OutOfOrderMessageError({
      peer: context.peer,
      kind,
      field: 'stage',
      expected: 'the shares of all key holders',
      actual: `${this.#committed.count} of them`
    })
  }

  async #sum(holders: readonly string[], context: HandlerContext): Promise<void> {
    this.#summing ??= this.#party.cryptography.setPublicKey(holders.map(holder => this.#shares.get(holder)!))
    try {
      this.#keyHash = await this.#summing
      // The hashes stay, to recognise repetitions.
      this.#shares.clear()
    } catch (error) {
      // A share that its holder signed is no share: nothing that could be repaired by asking again.
      this.#summing = undefined
      const culprit = holderAtFault(error, holders)
      throw culprit === undefined ? error : translateError(error, { peer: context.peer, kind: 'publicKeyPart', field: 'share', culprit })
    }
  }

  /** Every party of the roster, in its order, has signed the sum that was made here. */
  async #checkConfirmations(
    session: PartySession,
    own: Uint8Array,
    entries: Bodies['publicKeyConfirmed']['entries'],
    { peer }: HandlerContext
  ): Promise<void> {
    const kind = 'publicKeyConfirmed'
    const expected = session.descriptor.roster.map(entry => entry.peer)
    if (entries.length !== expected.length || entries.some((entry, place) => entry.peer !== expected[place])) {
      throw new MalformedMessageError({
        peer,
        kind,
        field: 'entries',
        expected: expected.join(', '),
        actual: entries.map(entry => entry.peer.slice(0, 80)).join(', ')
      })
    }
    for (const { peer: party, hash, signature } of entries) {
      const field = `entries[${party}]`
      checkHash(hash, field, kind, peer)
      if (!(await this.#party.shareChecks.signed(party, confirmationDigest(session.record.sessionId!, party, hash), signature))) {
        throw new SignatureError({ peer, kind, field, expected: `a signature of ${party} over its public key`, culprit: peer })
      }
      if (equalBytes(hash, own)) continue
      throw new PublicKeyMismatchError({
        peer,
        kind,
        field,
        expected: 'the hash of the public key that was summed here',
        actual: `another, with the signature of ${party}`,
        culprit: party,
        remedy: 'One of the two was shown other shares, or does not tell the truth: begin a new session, and compare what was received.'
      })
    }
  }
}
