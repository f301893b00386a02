/**
 * Runs queries, one after the other or so many at a time, until there are none; what it finds half done it does again, and comes to the same. A query that waits for
 * key holders holds up those of its own epoch that have not begun, and no others.
 */
import { delay, orStopped } from '../../base/concurrency.js'
import { digest } from '../../base/digest.js'
import { InternalError, type ProtocolError, StorageFullError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { passCount } from '../../terms/instances.js'
import type { Signer } from '../../terms/signer.js'
import type { Caller } from '../calls/caller.js'
import { GRANT } from '../objects/grant.js'
import { QUERY } from '../objects/query.js'
import { RELEASE } from '../objects/release.js'
import { identify } from '../objects/signed.js'
import { type ContentStore, querySpace, resultSpace } from '../store/content-store.js'
import type { DocumentShelf } from '../store/shelf.js'
import { ActiveSets } from './active-set.js'
import { type Announced, Assistants } from './assistants.js'
import { AssistedQuery } from './assisted.js'
import type { ServiceListener } from './events.js'
import type { ReleaseHandles, UsedRelease } from './handles.js'
import type { QueryJournal, QueryRecord } from './journal.js'
import { inOrder } from './order.js'
import type { Pace } from './pace.js'
import type { Presence } from './presence.js'
import { clearOpen } from './refreshed.js'
import { computedOf, hashOf, signStatement } from './statements.js'
import type { WitnessDesk } from './witness-desk.js'

/** Pause before a query goes on that found no room on the disk, milliseconds. */
const STORAGE_PAUSE = 5_000
/** How often a query is tried when it fails for no reason of its own. */
const FAILURES = 3
/** How long a request to a holder waits for those of other queries that run, milliseconds: little beside a round trip in a wide area. */
const WINDOW = 5
/** How often it is looked whether a release has become ready, milliseconds; whoever knows wakes the runner. */
const PENDING_PAUSE = 1_000

export interface RunnerOptions {
  readonly journal: QueryJournal
  readonly pace: Pace
  readonly presence: Presence
  readonly witnesses: WitnessDesk
  readonly caller: Caller
  readonly signer: Signer
  readonly handles: ReleaseHandles
  readonly documents: DocumentShelf
  readonly contents: ContentStore
  /** 32 secret bytes of this evaluator: all its randomness in a query comes from them and the signed query. */
  readonly secret: Uint8Array
  /** Whether a release will be ready in a while. */
  pending(release: string): boolean
  /** A part of the model is lost. */
  onDamaged(release: string, reason: string): void
  onError?(error: Error): void
  readonly onEvent: ServiceListener
  readonly now: () => number
  readonly patience: number
  readonly storagePause?: number
  /** Queries that are evaluated at the same time. */
  readonly concurrency: number
  /** Machines that compute at present. */
  places(): number
}

interface Progress {
  readonly done: number
  readonly total: number
  readonly step: string
}

interface Running {
  readonly epoch: string
  readonly since: number
  readonly abort: AbortController
  progress: Progress
  /** For key holders. */
  waiting: boolean
}

export class QueryRunner {
  readonly #options: RunnerOptions
  readonly #assistants: Assistants
  readonly #sets: ActiveSets
  readonly #abort = new AbortController()
  /** Grows with every query that is begun; by querier. */
  readonly #served = new Map<string, number>()
  #begun = 0
  #wake = Promise.withResolvers<void>()
  #work: Promise<void> | undefined
  readonly #running = new Map<string, Running>()
  readonly #tasks = new Set<Promise<void>>()
  /** How often a query has failed for no reason of its own. */
  readonly #failures = new Map<string, number>()

  constructor(options: RunnerOptions) {
    this.#options = options
    const { caller, signer, patience, presence, concurrency } = options
    this.#assistants = new Assistants({ caller, signer, patience, window: concurrency > 1 ? WINDOW : 0 })
    this.#sets = new ActiveSets(peer => presence.isUp(peer))
  }

  start(): void {
    this.#work ??= this.#loop()
  }

  /** There may be something to do. */
  wake(): void {
    this.#wake.resolve()
  }

  /** A holder may be another process than before. */
  forget(peer: string): void {
    this.#assistants.forget(peer)
  }

  /** What is being done of a query that runs. */
  progress(query: string): (Progress & { readonly seconds: number }) | undefined {
    const running = this.#running.get(query)
    return running === undefined ? undefined : { ...running.progress, seconds: (performance.now() - running.since) / 1000 }
  }

  /** Queries in the order in which they will be done, the one that runs first. */
  order(): QueryRecord[] {
    const { journal } = this.#options
    return [...journal.list('running'), ...inOrder(journal.list('queued'), this.#served)]
  }

  /** Stops a query that runs. */
  stop(query: string, reason: Error): void {
    this.#failures.delete(query)
    this.#running.get(query)?.abort.abort(reason)
  }

  /** How often each holder was chosen since the start. */
  get load(): ReadonlyMap<string, number> {
    return this.#sets.load
  }

  async dispose(): Promise<void> {
    this.#abort.abort(new Error('closed'))
    this.wake()
    await this.#work
    await Promise.all(this.#tasks)
  }

  async #loop(): Promise<void> {
    const { signal } = this.#abort
    while (!signal.aborted) {
      this.#wake = Promise.withResolvers<void>()
      const next = this.#next()
      if (next !== undefined) {
        const task = this.#run(next).finally(() => {
          this.#tasks.delete(task)
          this.wake()
        })
        this.#tasks.add(task)
        continue
      }
      const pending = this.order().some(({ release }) => this.#options.pending(release))
      const news = pending ? Promise.race([this.#wake.promise, delay(PENDING_PAUSE, signal)]) : this.#wake.promise
      await orStopped(news, signal).catch(() => undefined)
    }
  }

  #next(): QueryRecord | undefined {
    const running = [...this.#running.values()]
    const { concurrency, pending } = this.#options
    if (running.filter(({ waiting }) => !waiting).length >= concurrency) return undefined
    const held = new Set(running.filter(({ waiting }) => waiting).map(({ epoch }) => epoch))
    return this.order().find(({ query, epoch, release }) => !this.#running.has(query) && !held.has(epoch) && !pending(release))
  }

  async #run({ query, querier, epoch }: QueryRecord): Promise<void> {
    const abort = new AbortController()
    const progress = { done: 0, total: 0, step: 'starting' }
    this.#running.set(query, { epoch, since: performance.now(), abort, progress, waiting: false })
    this.#served.set(querier, ++this.#begun)
    try {
      const record = await this.#options.journal.change(query, now => (now.state === 'queued' ? { state: 'running' } : undefined))
      if (record.state !== 'running') return
      const waited = Math.max(0, this.#options.now() - record.queued) / 1000
      this.#options.onEvent({ event: 'phase', query, phase: 'queue', seconds: waited })
      this.#options.witnesses.changed()
      const signal = AbortSignal.any([this.#abort.signal, abort.signal])
      await this.#options.handles.use(record.release, async release => await this.#evaluate(record, release, signal))
    } catch (error) {
      // Closed, or cancelled: what becomes of the query has been said.
      if (this.#abort.signal.aborted || abort.signal.aborted) return
      await this.#failed(query, error)
    } finally {
      this.#running.delete(query)
      this.#assistants.done(query)
      this.#options.witnesses.done(query)
    }
  }

  async #evaluate(record: QueryRecord, { plan, epoch, cryptography }: UsedRelease, signal: AbortSignal): Promise<void> {
    const { journal, contents, pace, places, presence, onEvent } = this.#options
    const { query } = record
    const announced = await this.#announced(record)
    const { holders, proofs } = epoch.record.proposal
    const sole = holders.length === 1 ? holders[0]!.peer : undefined
    const evaluation = await cryptography.openEvaluation({
      query,
      sender: record.sender,
      proved: proofs && record.sender !== sole,
      inputs: record.inputs as string[],
      space: querySpace(query),
      seed: digest('slytherin query secret', this.#options.secret, identify(QUERY, announced.query.document)),
      querierHoldsKey: record.querier === sole
    })
    const started = performance.now()
    let [work, held] = [0, 0]
    try {
      const assisted = new AssistedQuery({
        journal,
        contents,
        assistants: this.#assistants,
        witnesses: this.#options.witnesses,
        sets: this.#sets,
        presence,
        epoch,
        announced,
        plan,
        signal,
        onPhase: (phase, seconds) => {
          if (phase === 'refresh' || phase === 'switch') held += seconds
          onEvent({ event: 'phase', query, phase, seconds })
        },
        onProgress: progress => this.#progress(query, progress),
        onStep: ({ step, kind, layer, blocks: [from], seconds, level, scale, noise }) => {
          const pass = Math.floor(from / plan.batchBlocksPerPass)
          work += seconds
          onEvent({ event: 'step', query, step, kind, layer, pass, seconds, level, deviation: noise - Math.log2(scale) })
        },
        onWaiting: waiting => this.#waits(query, waiting)
      })
      const results = await evaluation.evaluate(assisted, signal)
      const names: string[] = []
      for (const result of results) names.push(await contents.put(resultSpace(query), result))
      const bytes = results.reduce((sum, { length }) => sum + length, 0)
      const { document } = announced.query
      const statement = { kind: 'result', ...computedOf(document), result: await hashOf(results) } as const
      const signature = await signStatement(document.epoch, statement, this.#options.signer)
      const done = { state: 'done', result: names, signature, attempts: {}, bytes } as const
      const now = await journal.change(query, known => (known.state === 'running' ? done : undefined))
      if (now.state !== 'done') await contents.clear(resultSpace(query))
      await clearOpen(contents, now)
    } finally {
      await evaluation.dispose()
    }
    this.#failures.delete(query)
    const seconds = (performance.now() - started) / 1000
    onEvent({ event: 'phase', query, phase: 'evaluation', seconds })
    // One place does everything, also what is no step; of several only steps tell how long each has worked. Their passes wait for holders beside each other.
    const several = places() > 1
    await pace.measured(record.release, {
      work: several ? work : Math.max(0, seconds - held),
      held: several ? held / passCount(plan) : held
    })
  }

  async #announced({ query, release, grant, signed, resultKey }: QueryRecord): Promise<Announced> {
    const { documents, contents } = this.#options
    const [releaseDocument, grantDocument, key] = await Promise.all([
      documents.get(RELEASE, release),
      documents.get(GRANT, grant),
      contents.get(querySpace(query), resultKey)
    ])
    if (releaseDocument === undefined || grantDocument === undefined || key === undefined || signed === null) {
      throw new InternalError({ kind: 'query', field: 'query', reason: 'what it was asked with is lost', remedy: 'Ask the query again.' })
    }
    return { query: signed, grant: grantDocument, release: releaseDocument, resultKey: key }
  }

  #progress(query: string, progress: Progress): void {
    const running = this.#running.get(query)
    if (running === undefined) return
    running.progress = progress
    this.#options.onEvent({ event: 'progress', query, ...progress })
    this.#options.journal.touch(query)
  }

  #waits(query: string, waiting: boolean): void {
    const running = this.#running.get(query)
    if (running === undefined) return
    running.waiting = waiting
    this.wake()
  }

  async #failed(query: string, cause: unknown): Promise<void> {
    const { journal, onDamaged, onError, onEvent, contents, storagePause = STORAGE_PAUSE } = this.#options
    const error: ProtocolError = translateError(cause, { kind: 'query' })
    onError?.(error)
    try {
      if (error instanceof StorageFullError) {
        // Nothing is lost: it goes on when there is room.
        onEvent({ event: 'retry', query, code: error.code })
        this.#progress(query, { done: 0, total: 0, step: 'waiting for room on the disk of the evaluator' })
        await delay(storagePause, this.#abort.signal)
        return
      }
      const record = journal.get(query)
      if (record === undefined) return
      if (error.reason?.startsWith('model part') === true) onDamaged(record.release, error.reason)
      const failures = (this.#failures.get(query) ?? 0) + 1
      if (error.code === 'internal' && failures < FAILURES) {
        // A thread that died, say: what was open in it is opened again.
        this.#failures.set(query, failures)
        onEvent({ event: 'retry', query, code: error.code })
        this.#options.handles.forget(record.release)
        await delay(storagePause, this.#abort.signal)
        return
      }
      this.#failures.delete(query)
      const message = error.message.slice(0, 1000)
      const ended = await journal.change(query, ({ state }) =>
        state === 'running' ? { state: 'failed', code: error.code, message, attempts: {}, bytes: 0 } : undefined
      )
      await clearOpen(contents, ended)
    } catch (again) {
      if (this.#abort.signal.aborted) return
      onError?.(translateError(again, { kind: 'query' }))
      await delay(storagePause, this.#abort.signal).catch(() => undefined)
    }
  }
}
