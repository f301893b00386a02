/**
 * One query's evaluation: the cryptography computes, all key holders refresh and switch at once, owner and querier hear how far it is, and the querier gets
 * the result.
 */
import { together } from '../base/concurrency.js'
import { toHex } from '../base/digest.js'
import type { EvaluationCallbacks, EvaluationProgress, QueryEvaluation } from '../cryptography/evaluator.js'
import type { RefreshRequest, SwitchRequest } from '../cryptography/key-holder.js'
import { MalformedMessageError } from '../errors/errors.js'
import { connectionsWith, type Lead } from '../session/lead.js'
import { checkStatement, hashOfAll, signStatement } from '../session/statements.js'
import { switchStep } from '../terms/instances.js'
import { outputCount } from '../terms/plan.js'
import type { Assisted, Computed } from '../terms/statements.js'
import { checkList } from '../wire/checks.js'
import type { Connection } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'
import { holdsWholeKey, refreshWhole, switchWhole } from './whole-key-requests.js'
import type { Witnesses } from './witnesses.js'

export interface Query {
  readonly id: string
  readonly owner: string
  readonly querier: string
  readonly samples: number
  /** Result ciphertexts. */
  readonly results: number
  /** Hashes of the inputs that have come. */
  readonly inputs: (Uint8Array | undefined)[]
  /** By batch of inputs, once its proof has come: resolves when it has been checked everywhere. Empty where the owner proves nothing. */
  readonly proofs: (Promise<void> | undefined)[]
  /** What the cryptography keeps of it, until it is answered or forgotten. */
  evaluation: Promise<QueryEvaluation> | undefined
  /** What its owner has signed of it, once it is to be evaluated. */
  announcement: Bodies['queryAnnounce'] | undefined
  state: 'open' | 'evaluating' | 'done' | 'failed'
  /** Whether its result can be decrypted, and so counts against the quota: key holders have given shares for it, or re-encrypted it, or its querier holds the key. */
  switched: boolean
}

export class Evaluations {
  readonly #lead: Lead
  readonly #witnesses: Witnesses
  readonly #heartbeat: number

  /** @param heartbeat milliseconds between two signs of life to owner and querier */
  constructor(lead: Lead, witnesses: Witnesses, heartbeat: number) {
    this.#lead = lead
    this.#witnesses = witnesses
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
    const refused = new AbortController()
    try {
      const evaluation = await query.evaluation!
      // What needs nobody else begins while the others hear of the query.
      const announced = this.#announce(query)
      announced.catch(error => refused.abort(error))
      const callbacks: EvaluationCallbacks = {
        refresh: async request => {
          await announced
          return await this.#refresh(query, request)
        },
        switchShares: async request => {
          await announced
          return await this.#switch(query, request)
        },
        refreshWhole: async request => {
          await announced
          return await refreshWhole(this.#lead, computedBy(this.#lead, query), request)
        },
        switchWhole: async request => {
          await announced
          query.switched = true
          return await switchWhole(this.#lead, computedBy(this.#lead, query), request)
        },
        querierHoldsKey: holdsWholeKey(this.#lead, query.querier),
        resultKey: async () => this.#lead.resultKeys.get(query.querier)!,
        progress: progress => {
          latest = progress
          this.#lead.progress({ phase: 'evaluation', query: query.id, ...progress })
          tell()
        },
        layers: steps => this.#lead.layers(query.id, steps)
      }
      const result = await evaluation.evaluate(callbacks, AbortSignal.any([this.#lead.signal, refused.signal]))
      await announced
      // What is on its way to who holds the key is as good as decrypted.
      if (callbacks.querierHoldsKey) query.switched = true
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
    } catch (error) {
      // Why nobody helps, rather than what an evaluation says that is stopped for it.
      throw refused.signal.aborted && !this.#lead.signal.aborted ? refused.signal.reason : error
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

  /** Key holders help with what its owner has signed, and with nothing else; witnesses follow it. */
  async #announce(query: Query): Promise<void> {
    const followed = this.#witnesses.announce(query.announcement!)
    await together(connectionsWith(this.#lead, 'key-holder'), this.#lead.signal, async (holder, signal) => {
      await holder.request('queryAnnounce', query.announcement!, signal)
    })
    await followed
  }

  async #refresh(query: Query, request: RefreshRequest): Promise<Uint8Array[][]> {
    const { sizes } = this.#lead.session().record
    const { instance, step, level, scale, magnitude, c1 } = request
    const { id, querier } = query
    const assisted: Assisted = { assist: 'refresh', ...computedBy(this.#lead, query), step, instance, c1: await hashOfAll(c1) }
    const { signature, endorsements } = await this.#signed(assisted)
    const shares = await this.#lead.meter.measure('refresh', async () => {
      return await this.#fromHolders(assisted, c1.length, sizes.refreshShare, async (holder, signal) => {
        const asked = { instance, level, scale, magnitude, c1, query: id, querier, step, signature, endorsements }
        return await holder.request('refresh', asked, signal)
      })
    })
    this.#lead.session().refreshes.add(instance)
    return shares
  }

  async #switch(query: Query, request: SwitchRequest): Promise<Uint8Array[][]> {
    const { sizes } = this.#lead.session().record
    const { instance, level, noise, c1 } = request
    const { id, querier } = query
    const step = switchStep(this.#lead.session().plan)
    const assisted: Assisted = { assist: 'switch', ...computedBy(this.#lead, query), step, instance, c1: await hashOfAll(c1) }
    const { signature, endorsements } = await this.#signed(assisted)
    query.switched = true
    return await this.#lead.meter.measure('switch', async () => {
      return await this.#fromHolders(assisted, c1.length, sizes.switchShare, async (holder, signal) => {
        return await holder.request('switch', { query: id, querier, instance, level, noise, c1, signature, endorsements }, signal)
      })
    })
  }

  /** What is asked, with this party's signature and those of the witnesses that key holders demand. */
  async #signed(assisted: Assisted): Promise<Pick<Bodies['refresh'], 'signature' | 'endorsements'>> {
    const signature = await signStatement(this.#lead, this.#lead.session(), { kind: 'request', ...assisted })
    return { signature, endorsements: await this.#witnesses.endorsements(assisted, signature) }
  }

  async #fromHolders(
    assisted: Assisted,
    count: number,
    bound: number,
    ask: (holder: Connection, signal: AbortSignal) => Promise<Bodies['shares']>
  ): Promise<Uint8Array[][]> {
    const holders = connectionsWith(this.#lead, 'key-holder')
    const { assist: kind } = assisted
    let done = 0
    return await together(holders, this.#lead.signal, async (holder, signal) => {
      const { shares, signature } = await ask(holder, signal)
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
      const statement = { kind: 'shares', ...assisted, shares: await hashOfAll(shares) } as const
      const signed = { signer: holder.peer, statement, signature }
      await checkStatement(this.#lead, this.#lead.session(), signed, { peer: holder.peer, kind, field: 'signature' })
      const { query, instance } = assisted
      this.#witnesses.helped({ query, instance, peer: holder.peer, shares, signature })
      this.#lead.progress({ phase: kind, done: ++done, total: holders.length, peer: holder.peer })
      return shares
    })
  }

  /** Hands the result to the querier, signed, and tells the owner if that is somebody else. */
  async deliver(query: Query, result: readonly Uint8Array[]): Promise<void> {
    const { connections, signal } = this.#lead
    const querier = connections.get(query.querier)!
    const statement = { kind: 'result', ...computedBy(this.#lead, query), result: await hashOfAll(result) } as const
    const signature = await signStatement(this.#lead, this.#lead.session(), statement)
    const { id, owner, samples } = query
    const { inputs, signature: asked } = query.announcement!
    const whole = { query: id, owner, samples, inputs, asked, signature, total: result.length }
    for (const [index, ciphertext] of result.entries()) {
      await querier.request('queryResult', { ...whole, index, ciphertext }, signal)
      this.#lead.progress({ phase: 'result', done: index + 1, total: result.length, peer: query.querier, query: id })
    }
    if (query.owner !== query.querier) await connections.get(query.owner)!.request('queryFinished', { query: query.id }, signal)
  }
}

/** What statements say of a query that its owner has signed. */
function computedBy(lead: Lead, { id, querier, announcement }: Query): Computed {
  const model = lead.session().modelHash('queryEvaluate', { peer: lead.self })
  return { query: id, querier, inputs: toHex(announcement!.inputs), model }
}
