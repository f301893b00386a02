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
import { hash, randomBytes, toHex } from '../base/digest.js'
import { Vigil } from '../base/vigil.js'
import type { DataOwnerCryptography } from '../cryptography/data-owner.js'
import type { EvaluatorCryptography } from '../cryptography/evaluator.js'
import type { QuerierCryptography } from '../cryptography/querier.js'
import { NotPermittedError, PartyMissingError, RemoteFailureError } from '../errors/errors.js'
import { plainText } from '../errors/plain.js'
import type { Handlers, PartyComponents } from '../session/party-components.js'
import type { PartySession } from '../session/party-session.js'
import { signStatement } from '../session/statements.js'
import { inputCount, type Plan } from '../terms/plan.js'
import { inputBatches, proofTerms, provesEncryptions } from '../terms/proof-batches.js'
import { hasRole } from '../terms/roster.js'
import { componentsHash } from '../terms/statements.js'
import type { Connection } from '../wire/connection.js'
import type { Deadlines } from '../wire/deadlines.js'
import { decodeFailure } from '../wire/failure.js'
import { inBatches } from './batches.js'
import { ResultReader } from './result-reader.js'
import type { QueryOptions, SampleSource } from './samples.js'

/** Queries of one call under way at a time: one that is evaluated and one that is encrypted. */
const MAXIMUM_UNDER_WAY = 2

/** Where data are clear the evaluator asks, and its samples go no further than its own cryptography. */
type AskingCryptography = DataOwnerCryptography & QuerierCryptography & Pick<EvaluatorCryptography, 'storeSamples'>

interface Asked {
  readonly result: PromiseWithResolvers<Float64Array[]>
  readonly vigil: Vigil
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
  readonly #results: ResultReader
  /** Queries of one process take turns sending their samples, so that they are evaluated in the order in which they were asked. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(party: PartyComponents<AskingCryptography>, options: QueryClientOptions) {
    this.#party = party
    this.#options = options
    this.#results = new ResultReader(party, {
      asked: query => this.#asked.get(query)?.result,
      onPredictions: result => options.onPredictions?.(result)
    })
  }

  /** The session is over: nothing more will come. */
  reset(reason: Error): void {
    for (const asked of this.#asked.values()) asked.result.reject(reason)
    this.#asked.clear()
    this.#results.reset()
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

    queryResult: async (body, context) => await this.#results.take(body, context),

    queryFinished: async body => {
      this.#asked.get(body.query)?.result.resolve([])
      return {}
    },

    queryFailed: async (body, context) => {
      this.#results.forget(body.query)
      this.#asked
        .get(body.query)
        ?.result.reject(new RemoteFailureError(context.peer, decodeFailure(body.failure, context.peer), { kind: 'queryEvaluate' }))
      return {}
    }
  }
}
