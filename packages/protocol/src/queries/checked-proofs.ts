/**
 * What a key holder has seen proved: that model and inputs are encryptions. Without it a crafted second component would make the answer to a query a function
 * of the collective secret, so no share is given for such a query.
 */

import type { KeyHolderCryptography } from '../cryptography/key-holder.js'
import {
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  ProofMissingError,
  ShareConflictError
} from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checksProofsItself } from '../terms/policy.js'
import { inputBatches, modelBatches, type ProofBatch, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { hasRole } from '../terms/roster.js'
import { checkBytes, checkIndex, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies, Kind } from '../wire/kinds.js'

/** Queries that are remembered; the oldest is forgotten, and may be proved again. */
const MAXIMUM_QUERIES = 65_536

/** In place of a query's name: the model, which is of no query. */
const MODEL = ''

interface Checked {
  readonly owner: string
  readonly batches: Set<number>
}

export class CheckedProofs {
  readonly #party: PartyComponents<KeyHolderCryptography>
  /** By query; the model has none. */
  readonly #checked = new Map<string, Checked>()
  /** The batch that is being received; only one at a time is. */
  #pending: { readonly name: string; readonly parts: (Uint8Array | undefined)[] } | undefined

  constructor(party: PartyComponents<KeyHolderCryptography>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#checked.clear()
    this.#pending = undefined
  }

  readonly handlers: Handlers = {
    proofPart: async (body, context) => {
      const kind = 'proofPart'
      const session = this.#session(kind, context)
      const batch = this.#batchOf(session, body, kind, context)
      const { peer } = context
      if (body.index < batch.first || body.index >= batch.first + batch.count) {
        const expected = `${batch.first} to ${batch.first + batch.count - 1}`
        throw new MalformedMessageError({ peer, kind, field: 'index', expected, actual: String(body.index) })
      }
      checkBytes(body.undivided, session.record.sizes.undivided, 'undivided', kind, peer)
      const name = nameOf(body)
      if (this.#pending?.name !== name) this.#pending = { name, parts: new Array(batch.count).fill(undefined) }
      this.#pending.parts[body.index - batch.first] = body.undivided
      return {}
    },

    proofCopy: async (body, context) => {
      const kind = 'proofCopy'
      const { peer } = context
      const session = this.#session(kind, context)
      this.#batchOf(session, body, kind, context)
      checkBytes(body.proof, session.record.sizes.proof, 'proof', kind, peer)
      const { query, owner, batch, proof } = body
      if (this.#checked.get(query)?.batches.has(batch) === true) return {}
      const name = nameOf(body)
      const parts = this.#pending?.name === name ? this.#pending.parts : []
      const undivided = parts.filter(part => part !== undefined)
      if (undivided.length === 0 || undivided.length !== parts.length) {
        const actual = `${undivided.length} of ${parts.length}`
        throw new OutOfOrderMessageError({ peer, kind, field: 'batch', expected: 'all its ciphertexts before', actual })
      }
      await session.record.meter.measure('proofs', async () => {
        const check = { sender: owner, query: query === MODEL ? null : query, batch, undivided, proof }
        await this.#party.cryptography.verifyEncryptions(check).catch(error => {
          throw translateError(error, { peer, kind, field: 'proof', culprit: owner })
        })
      })
      if (this.#pending?.name === name) this.#pending = undefined
      this.#note(session, body)
      return {}
    }
  }

  /**
   * @param query as its owner has signed it
   * @throws ProofMissingError while model or inputs of a query have not been seen to be encryptions
   */
  require(query: string, owner: string, kind: Kind, { peer }: HandlerContext): void {
    const { self, policy } = this.#party
    const session = this.#party.session()
    const { descriptor, plan } = session
    const terms = proofTerms(descriptor, self)
    // An evaluator that is a key holder has checked everything by the time that it asks itself.
    if (terms === undefined || !checksProofsItself(policy) || descriptor.coordinator === self) return
    const demand = (name: string, sender: string, batches: readonly ProofBatch[], what: string): void => {
      const checked = this.#checked.get(name)
      const missing = batches.find(({ number }) => checked?.owner !== sender || !checked.batches.has(number))
      if (missing === undefined) return
      throw new ProofMissingError({
        peer,
        kind,
        field: 'query',
        expected: `proofs of ${what} before, as "assist.proofs: own" of ${self} asks`,
        actual: `none of ciphertexts ${missing.first} to ${missing.first + missing.count - 1}`
      })
    }
    if (terms.modelOwner !== self && provesEncryptions(terms, terms.modelOwner))
      demand(MODEL, terms.modelOwner, modelBatches(plan), 'the model')
    if (owner !== self) demand(query, owner, inputBatches(plan), `the inputs of query ${query.slice(0, 64)}`)
  }

  #session(kind: string, context: HandlerContext): PartySession {
    const session = this.#party.session()
    session.require('keyed', kind, context)
    return session
  }

  /** Checks what a copy is said to be of. */
  #batchOf(
    { descriptor, plan }: PartySession,
    { query, owner, batch }: Pick<Bodies['proofCopy'], 'query' | 'owner' | 'batch'>,
    kind: 'proofPart' | 'proofCopy',
    { peer }: HandlerContext
  ): ProofBatch {
    const { roster } = descriptor
    if (query !== MODEL) checkText(query, 'query', kind, peer)
    const [roles, permitted] =
      query === MODEL
        ? ['model-owner', hasRole(roster, owner, 'model-owner')]
        : ['querier or data-owner', hasRole(roster, owner, 'querier') || hasRole(roster, owner, 'data-owner')]
    if (!permitted) {
      throw new NotPermittedError({ peer, kind, field: 'owner', expected: `a peer with the role ${roles}`, actual: owner.slice(0, 120) })
    }
    const known = this.#checked.get(query)
    if (known !== undefined && known.owner !== owner) {
      throw new ShareConflictError({ peer, kind, field: 'owner', expected: known.owner, actual: owner.slice(0, 120) })
    }
    const batches = query === MODEL ? modelBatches(plan) : inputBatches(plan)
    checkIndex(batch, batches.length, 'batch', kind, peer)
    return batches[batch]!
  }

  #note(session: PartySession, { query, owner, batch }: Bodies['proofCopy']): void {
    let checked = this.#checked.get(query)
    if (checked === undefined) {
      if (this.#checked.size >= MAXIMUM_QUERIES) {
        const oldest = [...this.#checked.keys()].find(name => name !== MODEL)
        if (oldest !== undefined) this.#checked.delete(oldest)
      }
      checked = { owner, batches: new Set() }
      this.#checked.set(query, checked)
    }
    checked.batches.add(batch)
    const { plan } = session
    const total = (query === MODEL ? modelBatches(plan) : inputBatches(plan)).length
    this.#party.progress({ phase: 'proofs', done: checked.batches.size, total, peer: owner, ...(query === MODEL ? {} : { query }) })
  }
}

const nameOf = ({ query, owner, batch }: Pick<Bodies['proofCopy'], 'query' | 'owner' | 'batch'>): string => `${query} ${owner} ${batch}`
