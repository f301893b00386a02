/** A party's side of the agreement (see digests.ts): greets, checks the descriptor, commits, reveals, opens. */

import { canonicalBytes, canonicalJson } from '../base/canonical.js'
import { equalBytes, hash, randomBytes, toHex } from '../base/digest.js'
import type { ModelOwnerCryptography } from '../cryptography/model-owner.js'
import type { QuerierCryptography } from '../cryptography/querier.js'
import type { SessionCryptography } from '../cryptography/session.js'
import {
  DescriptorRejectedError,
  MalformedMessageError,
  type ProtocolError,
  ReplayedMessageError,
  ShareConflictError,
  SignatureError,
  UnknownMemberError
} from '../errors/errors.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import { PartySession } from '../session/party-session.js'
import { decodeDescriptor, type SessionDescriptor } from '../terms/descriptor.js'
import { checksProofsItself, endorsementDemand } from '../terms/policy.js'
import { proofTerms } from '../terms/proof-batches.js'
import { hasRole, peersWith, rosterDifference, rosterLines } from '../terms/roster.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import type { PhaseMeter } from '../wire/phase-meter.js'
import { SessionRecord } from '../wire/session-record.js'
import { checkAcceptable, differentRoster } from './acceptance.js'
import { checkCommitments, checkNonces } from './commitments.js'
import { acceptanceDigest, commitmentTo, NO_RESULT_KEY, NONCE_BYTES, openedDigest, sessionIdOf } from './digests.js'

const MAXIMUM_REMEMBERED = 4096

interface Joined {
  readonly session: PartySession
  readonly nonce: Uint8Array
  readonly commitment: Uint8Array
  readonly resultKeyHash: Uint8Array
  readonly acceptance: Bodies['acceptance']
  /** Hash and entries of the commitments that the nonce was shown for. */
  commitments?: { readonly hash: Uint8Array; readonly entries: readonly Bodies['commitments']['entries'][number][] }
  opened?: { readonly hash: Uint8Array; readonly reply: Promise<Bodies['opened']> } | undefined
}

interface JoiningHooks {
  /** A new session begins; the one before, if it goes on, is over. */
  begin(session: PartySession): Promise<void>
  end(session: PartySession, error: ProtocolError): Promise<void>
  meter(): PhaseMeter
}

/** Opens the session; what is offered while joining is the model's shape and the key for results. */
type JoiningCryptography = SessionCryptography & ModelOwnerCryptography & QuerierCryptography

export class Joining {
  readonly #party: PartyComponents<JoiningCryptography>
  readonly #hooks: JoiningHooks
  readonly #seen = new Set<string>()
  readonly #forbidden = new Map<string, ProtocolError>()
  #joined: Joined | undefined
  #proposing: Promise<unknown> = Promise.resolve()
  /** Result keys of the session by querier, as bound by the signed acceptances. */
  readonly resultKeys = new Map<string, Uint8Array>()

  constructor(party: PartyComponents<JoiningCryptography>, hooks: JoiningHooks) {
    this.#party = party
    this.#hooks = hooks
  }

  readonly handlers: Handlers = {
    hello: async (body, context) => {
      const { roster, roles } = this.#party
      const difference = rosterDifference(rosterLines(roster), body.roster)
      if (difference !== undefined) throw new DescriptorRejectedError(differentRoster(difference, 'hello', context.peer))
      return { roles: [...roles] }
    },

    architecture: async () => ({ json: canonicalBytes(await this.#party.cryptography.architecture()) }),

    propose: async (body, context) => {
      const turn = this.#proposing.then(async () => await this.#propose(body.descriptor, context))
      this.#proposing = turn.catch(() => undefined)
      return await turn
    },

    commitments: async (body, context) => await this.#reveal(body, context),

    open: async (body, context) => await this.#open(body, context)
  }

  async #propose(bytes: Uint8Array, context: HandlerContext): Promise<Bodies['acceptance']> {
    const { self, cryptography, signer, roster, policy, roles } = this.#party
    const proposalId = await hash(bytes)
    const known = this.#joined
    if (known?.session.active === true && equalBytes(known.session.record.proposalId, proposalId)) return known.acceptance
    if (this.#seen.has(toHex(proposalId))) {
      throw new ReplayedMessageError({
        peer: context.peer,
        kind: 'propose',
        field: 'descriptor',
        remedy: 'Propose a new descriptor for a new session.'
      })
    }
    const descriptor = decodeDescriptor(bytes, context.peer)
    await checkAcceptable(descriptor, { self, configured: roster, policy, sender: context.peer })
    if (roles.includes('model-owner')) await this.#checkModel(descriptor, context)
    this.#remember(proposalId)
    const early = this.#forbidden.get(toHex(proposalId))
    if (early !== undefined) throw early

    const session = new PartySession(new SessionRecord(self, descriptor, proposalId, this.#hooks.meter()))
    await this.#hooks.begin(session)
    this.resultKeys.clear()
    const resultKey = roles.includes('querier') ? await cryptography.resultKey(descriptor.parameters) : new Uint8Array(0)
    const resultKeyHash = roles.includes('querier') ? await hash(resultKey) : NO_RESULT_KEY
    const nonce = randomBytes(NONCE_BYTES)
    const commitment = commitmentTo(self, nonce)
    const signature = await signer.sign(acceptanceDigest(proposalId, self, commitment, resultKeyHash))
    const checksProofs = roles.includes('key-holder') && checksProofsItself(policy)
    const { witnesses, from = [] } = roles.includes('key-holder') ? endorsementDemand(policy, descriptor.roster) : { witnesses: 0 }
    const acceptance = { commitment, signature, resultKey, checksProofs, witnesses, from: [...from] }
    const forbidden = this.#forbidden.get(toHex(proposalId))
    if (forbidden !== undefined) {
      await this.#hooks.end(session, forbidden)
      throw forbidden
    }
    this.#joined = { session, nonce, commitment, resultKeyHash, acceptance }
    this.#party.progress({ phase: 'session', done: 1, total: 3, peer: context.peer })
    return acceptance
  }

  /** The plan must be for the model that this party serves: with another layout its weights would be encrypted for another computation. */
  async #checkModel(descriptor: SessionDescriptor, context: HandlerContext): Promise<void> {
    const own = await this.#party.cryptography.architecture()
    if (canonicalJson(own) === canonicalJson(descriptor.plan.architecture)) return
    throw new DescriptorRejectedError({
      peer: context.peer,
      kind: 'propose',
      field: 'plan.architecture',
      expected: `the architecture of ${own.name}`,
      actual: `another, ${descriptor.plan.architecture.name}`,
      remedy: 'Plan for the architecture that the model owner gives.'
    })
  }

  /** A proposal was aborted before it was heard of here, or while it is being thought over. */
  forbid(proposalId: Uint8Array, error: ProtocolError): void {
    this.#forbidden.set(toHex(proposalId), error)
    if (this.#forbidden.size > MAXIMUM_REMEMBERED) this.#forbidden.delete(this.#forbidden.keys().next().value as string)
  }

  #remember(proposalId: Uint8Array): void {
    this.#seen.add(toHex(proposalId))
    if (this.#seen.size > MAXIMUM_REMEMBERED) this.#seen.delete(this.#seen.values().next().value as string)
  }

  async #reveal(body: Bodies['commitments'], context: HandlerContext): Promise<Bodies['reveal']> {
    const joined = this.#current('commitments', context)
    const { session } = joined
    const bytes = await hash(
      canonicalBytes(body.entries.map(entry => [entry.peer, toHex(entry.commitment), toHex(entry.resultKeyHash), toHex(entry.signature)]))
    )
    if (joined.commitments !== undefined) {
      if (equalBytes(joined.commitments.hash, bytes)) return { nonce: joined.nonce }
      throw new ShareConflictError({
        peer: context.peer,
        kind: 'commitments',
        field: 'entries',
        reason: 'the nonce was shown for other commitments'
      })
    }
    await checkCommitments(this.#party, session.descriptor, session.record.proposalId, body.entries, context)
    const own = body.entries.find(entry => entry.peer === this.#party.self)
    if (own === undefined || !equalBytes(own.commitment, joined.commitment) || !equalBytes(own.resultKeyHash, joined.resultKeyHash)) {
      throw new SignatureError({
        peer: context.peer,
        kind: 'commitments',
        field: `entries[${this.#party.self}]`,
        expected: 'the commitment of this party'
      })
    }
    joined.commitments = { hash: bytes, entries: body.entries }
    session.advance('revealed')
    this.#party.progress({ phase: 'session', done: 2, total: 3, peer: context.peer })
    return { nonce: joined.nonce }
  }

  async #open(body: Bodies['open'], context: HandlerContext): Promise<Bodies['opened']> {
    const joined = this.#current('open', context)
    joined.session.require('revealed', 'open', context)
    const nonces = await hash(canonicalBytes(body.nonces.map(entry => [entry.peer, toHex(entry.nonce)])))
    if (joined.opened !== undefined) {
      if (equalBytes(joined.opened.hash, nonces)) return await joined.opened.reply
      throw new ShareConflictError({
        peer: context.peer,
        kind: 'open',
        field: 'nonces',
        reason: 'the session was opened with other nonces'
      })
    }
    const { descriptor, record } = joined.session
    const entries = joined.commitments!.entries
    const parties = checkNonces(entries, body.nonces, context)
    const keys = await this.#checkResultKeys(descriptor, entries, body.resultKeys, context)
    const sessionId = sessionIdOf(record.proposalId, parties)
    const reply = this.#enter(joined.session, sessionId, keys, context)
    joined.opened = { hash: nonces, reply }
    try {
      return await reply
    } catch (error) {
      joined.opened = undefined
      throw error
    }
  }

  async #enter(
    session: PartySession,
    sessionId: Uint8Array,
    keys: ReadonlyMap<string, Uint8Array>,
    context: HandlerContext
  ): Promise<Bodies['opened']> {
    const { cryptography, roles, self, signer } = this.#party
    const { descriptor, record } = session
    await cryptography.open({
      sessionId,
      plan: descriptor.plan,
      parties: peersWith(descriptor.roster, 'key-holder').length,
      floodingBits: descriptor.floodingBits,
      maximumDecryptions: descriptor.maximumDecryptions,
      maximumRefreshes: descriptor.maximumRefreshes,
      proofs: proofTerms(descriptor, self),
      roles: [...roles]
    })
    record.sessionId = sessionId
    for (const [peer, key] of keys) this.resultKeys.set(peer, key)
    session.advance('open')
    this.#party.progress({ phase: 'session', done: 3, total: 3, peer: context.peer })
    return { signature: await signer.sign(openedDigest(sessionId, self)) }
  }

  /** Key holders must have the key of every querier; each key must be the one whose hash its querier signed. */
  async #checkResultKeys(
    descriptor: SessionDescriptor,
    entries: readonly Bodies['commitments']['entries'][number][],
    given: Bodies['open']['resultKeys'],
    context: HandlerContext
  ): Promise<Map<string, Uint8Array>> {
    const keys = new Map<string, Uint8Array>()
    for (const { peer, key } of given) {
      const entry = entries.find(candidate => candidate.peer === peer)
      const field = `resultKeys[${peer}]`
      if (entry === undefined || !hasRole(descriptor.roster, peer, 'querier')) {
        throw new UnknownMemberError({ peer: context.peer, kind: 'open', field, expected: 'a querier of the roster' })
      }
      if (keys.has(peer)) throw new MalformedMessageError({ peer: context.peer, kind: 'open', field, expected: 'one key per querier' })
      if (!equalBytes(await hash(key), entry.resultKeyHash)) {
        throw new SignatureError({ peer: context.peer, kind: 'open', field, expected: 'the key whose hash the querier signed' })
      }
      keys.set(peer, key)
    }
    if (this.#party.roles.includes('key-holder')) {
      const missing = peersWith(descriptor.roster, 'querier').find(peer => !keys.has(peer))
      if (missing !== undefined) {
        throw new MalformedMessageError({
          peer: context.peer,
          kind: 'open',
          field: 'resultKeys',
          expected: `the key of ${missing}`,
          actual: 'none'
        })
      }
    }
    return keys
  }

  #current(kind: string, context: HandlerContext): Joined {
    this.#party.session().require('proposed', kind, context)
    const joined = this.#joined
    if (joined === undefined || joined.session !== this.#party.session()) {
      throw new MalformedMessageError({ peer: context.peer, kind, reason: 'the proposal was not accepted' })
    }
    return joined
  }
}
