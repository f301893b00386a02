/**
 * The collective public key as each party makes it for itself: the key holders' shares arrive with their holders' signatures, and the key is their sum.
 * A coordinator that alters, leaves out or replaces a share is found out here, before anything is encrypted.
 */

import { equalBytes, hash } from '../base/digest.js'
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { holderAtFault } from '../cryptography/rejected-share.js'
import type { SessionCryptography } from '../cryptography/session.js'
import { ShareConflictError, SignatureError, UnknownMemberError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { peersWith } from '../terms/roster.js'
import { checkBytes } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { publicKeyShareDigest } from './digests.js'

interface ReceivedShare {
  readonly hash: Uint8Array
  share: Uint8Array
}

export class PublicKeyDuty {
  readonly #party: PartyComponents<SessionCryptography & KeyHolderCryptography>
  readonly #received = new Map<string, ReceivedShare>()
  #ownHash: Uint8Array | undefined
  #summing: Promise<void> | undefined

  constructor(party: PartyComponents<SessionCryptography & KeyHolderCryptography>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#received.clear()
    this.#ownHash = undefined
    this.#summing = undefined
  }

  readonly handlers: Handlers = {
    publicKeyShare: async (_body, context) => {
      const { cryptography, self, signer } = this.#party
      const session = this.#party.session()
      session.require('open', 'publicKeyShare', context)
      const share = await cryptography.publicKeyShare()
      this.#ownHash = await hash(share)
      const signature = await signer.sign(publicKeyShareDigest(session.record.sessionId!, self, this.#ownHash))
      return { share, signature }
    },

    publicKeyPart: async (body, context) => {
      const session = this.#party.session()
      session.require('open', 'publicKeyPart', context)
      await this.#take(session, body, context)
      const holders = peersWith(session.descriptor.roster, 'key-holder')
      this.#party.progress({ phase: 'public-key', done: this.#received.size, total: holders.length, peer: body.peer })
      if (this.#received.size === holders.length) await this.#sum(session, holders, context)
      return {}
    }
  }

  async #take(session: PartySession, body: Bodies['publicKeyPart'], context: HandlerContext): Promise<void> {
    const { peer } = context
    const kind = 'publicKeyPart'
    if (!peersWith(session.descriptor.roster, 'key-holder').includes(body.peer)) {
      throw new UnknownMemberError({ peer, kind, field: 'peer', expected: 'a key holder of the roster', actual: body.peer.slice(0, 120) })
    }
    checkBytes(body.share, session.record.sizes.publicKeyShare, 'share', kind, peer)
    const shareHash = await hash(body.share)
    if (
      !(await this.#party.signer.verify(body.peer, publicKeyShareDigest(session.record.sessionId!, body.peer, shareHash), body.signature))
    ) {
      throw new SignatureError({ peer, kind, field: 'signature', expected: `a signature of ${body.peer} over its share`, culprit: peer })
    }
    if (body.peer === this.#party.self && (this.#ownHash === undefined || !equalBytes(this.#ownHash, shareHash))) {
      throw new SignatureError({ peer, kind, field: 'share', expected: 'the share that this party gave', culprit: peer })
    }
    const known = this.#received.get(body.peer)
    if (known === undefined) this.#received.set(body.peer, { hash: shareHash, share: body.share })
    else if (!equalBytes(known.hash, shareHash)) {
      throw new ShareConflictError({
        peer,
        kind,
        field: 'share',
        reason: `${body.peer} has signed two different shares`,
        culprit: body.peer
      })
    }
  }

  async #sum(session: PartySession, holders: readonly string[], context: HandlerContext): Promise<void> {
    this.#summing ??= this.#party.cryptography.setPublicKey(holders.map(holder => this.#received.get(holder)!.share)).then(() => {
      // The sum is made; the hashes stay to recognise repetitions.
      for (const received of this.#received.values()) received.share = new Uint8Array(0)
      session.advance('keyed')
    })
    try {
      await this.#summing
    } catch (error) {
      // A share that its holder signed is no share: nothing that could be repaired by asking again.
      this.#summing = undefined
      const culprit = holderAtFault(error, holders)
      throw culprit === undefined ? error : translateError(error, { peer: context.peer, kind: 'publicKeyPart', field: 'share', culprit })
    }
  }
}
