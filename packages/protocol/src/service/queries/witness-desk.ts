/**
 * The evaluator's side of witnesses: tells them which queries run, hands out what they follow from, and gathers their endorsements. Witnesses ask, and are told; one
 * that is slow, or away, holds up what key holders want to see endorsed, and nothing else.
 */
import { orStopped } from '../../base/concurrency.js'
import { build } from '../../errors/build.js'
import { isErrorCode } from '../../errors/codes.js'
import { NotEndorsedError, NotPermittedError, OutOfOrderMessageError, type ProtocolError } from '../../errors/errors.js'
import { satisfies } from '../../terms/endorsements.js'
import type { EndorsementDemand } from '../../terms/policy.js'
import type { Signer } from '../../terms/signer.js'
import type { Responder } from '../calls/responder.js'
import type { OpenEpochs } from '../cryptography/open-epoch.js'
import { GRANT } from '../objects/grant.js'
import { encodeSigned } from '../objects/signed.js'
import { type ContentStore, querySpace } from '../store/content-store.js'
import type { DocumentShelf } from '../store/shelf.js'
import type { QueryJournal, QueryRecord } from './journal.js'
import type { Presence } from './presence.js'
import { type Assisted, checkStatement } from './statements.js'
import * as calls from './witness-calls.js'

export interface WitnessDeskOptions {
  readonly journal: QueryJournal
  readonly contents: ContentStore
  readonly documents: DocumentShelf
  readonly epochs: OpenEpochs
  readonly signer: Pick<Signer, 'verify'>
  readonly presence: Presence
  onError?(error: Error): void
}

/** A witness's signature under what holders are asked, hexadecimal. */
export interface Endorsement {
  readonly peer: string
  readonly signature: string
}

/** What holders are about to be asked. */
export interface AskedOfWitnesses {
  readonly epoch: string
  /** Of the attempt: `r3.0`, `out`. */
  readonly step: string
  readonly assisted: Assisted
  /** The evaluator's, under the request. */
  readonly signature: string
}

interface StepQuestion {
  readonly query: string
  readonly step: string
  readonly known: number
  readonly answered: boolean
  readonly wait: number
}

interface Pending extends AskedOfWitnesses {
  readonly endorsements: Map<string, string>
}

export class WitnessDesk {
  readonly #options: WitnessDeskOptions
  /** By query, then step: what holders are asked, or about to be. */
  readonly #asked = new Map<string, Map<string, Pending>>()
  /** By query: why a witness does not follow it. */
  readonly #refusals = new Map<string, Map<string, ProtocolError>>()
  /** Of the list of queries that run. */
  #version = 1
  #changed = Promise.withResolvers<void>()

  constructor(options: WitnessDeskOptions) {
    this.#options = options
  }

  register(responder: Responder): void {
    const anybody = (): undefined => undefined
    const { contents, documents } = this.#options
    responder.on(calls.WITNESS_QUERIES, anybody, async ({ head }, { peer, signal }) => {
      if (head.version === this.#version) await this.#news(head.wait, signal)
      return { head: { version: this.#version, queries: await this.#followable(peer) } }
    })
    responder.on(calls.WITNESS_QUERY, anybody, async ({ head }, { peer }) => {
      const { query, signed, grant, inputs, proofs, resultKey } = await this.#running(head.query, peer)
      const [grantDocument, key] = await Promise.all([documents.get(GRANT, grant), contents.get(querySpace(query), resultKey)])
      if (signed === null || grantDocument === undefined || key === undefined) throw gone(peer, head.query)
      return { head: { inputs: inputs as string[], proofs }, blobs: [encodeSigned(signed), encodeSigned(grantDocument), key] }
    })
    responder.on(calls.WITNESS_FETCH, anybody, async ({ head }, { peer }) => {
      const { query } = await this.#running(head.query, peer)
      const bytes = await contents.get(querySpace(query), head.hash)
      if (bytes === undefined) throw gone(peer, head.query)
      return { head: {}, blobs: [bytes] }
    })
    responder.on(calls.WITNESS_STEP, anybody, async ({ head }, { peer, signal }) => {
      const record = this.#options.journal.get(head.query)
      if (record?.state !== 'running') return { head: OVER }
      await this.#running(head.query, peer)
      return { head: await this.#stepOf(head, peer, signal) }
    })
    responder.on(calls.WITNESS_ENDORSE, anybody, async ({ head: { query, step, instance, signature } }, { peer }) => {
      await this.#running(query, peer)
      const pending = this.#asked.get(query)?.get(step)
      // What is not asked any more needs no endorsement.
      if (pending?.assisted.instance !== instance) return { head: {} }
      const { epoch, assisted } = pending
      await checkStatement(epoch, peer, { kind: 'endorsement', ...assisted }, signature, this.#options.signer, 'witness/endorse')
      pending.endorsements.set(peer, signature)
      this.#wake()
      return { head: {} }
    })
    responder.on(calls.WITNESS_REFUSE, anybody, async ({ head: { query, code, reason } }, { peer }) => {
      await this.#running(query, peer)
      const refusals = this.#refusals.get(query) ?? new Map<string, ProtocolError>()
      if (refusals.has(peer)) return { head: {} }
      const error = build(isErrorCode(code) && code !== 'remote-failure' ? code : 'internal', {
        peer,
        kind: 'witness',
        field: 'query',
        reason
      })
      this.#refusals.set(query, refusals.set(peer, error))
      this.#options.onError?.(error)
      this.#wake()
      return { head: {} }
    })
  }

  /** Queries have begun or ended. */
  changed(): void {
    this.#version++
    this.#wake()
  }

  /** The query is over. */
  done(query: string): void {
    this.#asked.delete(query)
    this.#refusals.delete(query)
    this.changed()
  }

  /**
   * Resolves as soon as there are as many endorsements as every holder demands, at once where none demands any; witnesses that are slower follow on.
   * @param onWaiting told for whom, in plain words
   * @throws what a witness refused with, when the others are not enough; NotEndorsedError where there are too few to begin with; the signal's reason
   */
  async endorsements(
    of: AskedOfWitnesses,
    demands: readonly EndorsementDemand[],
    signal: AbortSignal,
    onWaiting: (step: string) => void
  ): Promise<Endorsement[]> {
    const { epochs, journal, presence } = this.#options
    const { query } = of.assisted
    const { witnesses } = (await epochs.epoch(of.epoch)).record.proposal
    if (witnesses.length === 0 && satisfies(demands, [])) return []
    const steps = this.#asked.get(query) ?? new Map<string, Pending>()
    const known = steps.get(of.step)
    const pending = known?.assisted.instance === of.assisted.instance ? known : { ...of, endorsements: new Map<string, string>() }
    this.#asked.set(query, steps.set(of.step, pending))
    journal.touch(query)
    for (;;) {
      const entries = [...pending.endorsements].map(([peer, signature]) => ({ peer, signature }))
      if (satisfies(demands, entries)) return entries
      const refusals = this.#refusals.get(query) ?? new Map<string, ProtocolError>()
      const willing = witnesses.filter(peer => !refusals.has(peer))
      if (
        !satisfies(
          demands,
          willing.map(peer => ({ peer }))
        )
      ) {
        const [refusal] = refusals.values()
        throw refusal ?? tooFew(demands, witnesses)
      }
      const missing = willing.filter(peer => !pending.endorsements.has(peer))
      onWaiting(`waiting for witnesses: ${missing.map(peer => (presence.isUp(peer) ? peer : `${peer} (down)`)).join(', ')}`)
      await Promise.race([orStopped(this.#changed.promise, signal), presence.change(signal)])
    }
  }

  /** Queries that run and that a peer is a witness of. */
  async #followable(peer: string): Promise<string[]> {
    const found: string[] = []
    for (const { query, epoch } of this.#options.journal.list('running')) {
      if (await this.#witnesses(epoch, peer)) found.push(query)
    }
    return found
  }

  async #witnesses(epoch: string, peer: string): Promise<boolean> {
    const open = await this.#options.epochs.epoch(epoch).catch(() => undefined)
    return open?.record.proposal.witnesses.includes(peer) ?? false
  }

  async #running(query: string, peer: string): Promise<QueryRecord> {
    const record = this.#options.journal.get(query)
    if (record?.state !== 'running') throw gone(peer, query)
    if (await this.#witnesses(record.epoch, peer)) return record
    throw new NotPermittedError({ peer, kind: 'witness', field: 'sender', expected: 'a witness of the query’s epoch', actual: peer })
  }

  /** The step's last attempt once it says more than is known. */
  async #stepOf({ query, step, known, answered, wait }: StepQuestion, peer: string, signal: AbortSignal): Promise<calls.StepNews> {
    const until = performance.now() + wait
    const { journal } = this.#options
    for (;;) {
      const version = journal.version(query)
      const record = journal.get(query)
      if (record?.state !== 'running') return OVER
      const last = record.attempts[step]?.at(-1)
      if (last?.state === 'answered' && (last.name.number > known || (last.name.number === known && !answered))) {
        const { name, answers, signatures } = last
        const shares = answers.map(ofHolder => [...ofHolder])
        return { ...NOTHING, attempt: name, answered: { shares, signatures: [...signatures] } }
      }
      const pending = this.#asked.get(query)?.get(step)
      // What was endorsed is asked for again where this process has not heard of it: the one before it had.
      const lacking = last?.name.number === known && pending?.endorsements.has(peer) === false
      if (last?.state === 'asked' && (last.name.number > known || lacking) && pending !== undefined) {
        const { assisted, signature } = pending
        const { instance, c1 } = assisted
        if (isOf(instance, last.name)) return { ...NOTHING, attempt: last.name, asked: { instance, c1, signature } }
      }
      const left = until - performance.now()
      if (left <= 0 || signal.aborted) return NOTHING
      await journal.news(query, version, left, signal)
    }
  }

  async #news(wait: number, signal: AbortSignal): Promise<void> {
    const timer = Promise.withResolvers<void>()
    const timeout = setTimeout(() => timer.resolve(), wait)
    const version = this.#version
    try {
      while (this.#version === version && !signal.aborted) {
        const ended = await Promise.race([orStopped(this.#changed.promise, signal), timer.promise.then(() => true)])
        if (ended === true) return
      }
    } finally {
      clearTimeout(timeout)
    }
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}

const NOTHING: calls.StepNews = { over: false, attempt: null, asked: null, answered: null }
const OVER: calls.StepNews = { ...NOTHING, over: true }

/** Whether a request's instance is an attempt's: query, step and number lead it. */
const isOf = (instance: string, { query, step, number }: { query: string; step: string; number: number }): boolean =>
  instance.startsWith(`${query}/${step}/${number}/`)

function gone(peer: string, query: string): OutOfOrderMessageError {
  return new OutOfOrderMessageError({ peer, kind: 'witness', field: 'query', actual: query, reason: 'it does not run' })
}

function tooFew(demands: readonly EndorsementDemand[], witnesses: readonly string[]): NotEndorsedError {
  const most = Math.max(...demands.map(({ witnesses: count }) => count))
  return new NotEndorsedError({
    kind: 'query',
    field: 'witnesses',
    expected: `${most} witnesses, as key holders demand`,
    actual: witnesses.join(', ') || 'none in this epoch',
    remedy: 'Ask in an epoch with more witnesses, or let the holders ask for fewer in cohort.policy.assist.'
  })
}
