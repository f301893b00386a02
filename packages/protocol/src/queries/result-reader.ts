/** Results as their querier takes them: ciphertext by ciphertext, read when all are there and everybody stands for them who must. */
import { equalBytes, hash, toHex } from '../base/digest.js'
import type { QuerierCryptography } from '../cryptography/querier.js'
import { MalformedMessageError, OutOfOrderMessageError, QuotaExceededError, ShareConflictError } from '../errors/errors.js'
import { translateError } from '../errors/translate.js'
import type { PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement } from '../session/statements.js'
import { outputCount, type Plan } from '../terms/plan.js'
import { hasRole } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import { checkBytes, checkHash, checkIndex, checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { computedOf } from './asked.js'

/** Queries whose results a querier may be receiving at one time. */
const MAXIMUM_RECEIVING = 16

interface Receiving {
  readonly owner: string
  readonly samples: number
  /** Hash of the inputs, the owner's signature over the query, and the evaluator's over the result. */
  readonly signed: Pick<Bodies['queryResult'], 'inputs' | 'asked' | 'signature'>
  readonly ciphertexts: (Uint8Array | undefined)[]
  readonly hashes: (Uint8Array | undefined)[]
  decrypting: Promise<void> | undefined
}

export interface ResultReaderOptions {
  /** Where this party's own query waits for its answer; undefined when it does not. */
  asked(query: string): PromiseWithResolvers<Float64Array[]> | undefined
  /** Of a query that another party has asked. */
  onPredictions?(result: { query: string; from: string; predictions: Float64Array[]; plan: Plan }): void
}

export class ResultReader {
  readonly #party: PartyComponents<QuerierCryptography>
  readonly #options: ResultReaderOptions
  readonly #receiving = new Map<string, Receiving>()
  /** Hashes of results already read, the latest few, to recognise repetitions. */
  readonly #completed = new Map<string, readonly (Uint8Array | undefined)[]>()
  /** Result ciphertexts read in this session, which count against the quota. */
  #read = 0

  constructor(party: PartyComponents<QuerierCryptography>, options: ResultReaderOptions) {
    this.#party = party
    this.#options = options
  }

  /** The session is over. */
  reset(): void {
    this.#receiving.clear()
    this.#completed.clear()
    this.#read = 0
  }

  /** The query has failed: nothing more of its result will come. */
  forget(query: string): void {
    this.#receiving.delete(query)
  }

  /** One ciphertext of a result; the last one has all of them read. */
  async take(body: Bodies['queryResult'], context: HandlerContext): Promise<Bodies['acknowledged']> {
    const { peer } = context
    const kind = 'queryResult'
    const session = this.#party.session()
    session.require('keyed', kind, context)
    checkText(body.query, 'query', kind, peer)
    const total = outputCount(session.plan)
    if (body.total !== total)
      throw new MalformedMessageError({ peer, kind, field: 'total', expected: String(total), actual: String(body.total) })
    checkIndex(body.index, total, 'index', kind, peer)
    checkBytes(body.ciphertext, session.record.sizes.result, 'ciphertext', kind, peer)
    checkHash(body.inputs, 'inputs', kind, peer)
    if (body.samples < 1 || body.samples > session.plan.batch) {
      throw new MalformedMessageError({
        peer,
        kind,
        field: 'samples',
        expected: `1 to ${session.plan.batch}`,
        actual: String(body.samples)
      })
    }
    const bytesHash = await hash(body.ciphertext)
    const completed = this.#completed.get(body.query)
    const receiving = completed === undefined ? this.#receivingOf(session, body, context) : undefined
    const known = (completed ?? receiving!.hashes)[body.index]
    if (known !== undefined && !equalBytes(known, bytesHash)) {
      throw new ShareConflictError({ peer, kind, field: `ciphertext[${body.index}]`, reason: 'another ciphertext came before' })
    }
    if (receiving === undefined) return {}
    receiving.hashes[body.index] = bytesHash
    receiving.ciphertexts[body.index] ??= body.ciphertext
    const done = receiving.ciphertexts.filter(ciphertext => ciphertext !== undefined).length
    this.#party.progress({ phase: 'result', done, total, peer, query: body.query })
    if (done === total) {
      receiving.decrypting ??= this.#decrypt(session, body.query, receiving, context)
      await receiving.decrypting
    }
    return {}
  }

  #receivingOf(session: PartySession, body: Bodies['queryResult'], context: HandlerContext): Receiving {
    const { peer } = context
    const known = this.#receiving.get(body.query)
    if (known !== undefined) {
      if (known.owner !== body.owner || known.samples !== body.samples) {
        throw new MalformedMessageError({
          peer,
          kind: 'queryResult',
          field: 'owner',
          expected: `${known.owner}, ${known.samples} samples`,
          actual: `${body.samples} samples`
        })
      }
      for (const field of ['inputs', 'asked', 'signature'] as const) {
        if (equalBytes(known.signed[field], body[field])) continue
        throw new ShareConflictError({ peer, kind: 'queryResult', field, reason: 'another one came with an earlier part' })
      }
      return known
    }
    const own = body.owner === this.#party.self
    if (own ? this.#options.asked(body.query) === undefined : !hasRole(session.descriptor.roster, body.owner, 'data-owner')) {
      throw new OutOfOrderMessageError({
        peer,
        kind: 'queryResult',
        field: 'query',
        expected: 'a query that was asked',
        actual: body.query
      })
    }
    if (this.#receiving.size >= MAXIMUM_RECEIVING) {
      throw new QuotaExceededError({ peer, kind: 'queryResult', field: 'query', expected: `at most ${MAXIMUM_RECEIVING} at a time` })
    }
    const receiving: Receiving = {
      owner: body.owner,
      samples: body.samples,
      signed: { inputs: body.inputs, asked: body.asked, signature: body.signature },
      ciphertexts: new Array(body.total).fill(undefined),
      hashes: new Array(body.total).fill(undefined),
      decrypting: undefined
    }
    this.#receiving.set(body.query, receiving)
    return receiving
  }

  /**
   * The owner has signed the query, and the evaluator that this is its result: nothing is decrypted that nobody stands for.
   * @throws SignatureError
   */
  async #checkSigned(session: PartySession, query: string, { owner, samples, signed, hashes }: Receiving, context: HandlerContext) {
    const kind = 'queryResult'
    const { self } = this.#party
    const { peer } = context
    const statement = { kind: 'query', query, querier: self, samples, inputs: toHex(signed.inputs) } as const
    await checkStatement(this.#party, session, { signer: owner, statement, signature: signed.asked }, { peer, kind, field: 'asked' })
    const result = toHex(componentsHash(hashes as Uint8Array[]))
    const given = { kind: 'result', ...computedOf(session, statement, kind, context), result } as const
    const { coordinator } = session.descriptor
    await checkStatement(
      this.#party,
      session,
      { signer: coordinator, statement: given, signature: signed.signature },
      { peer, kind, field: 'signature' }
    )
  }

  async #decrypt(session: PartySession, query: string, receiving: Receiving, context: HandlerContext): Promise<void> {
    let wanted: Float64Array[]
    try {
      await this.#checkSigned(session, query, receiving, context)
      const predictions = await this.#party.cryptography.decryptResults(receiving.ciphertexts as Uint8Array[])
      wanted = predictions.slice(0, receiving.samples)
    } catch (error) {
      const typed = translateError(error, { peer: session.descriptor.coordinator, kind: 'queryResult' })
      this.#options.asked(query)?.reject(typed)
      throw typed
    } finally {
      this.#receiving.delete(query)
    }
    this.#completed.set(query, receiving.hashes)
    this.#read += receiving.ciphertexts.length
    const { switchesPerQuerier: allowed } = session.descriptor
    this.#party.decryptions({ querier: this.#party.self, left: Math.max(0, allowed - this.#read), allowed })
    if (this.#completed.size > MAXIMUM_RECEIVING) this.#completed.delete(this.#completed.keys().next().value as string)
    if (receiving.owner === this.#party.self) this.#options.asked(query)?.resolve(wanted)
    else {
      session.queries.add(query)
      this.#options.onPredictions?.({ query, from: receiving.owner, predictions: wanted, plan: session.plan })
    }
  }
}
