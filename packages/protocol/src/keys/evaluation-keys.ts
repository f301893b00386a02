/**
 * A key holder's shares of the evaluation keys. Which keys the plan names, and for which levels (no message carries one), is checked where they are made.
 *
 * What round two of the relinearisation key multiplies by the secret is the sum of round one, and a forged sum would bring the secret out. So a holder takes
 * no sum from anybody: it sums the signed shares, to which everybody was bound before any was shown, for itself.
 */
import { hash, toHex } from '../base/digest.js'
import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import { translateError } from '../errors/translate.js'
import { Given } from '../session/given.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { signStatement } from '../session/statements.js'
import { peersWith } from '../terms/roster.js'
import type { KeyShareStatement } from '../terms/statements.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { CommittedShares } from './committed-shares.js'
import { galoisInstance, RELINEARIZATION_INSTANCE } from './instances.js'

export class EvaluationKeyDuty {
  readonly #party: PartyComponents<KeyHolderCryptography>
  readonly #committed: CommittedShares
  readonly #given: Given
  /** This party's share of round one, from commitment to round two. */
  #own: Uint8Array | undefined

  constructor(party: PartyComponents<KeyHolderCryptography>) {
    this.#party = party
    this.#committed = new CommittedShares('relinearization', party)
    this.#given = new Given(party)
  }

  /** A new session begins. */
  reset(): void {
    this.#committed.reset()
    this.#given.reset()
    this.#own = undefined
  }

  readonly handlers: Handlers = {
    relinearizationCommit: async (_body, context) => {
      const session = this.#session('relinearizationCommit', context)
      return await this.#committed.commit(session, await this.#share())
    },

    relinearizationCommitments: async ({ entries }, context) => {
      const kind = 'relinearizationCommitments'
      await this.#committed.takeCommitments(this.#session(kind, context), kind, entries, context)
      return {}
    },

    relinearizationOne: async (_body, context) => {
      const kind = 'relinearizationOne'
      const session = this.#session(kind, context)
      this.#committed.requireCommitments(kind, context)
      const revealed = await this.#committed.reveal(session, kind, await this.#share(), context)
      // Its own share a party takes from nobody.
      await this.#party.cryptography.addRelinearizationShareOne(placeOf(this.#party.self, session), revealed.share)
      this.#committed.accepted(this.#party.self, await hash(revealed.share))
      this.#given.reply('relinearization-key', 2, context, [])
      return revealed
    },

    relinearizationPart: async (body, context) => {
      const kind = 'relinearizationPart'
      const session = this.#session(kind, context)
      const { hash: shareHash, again } = await this.#committed.check(
        session,
        kind,
        body,
        session.record.sizes.relinearizationShare,
        context
      )
      if (again) return {}
      try {
        await this.#party.cryptography.addRelinearizationShareOne(placeOf(body.peer, session), body.share)
      } catch (error) {
        throw translateError(error, { peer: context.peer, kind, field: 'share', culprit: body.peer })
      }
      this.#committed.accepted(body.peer, shareHash)
      return {}
    },

    relinearizationTwo: async (_body, context) => {
      const session = this.#session('relinearizationTwo', context)
      const share = await this.#party.cryptography.relinearizationShareTwo()
      this.#own = undefined
      this.#given.reply('relinearization-key', 2, context, [])
      return await this.#signed(session, 'relinearization-2', RELINEARIZATION_INSTANCE, share)
    },

    galois: async (body, context) => {
      const session = this.#session('galois', context)
      const share = await this.#party.cryptography.galoisShare(body.element)
      this.#given.reply('galois-keys', session.plan.galoisKeys.length, context, [])
      return await this.#signed(session, 'galois', galoisInstance(body.element), share)
    }
  }

  async #signed(
    session: PartySession,
    protocol: KeyShareStatement['protocol'],
    instance: string,
    share: Uint8Array
  ): Promise<Bodies['shares']> {
    const statement = { kind: 'key-share', protocol, instance, share: toHex(await hash(share)) } as const
    return { shares: [share], signature: await signStatement(this.#party, session, statement) }
  }

  async #share(): Promise<Uint8Array> {
    this.#own ??= await this.#party.cryptography.relinearizationShareOne()
    return this.#own
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }
}

/** A key holder's place among them: its party number. */
function placeOf(holder: string, session: PartySession): number {
  return peersWith(session.descriptor.roster, 'key-holder').indexOf(holder)
}
