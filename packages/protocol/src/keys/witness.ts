/**
 * A witness makes the evaluation keys for itself, from the shares that key holders have signed. It takes no sum from anybody: with an evaluation key of the
 * evaluator's making it would follow to second components of the evaluator's choice.
 */
import { equalBytes, hash, toHex } from '../base/digest.js'
import type { EvaluatorCryptography, SummedProtocol } from '../cryptography/evaluator.js'
import { MalformedMessageError, ShareConflictError, SignatureError, UnknownMemberError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement } from '../session/statements.js'
import { peersWith } from '../terms/roster.js'
import { checkBytes, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { shareDigest } from './digests.js'
import { galoisInstance, RELINEARIZATION_INSTANCE } from './instances.js'

const KIND = 'witnessShare'

export class WitnessKeys {
  readonly #party: PartyComponents<Pick<EvaluatorCryptography, 'addShare' | 'finishKey'>>
  /** Hashes of the shares that are in a sum, by key and holder. */
  readonly #taken = new Map<string, Map<string, Uint8Array>>()

  constructor(party: PartyComponents<Pick<EvaluatorCryptography, 'addShare' | 'finishKey'>>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#taken.clear()
  }

  readonly handlers: Handlers = {
    witnessShare: async (body, context) => {
      const session = this.#party.session()
      session.require('keyed', KIND, context)
      const protocol = protocolOf(session, body, context)
      const holders = peersWith(session.descriptor.roster, 'key-holder')
      const party = holders.indexOf(body.peer)
      if (party < 0) {
        const actual = body.peer.slice(0, 120)
        throw new UnknownMemberError({ peer: context.peer, kind: KIND, field: 'peer', expected: 'a key holder of the roster', actual })
      }
      const { galoisShare, relinearizationShare } = session.record.sizes
      checkBytes(body.share, protocol === 'galois' ? galoisShare : relinearizationShare, 'share', KIND, context.peer)
      const shareHash = await hash(body.share)
      await this.#checkSignature(session, protocol, body, shareHash, context)
      const key = `${protocol} ${body.instance}`
      const taken = this.#taken.get(key) ?? new Map<string, Uint8Array>()
      this.#taken.set(key, taken)
      const known = taken.get(body.peer)
      if (known !== undefined) {
        if (equalBytes(known, shareHash)) return {}
        throw new ShareConflictError({ peer: context.peer, kind: KIND, field: 'share', reason: `a different share for ${key} came before` })
      }
      try {
        await this.#party.cryptography.addShare(protocol, body.instance, party, body.share)
      } catch (error) {
        throw translateError(error, { peer: context.peer, kind: KIND, field: 'share', culprit: body.peer })
      }
      taken.set(body.peer, shareHash)
      if (taken.size === holders.length && protocol !== 'relinearization-1') {
        await this.#party.cryptography.finishKey(protocol, body.instance)
      }
      this.#party.progress({ phase: 'galois-keys', done: this.#taken.size, total: session.plan.galoisKeys.length + 2, peer: context.peer })
      return {}
    }
  }

  /** @throws SignatureError unless the holder has signed this very share, as it did when it gave it */
  async #checkSignature(
    session: PartySession,
    protocol: SummedProtocol,
    { instance, peer: holder, salt, signature }: Bodies['witnessShare'],
    shareHash: Uint8Array,
    { peer }: HandlerContext
  ): Promise<void> {
    if (protocol === 'relinearization-1') {
      const digest = shareDigest('relinearization', session.record.sessionId!, holder, shareHash, salt)
      if (await this.#party.shareChecks.signed(holder, digest, signature)) return
      throw new SignatureError({ peer, kind: KIND, field: 'signature', expected: `a signature of ${holder} over its share`, culprit: peer })
    }
    const statement = { kind: 'key-share', protocol, instance, share: toHex(shareHash) } as const
    await checkStatement(this.#party, session, { signer: holder, statement, signature }, { peer, kind: KIND, field: 'signature' })
  }
}

/** @throws MalformedMessageError for a key that the plan does not have */
function protocolOf({ plan }: PartySession, { protocol, instance }: Bodies['witnessShare'], { peer }: HandlerContext): SummedProtocol {
  checkText(instance, 'instance', KIND, peer)
  if (protocol === 'galois') {
    if (plan.galoisKeys.some(({ element }) => galoisInstance(element) === instance)) return protocol
  } else if (protocol === 'relinearization-1' || protocol === 'relinearization-2') {
    if (plan.relinearizationLevel !== null && instance === RELINEARIZATION_INSTANCE) return protocol
  }
  const actual = `${protocol.slice(0, 40)} ${instance.slice(0, 40)}`
  throw new MalformedMessageError({ peer, kind: KIND, field: 'instance', expected: 'a key of the plan', actual })
}
