/**
 * One query's evaluation: the cryptography computes, all key holders refresh and switch at once, owner and querier hear how far it is, and the querier gets
 * the result.
 */
import { together } from '../base/concurrency.js'
import type { EvaluationCallbacks, EvaluationProgress, QueryEvaluation } from '../cryptography/evaluator.js'
import type { RefreshRequest, SwitchRequest } from '../cryptography/key-holder.js'
import { MalformedMessageError } from '../errors/errors.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { outputCount } from '../terms/plan.js'
import { checkList } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

export interface Query {
  readonly id: string
  readonly owner: string
  readonly querier: string
  readonly samples: number
  /** Result ciphertexts. */
  readonly results: number
  /** Hashes of the inputs that have come. */
  readonly inputs: (Uint8Array | undefined)[]
  /** What the cryptography keeps of it, until it is answered or forgotten. */
  evaluation: Promise<QueryEvaluation> | undefined
  state: 'open' | 'evaluating' | 'done' | 'failed'
  /** Whether key holders have given shares for its result, which count against the quota. */
  switched: boolean
}

export class Evaluations {
  readonly #lead: Lead
  readonly #heartbeat: number

  /** @param heartbeat milliseconds between two signs of life to owner and querier */
  constructor(lead: Lead, heartbeat: number) {
    this.#lead = lead
    this.#heartbeat = heartbeat
  }

  /** Result ciphertexts, under the querier's key. */
  async run(query: Query): Promise<Uint8Array[]> {
    const listeners = this.#listeners(query)
    let latest: EvaluationProgress = { done: 0, total: 1, step: 'queued' }
    const tell = (): void => {
      for (const listener of listeners) listener(latest)
    }
    const timer = setInterval(tell, this.#heartbeat)
    try {
      const evaluation = await query.evaluation!
      const callbacks: EvaluationCallbacks = {
        refresh: async request => await this.#refresh(request),
        switchShares: async request => await this.#switch(query, request),
        resultKey: async () => this.#lead.resultKeys.get(query.querier)!,
        progress: progress => {
          latest = progress
          this.#lead.progress({ phase: 'evaluation', query: query.id, ...progress })
          tell()
        },
        layers: steps => this.#lead.layers(query.id, steps)
      }
      const result = await evaluation.evaluate(callbacks, this.#lead.signal)
      const total = outputCount(this.#lead.session().plan)
      if (result.length !== total) {
        throw new MalformedMessageError({
          peer: this.#lead.self,
          kind: 'queryEvaluate',
          field: 'result',
          expected: `${total} ciphertexts`,
          actual: String(result.length)
        })
      }
      return result
    } finally {
      clearInterval(timer)
    }
  }

  /** Tell owner and querier how far it is; news replaces news that has not left yet. */
  #listeners(query: Query): ((progress: EvaluationProgress) => void)[] {
    const others = [...new Set([query.owner, query.querier])].filter(peer => peer !== this.#lead.self)
    return others.map(peer => {
      const connection = this.#lead.connections.get(peer)!
      let next: EvaluationProgress | undefined
      let busy = false
      const send = async (): Promise<void> => {
        busy = true
        while (next !== undefined && !this.#lead.signal.aborted) {
          const { done, total, step } = next
          next = undefined
          // Lost news is no harm: the vigil on the other side pings.
          await connection
            .request('queryProgress', { query: query.id, done, total, step: step.slice(0, 200) }, this.#lead.signal)
            .catch(() => undefined)
        }
        busy = false
      }
      return progress => {
        next = progress
        if (!busy) void send()
      }
    })
  }

  async #refresh(request: RefreshRequest): Promise<Uint8Array[][]> {
    const { sizes } = this.#lead.session().record
    const { instance, level, scale, magnitude, c1 } = request
    const shares = await this.#lead.meter.measure('refresh', async () => {
      return await this.#fromHolders('refresh', c1.length, sizes.refreshShare, async (holder, signal) => {
        return await holder.request('refresh', { instance, level, scale, magnitude, c1 }, signal)
      })
    })
    this.#lead.session().refreshes.add(instance)
    return shares
  }

  async #switch(query: Query, request: SwitchRequest): Promise<Uint8Array[][]> {
    const { sizes } = this.#lead.session().record
    const { instance, level, noise, c1 } = request
    query.switched = true
    return await this.#lead.meter.measure('switch', async () => {
      return await this.#fromHolders('switch', c1.length, sizes.switchShare, async (holder, signal) => {
        return await holder.request('switch', { query: query.id, querier: query.querier, instance, level, noise, c1 }, signal)
      })
    })
  }

  async #fromHolders(
    kind: 'refresh' | 'switch',
    count: number,
    bound: number,
    ask: (holder: Connection, signal: AbortSignal) => Promise<Bodies['shares']>
  ): Promise<Uint8Array[][]> {
    const holders = connectionsWith(this.#lead, 'key-holder')
    let done = 0
    return await together(holders, this.#lead.signal, async (holder, signal) => {
      const { shares } = await ask(holder, signal)
      checkList(shares, count, bound, 'shares', kind, holder.peer)
      if (shares.length !== count) {
        throw new MalformedMessageError({
          peer: holder.peer,
          kind,
          field: 'shares',
          expected: `${count} shares`,
          actual: String(shares.length)
        })
      }
      this.#lead.progress({ phase: kind, done: ++done, total: holders.length, peer: holder.peer })
      return shares
    })
  }

  /** Hands the result to the querier, and tells the owner if that is somebody else. */
  async deliver(query: Query, result: readonly Uint8Array[]): Promise<void> {
    const { connections, signal } = this.#lead
    const querier = connections.get(query.querier)!
    for (const [index, ciphertext] of result.entries()) {
      const { id, owner, samples } = query
      await querier.request('queryResult', { query: id, owner, samples, index, total: result.length, ciphertext }, signal)
      this.#lead.progress({ phase: 'result', done: index + 1, total: result.length, peer: query.querier, query: id })
    }
    if (query.owner !== query.querier) await connections.get(query.owner)!.request('queryFinished', { query: query.id }, signal)
  }
}
