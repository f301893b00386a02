/** An evaluator's queries: desk, queue and runner, put together. */

import type { Signer } from '../../terms/signer.js'
import type { Transport } from '../../wire/transport.js'
import { type Caller, PATIENCE } from '../calls/caller.js'
import type { Responder } from '../calls/responder.js'
import type { OpenEpochs } from '../cryptography/open-epoch.js'
import { encodeSigned } from '../objects/signed.js'
import type { ContentStore } from '../store/content-store.js'
import type { RecordStore } from '../store/records.js'
import type { DocumentShelf } from '../store/shelf.js'
import type { QueryBooks } from './books.js'
import { CANCEL, FETCHED, INPUT, OPEN, PROVE, type QueryState, RESULT, STATUS, SUBMIT } from './calls.js'
import { QueryDesk } from './desk.js'
import type { ServiceEvent, ServiceListener } from './events.js'
import { type ReadyRelease, ReleaseHandles } from './handles.js'
import { QueryJournal, type QueryRecord } from './journal.js'
import { Pace } from './pace.js'
import { Presence } from './presence.js'
import { DEFAULT_LIMITS, type QueueLimits } from './room.js'
import { QueryRunner } from './runner.js'
import { WitnessDesk } from './witness-desk.js'

/** How often what has expired is looked for, milliseconds. */
const SWEEP = 60_000

/** What an evaluator's queue is given. */
export interface EvaluatorQueriesOptions {
  readonly transport: Pick<Transport, 'onPeerChange'>
  readonly caller: Caller
  readonly signer: Signer
  readonly epochs: OpenEpochs
  readonly documents: DocumentShelf
  /** The journal: every query, state and attempt, on disk before anybody is asked. */
  readonly records: RecordStore
  /** Inputs, answers of holders, results. */
  readonly contents: ContentStore
  /** Where a query counts before it is queued. */
  readonly books: QueryBooks
  /** 32 secret bytes of this evaluator, always the same. */
  readonly secret: Uint8Array
  /** @throws ReleaseRefusedError unless it may be asked */
  ready(release: string): ReadyRelease
  /** Whether a release will be ready in a while. */
  pending(release: string): boolean
  /** A part of the model is lost. */
  onDamaged(release: string, reason: string): void
  /** What went wrong in the background. */
  onError?(error: Error): void
  /** Told of states, phases, progress and steps. */
  onEvent?: ServiceListener
  readonly limits?: Partial<QueueLimits>
  /** Clock, milliseconds since 1970; the system's when not given. */
  readonly now?: () => number
  /** Milliseconds without a byte in either direction, after which a holder counts as absent. */
  readonly patience?: number
  /** Milliseconds after which a holder that was absent is tried again without news of it. */
  readonly retry?: number
  /** Milliseconds before a query that found no room on the disk is tried again. */
  readonly storagePause?: number
  /** Queries that are evaluated at the same time; 1 when not given. */
  readonly concurrency?: number
  /** Machines that compute at present; 1 when not given. */
  places?(): number
}

/** The queue as an operator sees it. */
export interface QueueReport {
  /** Number of queries in each state. */
  readonly states: Readonly<Partial<Record<QueryState, number>>>
  /** That all queries take on the disk. */
  readonly bytes: number
  readonly limits: QueueLimits
  /** In the order in which they will be done. */
  readonly waiting: readonly QueueEntry[]
  /** Whose results wait for their queriers. */
  readonly results: readonly QueueEntry[]
}

/** One query of the queue. */
export type QueueEntry = Pick<QueryRecord, 'query' | 'querier' | 'release' | 'samples' | 'state' | 'expires'>

/** An evaluator's queue: takes inputs, runs queries, keeps results until they are fetched. Survives a kill at any instant. */
export class EvaluatorQueries {
  readonly #desk: QueryDesk
  readonly #journal: QueryJournal
  readonly #runner: QueryRunner
  readonly #handles: ReleaseHandles
  readonly #presence: Presence
  readonly #witnesses: WitnessDesk
  readonly #onError: (error: Error) => void
  readonly #limits: QueueLimits
  #sweeping: ReturnType<typeof setInterval> | undefined

  private constructor(options: EvaluatorQueriesOptions, journal: QueryJournal, pace: Pace) {
    const { transport, epochs, ready, retry, patience = PATIENCE, now = Date.now, concurrency = 1, places = () => 1 } = options
    const { onError = () => undefined, onEvent = () => undefined } = options
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#journal = journal
    this.#onError = onError
    this.#presence = new Presence(transport, peer => this.#runner.forget(peer), retry)
    this.#handles = new ReleaseHandles(epochs, ready, true)
    const common = { ...options, journal, pace, handles: this.#handles, now, onEvent, concurrency, places }
    this.#witnesses = new WitnessDesk({ ...common, presence: this.#presence })
    this.#runner = new QueryRunner({ ...common, presence: this.#presence, witnesses: this.#witnesses, patience })
    this.#desk = new QueryDesk({ ...common, runner: this.#runner, limits: this.#limits })
  }

  /** Reads what is durable; nothing runs before `start`. */
  static async open(options: EvaluatorQueriesOptions): Promise<EvaluatorQueries> {
    const onState = (record: QueryRecord): void => options.onEvent?.(stateOf(record))
    const [journal, pace] = await Promise.all([QueryJournal.open(options.records, onState), Pace.open(options.records)])
    const queries = new EvaluatorQueries(options, journal, pace)
    await queries.#desk.tidy()
    return queries
  }

  /** Registers what senders and queriers may ask. */
  register(responder: Responder): void {
    const desk = this.#desk
    const anybody = (): undefined => undefined
    responder.on(OPEN, anybody, async ({ head }, { peer }) => {
      const { inputs, proved, state } = await desk.open(head, peer)
      return { head: { inputs: [...inputs], proved: [...proved], state } }
    })
    responder.on(INPUT, anybody, async ({ head, blobs }, { peer }) => {
      await desk.input(head.query, head.index, head.hash, blobs[0] ?? new Uint8Array(0), peer)
      return { head: {} }
    })
    responder.on(PROVE, anybody, async ({ head, blobs }, { peer }) => {
      await desk.proof(head.query, head.batch, blobs[0] ?? new Uint8Array(0), peer)
      return { head: {} }
    })
    responder.on(SUBMIT, anybody, async ({ blobs }, { peer }) => ({ head: await desk.submit(blobs, peer) }))
    responder.on(STATUS, anybody, async ({ head }, { peer, signal }) => ({
      head: await desk.follow(head.query, head.version, head.wait, peer, signal)
    }))
    responder.on(CANCEL, anybody, async ({ head }, { peer }) => ({ head: await desk.cancel(head.query, peer) }))
    responder.on(RESULT, anybody, async ({ head }, { peer }) => {
      const { signature, query, results } = await desk.result(head.query, peer)
      return { head: { signature }, blobs: [encodeSigned(query), ...results] }
    })
    responder.on(FETCHED, anybody, async ({ head }, { peer }) => ({ head: await desk.fetched(head.query, peer) }))
    this.#witnesses.register(responder)
  }

  /** Begins to run what is queued, and to look for what has expired. */
  start(): void {
    this.#runner.start()
    this.#sweeping ??= setInterval(() => void this.sweep().catch(this.#onError), SWEEP)
  }

  /** Ends what has expired; done now and then by itself. */
  async sweep(): Promise<void> {
    await this.#desk.sweep()
  }

  /** A release has become ready, or there is news of an epoch: there may be something to do. */
  wake(): void {
    this.#runner.wake()
  }

  /** Whether a query needs the release. */
  uses(release: string): boolean {
    return this.#desk.uses(release)
  }

  /** What `status` tells. */
  report(): QueueReport {
    return {
      states: this.#journal.states(),
      bytes: this.#journal.list().reduce((sum, { bytes }) => sum + bytes, 0),
      limits: this.#limits,
      waiting: this.#runner.order().map(entryOf),
      results: this.#journal.list('done').map(entryOf)
    }
  }

  /** Stops queries that run; the next start takes them up. */
  async dispose(): Promise<void> {
    clearInterval(this.#sweeping)
    await this.#runner.dispose()
    this.#handles.dispose()
    this.#presence.dispose()
  }
}

const entryOf = ({ query, querier, release, samples, state, expires }: QueryRecord): QueueEntry => ({
  query,
  querier,
  release,
  samples,
  state,
  expires
})

const stateOf = ({ query, state, epoch, release, sender, querier, samples, code }: QueryRecord): ServiceEvent => ({
  event: 'query',
  query,
  state,
  epoch,
  release,
  sender,
  querier,
  samples,
  code
})
