/**
 * Asking a query and reading its result.
 *
 * The data owner opens a query, sends its encrypted inputs and has it evaluated; the querier it named (as a rule itself) receives the ciphertexts, switched
 * to its own key, and decrypts them.
 *
 * More samples than the plan's batch are asked in several queries: while one is evaluated the next is encrypted, so that two batches are held at a time,
 * however many there are. Where data are clear the evaluator is its own data owner, and its samples go no further than to its cryptography.
 */

import { windowed } from '../base/concurrency.js'
import { equalBytes, hash, randomBytes, toHex } from '../base/digest.js'
import { Vigil } from '../base/vigil.js'
import type { DataOwnerCryptography } from '../cryptography/data-owner.js'
import type { EvaluatorCryptography } from '../cryptography/evaluator.js'
import type { QuerierCryptography } from '../cryptography/querier.js'
import {
  MalformedMessageError,
  NotPermittedError,
  OutOfOrderMessageError,
  PartyMissingError,
  QuotaExceededError,
  RemoteFailureError,
  ShareConflictError
} from '../errors/errors.js'
import { plainText } from '../errors/plain.js'
import { translateError } from '../errors/translate.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { checkStatement, signStatement } from '../session/statements.js'
import { inputCount, outputCount, type Plan } from '../terms/plan.js'
import { inputBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { hasRole } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import { checkBytes, checkHash, checkIndex, checkText } from '../wire/checks.js'
import type { Connection, HandlerContext } from '../wire/connection.js'
import type { Deadlines } from '../wire/deadlines.js'
import { decodeFailure } from '../wire/failure.js'
import type { Bodies } from '../wire/kinds.js'
import { computedOf } from './asked.js'
import { inBatches } from './batches.js'
import type { QueryOptions, SampleSource } from './samples.js'

/** Queries whose results a querier may be receiving at one time. */
const MAXIMUM_RECEIVING = 16
/** Queries of one call under way at a time: one that is evaluated and one that is encrypted. */
const MAXIMUM_UNDER_WAY = 2

/** Where data are clear the evaluator asks, and its samples go no further than its own cryptography. */
type AskingCryptography = DataOwnerCryptography & QuerierCryptography & Pick<EvaluatorCryptography, 'storeSamples'>

interface Asked {
  readonly result: PromiseWithResolvers<Float64Array[]>
  readonly vigil: Vigil
}

interface Receiving {
  readonly owner: string
  readonly samples: number
  /** Hash of the inputs, the owner's signature over the query, and the evaluator's over the result. */
  readonly signed: Pick<Bodies['queryResult'], 'inputs' | 'asked' | 'signature'>
  readonly ciphertexts: (Uint8Array | undefined)[]
  readonly hashes: (Uint8Array | undefined)[]
  decrypting: Promise<void> | undefined
}

interface QueryClientOptions {
  window: number
  deadlines: Deadlines
  /** Connection to the evaluator of a session. */
  uplink(session: PartySession): Connection
  onPredictions?(result: { query: string; from: string; predictions: Float64Array[]; plan: Plan }): void
}

export class QueryClient {
  readonly #party: PartyComponents<AskingCryptography>
  readonly #options: QueryClientOptions
  readonly #asked = new Map<string, Asked>()
  readonly #receiving = new Map<string, Receiving>()
  /** Hashes of results already read, the latest few, to recognise repetitions. */
  readonly #completed = new Map<string, readonly (Uint8Array | undefined)[]>()
  /** Queries of one process take turns sending their samples, so that they are evaluated in the order in which they were asked. */
  /** Result ciphertexts read in this session, which count against the quota. */
  #read = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(party: PartyComponents<AskingCryptography>, options: QueryClientOptions) {
    this.#party = party
    this.#options = options
  }

  /** The session is over: nothing more will come. */
  reset(reason: Error): void {
    for (const asked of this.#asked.values()) asked.result.reject(reason)
    this.#asked.clear()
    this.#receiving.clear()
    this.#completed.clear()
    this.#read = 0
  }

  /**
   * Logits per sample, in order; empty when another party is the querier.
   * @throws what the evaluator answered (RemoteFailureError), PartyMissingError, SessionAbortedError, what reading the samples throws
   */
  async ask(session: PartySession, samples: SampleSource, options: QueryOptions): Promise<Float64Array[]> {
    const querier = options.querier ?? this.#party.self
    this.#checkPermitted(session, querier)
    const answers: Float64Array[] = []
    const underWay: Promise<Float64Array[]>[] = []
    const stopping = new AbortController()
    const signal = AbortSignal.any([stopping.signal, session.signal, ...(options.signal === undefined ? [] : [options.signal])])
    const settle = async (): Promise<void> => {
      const predictions = await underWay.shift()!
      const first = answers.length
      for (const logits of predictions) answers.push(logits)
      if (predictions.length > 0) options.onPredictions?.({ first, predictions, plan: session.plan })
    }
    try {
      for await (const batch of inBatches(samples, session.plan.batch)) {
        if (underWay.length === MAXIMUM_UNDER_WAY) await settle()
        const answer = this.#ask(session, batch, querier, signal)
        answer.catch(() => undefined)
        underWay.push(answer)
      }
      while (underWay.length > 0) await settle()
      return answers
    } catch (error) {
      stopping.abort(error)
      throw error
    }
  }

  #checkPermitted(session: PartySession, querier: string): void {
    const { self, roles } = this.#party
    const refuse = (peer: string, field: string, expected: string, actual: string): never => {
      throw new NotPermittedError({ peer, kind: 'queryOpen', field, expected, actual })
    }
    if (!roles.includes('data-owner') && !roles.includes('querier')) {
      refuse(self, 'sender', 'the role querier or data-owner', roles.join(', '))
    }
    if (!hasRole(session.descriptor.roster, querier, 'querier')) refuse(querier, 'querier', 'the role querier', 'no such role')
    if (session.plan.operands.data === 'clear' && session.descriptor.coordinator !== self) {
      refuse(self, 'sender', 'the evaluator, for data are clear in this session', 'another party')
    }
  }

  async #ask(session: PartySession, samples: Float64Array[], querier: string, signal: AbortSignal): Promise<Float64Array[]> {
    signal.throwIfAborted()
    const query = toHex(randomBytes(16))
    const uplink = this.#options.uplink(session)
    const { promise: stopped, reject: stop } = Promise.withResolvers<never>()
    stopped.catch(() => undefined)
    const abort = (): void => stop(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    let asked: Asked | undefined
    try {
      const turn = this.#turn.then(async () => {
        signal.throwIfAborted()
        asked = this.#expect(query, uplink)
        const hashes = await session.record.meter.measure('input', async () => {
          return await this.#send(session, uplink, query, samples, querier, signal)
        })
        const inputs = toHex(componentsHash(hashes))
        const signature = await signStatement(this.#party, session, { kind: 'query', query, querier, samples: samples.length, inputs })
        await uplink.request('queryEvaluate', { query, signature }, signal)
        return asked
      })
      this.#turn = turn.catch(() => undefined)
      const { result } = await turn
      const predictions = await session.record.meter.measure('evaluation', async () => await Promise.race([result.promise, stopped]))
      session.queries.add(query)
      return predictions
    } catch (error) {
      // An evaluator that does not answer is what ends the session; the reason it ended for says more.
      signal.throwIfAborted()
      throw error
    } finally {
      signal.removeEventListener('abort', abort)
      asked?.vigil.stop()
      this.#asked.delete(query)
    }
  }

  /** @returns hashes of the inputs, in order */
  async #send(
    session: PartySession,
    uplink: Connection,
    query: string,
    samples: Float64Array[],
    querier: string,
    signal: AbortSignal
  ): Promise<Uint8Array[]> {
    const { cryptography } = this.#party
    await uplink.request('queryOpen', { query, querier, samples: samples.length }, signal)
    if (session.plan.operands.data === 'clear') {
      await cryptography.storeSamples(query, samples)
      this.#party.progress({ phase: 'input', done: 1, total: 1, query })
      return []
    }
    const inputs = await cryptography.openQuery(samples, query)
    try {
      const total = inputCount(session.plan)
      let done = 0
      const hashes = new Array<Uint8Array>(total)
      const proved = provesEncryptions(proofTerms(session.descriptor, this.#party.self), this.#party.self)
      const batches = inputBatches(session.plan)
      // A batch is proved while the next one is sent.
      let proving: Promise<void> = Promise.resolve()
      for (const { first, count, number } of batches) {
        await windowed(count, this.#options.window, signal, async (k, inner) => {
          const index = first + k
          const ciphertext = await inputs.encryptInput(index)
          hashes[index] = await hash(ciphertext)
          await uplink.request('queryInput', { query, index, ciphertext }, inner)
          this.#party.progress({ phase: 'input', done: ++done, total, query })
        })
        await proving
        if (!proved) continue
        proving = session.record.meter.measure('proofs', async () => {
          const proof = await inputs.proveInputs(number)
          await uplink.request('queryProof', { query, batch: number, proof }, signal)
          this.#party.progress({ phase: 'proofs', done: number + 1, total: batches.length, query })
        })
        proving.catch(() => undefined)
      }
      await proving
      return hashes
    } finally {
      // Cryptography that has failed has let go of everything.
      await inputs.dispose().catch(() => undefined)
    }
  }

  #expect(query: string, uplink: Connection): Asked {
    const result = Promise.withResolvers<Float64Array[]>()
    result.promise.catch(() => undefined)
    const { idle } = this.#options.deadlines
    const since = Date.now()
    const vigil = new Vigil({
      idle,
      // How long an evaluation may take is for whoever asks to say; here it only matters that the evaluator lives.
      longest: Number.POSITIVE_INFINITY,
      moving: () => false,
      onWaiting: () => this.#party.waiting({ phase: 'evaluation', peer: uplink.peer, message: 'queryResult', since }),
      ping: async signal => {
        await uplink.ping(signal)
        return true
      },
      onMissing: reason => result.reject(new PartyMissingError({ peer: uplink.peer, phase: 'evaluation', reason })),
      onLost: () => undefined
    })
    const asked = { result, vigil }
    this.#asked.set(query, asked)
    return asked
  }

  readonly handlers: Handlers = {
    queryProgress: async body => {
      this.#asked.get(body.query)?.vigil.news()
      this.#party.progress({
        phase: 'evaluation',
        done: body.done,
        total: body.total,
        query: plainText(body.query, 64),
        step: plainText(body.step, 200)
      })
      return {}
    },

    queryResult: async (body, context) => await this.#take(body, context),

    queryFinished: async body => {
      this.#asked.get(body.query)?.result.resolve([])
      return {}
    },

    queryFailed: async (body, context) => {
      this.#receiving.delete(body.query)
      this.#asked
        .get(body.query)
        ?.result.reject(new RemoteFailureError(context.peer, decodeFailure(body.failure, context.peer), { kind: 'queryEvaluate' }))
      return {}
    }
  }

  async #take(body: Bodies['queryResult'], context: HandlerContext): Promise<Bodies['acknowledged']> {
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
    if (own ? !this.#asked.has(body.query) : !hasRole(session.descriptor.roster, body.owner, 'data-owner')) {
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
      this.#asked.get(query)?.result.reject(typed)
      throw typed
    } finally {
      this.#receiving.delete(query)
    }
    this.#completed.set(query, receiving.hashes)
    this.#read += receiving.ciphertexts.length
    const { switchesPerQuerier: allowed } = session.descriptor
    this.#party.decryptions({ querier: this.#party.self, left: Math.max(0, allowed - this.#read), allowed })
    if (this.#completed.size > MAXIMUM_RECEIVING) this.#completed.delete(this.#completed.keys().next().value as string)
    if (receiving.owner === this.#party.self) this.#asked.get(query)?.result.resolve(wanted)
    else {
      session.queries.add(query)
      this.#options.onPredictions?.({ query, from: receiving.owner, predictions: wanted, plan: session.plan })
    }
  }
}
