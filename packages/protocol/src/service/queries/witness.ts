/**
 * A witness of a service: runs every query of its epochs again, from what their owners and holders have signed, and endorses what it comes to itself. It asks the
 * evaluator for everything and believes it nothing: keys are summed here from signed shares, the model is its owner's by the hashes that it signed, inputs are those
 * of the signed query, with proofs checked here, and refreshed ciphertexts come from signed shares over the very second components that were computed here.
 *
 * It follows one way through a query: what it has signed is durable before it is sent, and a step that it has left it does not come back to, after a restart either.
 */
import { delay, orStopped } from '../../base/concurrency.js'
import { type ProtocolError, RemoteFailureError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { callUntilThere, PAUSE } from '../calls/persistent.js'
import { querySpace } from '../store/content-store.js'
import { followQuery } from './followed-query.js'
import type { ServiceWitnessOptions } from './following.js'
import * as calls from './witness-calls.js'
import { WitnessDiary } from './witness-diary.js'

/** Milliseconds that the evaluator may wait for news before it answers. */
const WAIT = 20_000
/** Least pause between two questions, milliseconds, whatever the evaluator answers. */
const BREATH = 20
/** What ends of itself, or with somebody's help: the query is followed again after a pause. */
const PASSING: ReadonlySet<string> = new Set([
  'storage-full',
  'internal',
  'peer-unreachable',
  'deadline-exceeded',
  'out-of-order-message',
  'stale-sharing',
  'release-refused'
])

/** What is told of a query that is followed. */
export interface FollowedReport {
  readonly query: string
  readonly evaluator: string
  readonly state: 'following' | 'refused'
  /** What is being done, or why it is not followed; plain words. */
  readonly step: string
  /** Endorsements given since the process was started. */
  readonly endorsed: number
}

interface Followed {
  readonly evaluator: string
  readonly stop: AbortController
  step: string
  endorsed: number
  refusal: ProtocolError | undefined
  work: Promise<void>
}

export class ServiceWitness {
  readonly #options: ServiceWitnessOptions
  readonly #diary: WitnessDiary
  readonly #abort = new AbortController()
  /** By evaluator. */
  readonly #listening = new Map<string, Promise<void>>()
  readonly #followed = new Map<string, Followed>()
  #endorsements = 0

  private constructor(options: ServiceWitnessOptions, diary: WitnessDiary) {
    this.#options = options
    this.#diary = diary
  }

  static async open(options: ServiceWitnessOptions): Promise<ServiceWitness> {
    return new ServiceWitness(options, await WitnessDiary.open(options.records, options.now ?? Date.now))
  }

  /** Follows the evaluators of all epochs that this party is a witness of; called again when there are others. */
  async refresh(): Promise<void> {
    for (const { proposal } of await this.#options.witnessed()) {
      const { evaluator } = proposal
      if (this.#listening.has(evaluator) || this.#abort.signal.aborted) continue
      this.#listening.set(evaluator, this.#listen(evaluator))
    }
  }

  /** What `status` tells. */
  report(): { readonly endorsements: number; readonly queries: readonly FollowedReport[] } {
    const queries = [...this.#followed].map(([query, { evaluator, refusal, step, endorsed }]) => ({
      query,
      evaluator,
      state: refusal === undefined ? ('following' as const) : ('refused' as const),
      step: refusal?.message.slice(0, 1000) ?? step,
      endorsed
    }))
    return { endorsements: this.#endorsements, queries }
  }

  async dispose(): Promise<void> {
    this.#abort.abort(new Error('closed'))
    await Promise.all([...this.#listening.values(), ...[...this.#followed.values()].map(async ({ work }) => await work)])
    this.#options.handles.dispose()
  }

  /** Never rejects. */
  async #listen(evaluator: string): Promise<void> {
    const { caller, pause = PAUSE, wait = WAIT, onError } = this.#options
    const { signal } = this.#abort
    for (let version = 0; !signal.aborted; ) {
      try {
        const { head } = await callUntilThere(caller, {
          peer: evaluator,
          kind: calls.WITNESS_QUERIES,
          head: { version, wait },
          signal,
          pause,
          // Another process answers next: its versions are others.
          onAbsent: () => {
            version = 0
          }
        })
        version = head.version
        await delay(BREATH, signal)
        await this.#take(evaluator, new Set(head.queries))
      } catch (error) {
        if (signal.aborted) return
        onError?.(translateError(error, { peer: evaluator }), evaluator)
        version = 0
        await delay(pause, signal).catch(() => undefined)
      }
    }
  }

  /** Follows what runs, and nothing else. */
  async #take(evaluator: string, running: ReadonlySet<string>): Promise<void> {
    for (const [query, followed] of this.#followed) {
      if (followed.evaluator !== evaluator || running.has(query)) continue
      followed.stop.abort(new Error('the query is over'))
      await followed.work
      this.#followed.delete(query)
      await this.#options.contents.clear(querySpace(query))
    }
    for (const query of running) {
      const known = this.#followed.get(query)
      if (known?.refusal !== undefined) await this.#refuse(evaluator, query, known.refusal)
      if (known !== undefined) continue
      const stop = new AbortController()
      const followed: Followed = { evaluator, stop, step: 'starting', endorsed: 0, refusal: undefined, work: Promise.resolve() }
      this.#followed.set(query, followed)
      followed.work = this.#follow(query, followed)
    }
  }

  /** Never rejects. */
  async #follow(query: string, followed: Followed): Promise<void> {
    const { pause = PAUSE, onDamaged, onError, onEvent, handles } = this.#options
    const signal = AbortSignal.any([this.#abort.signal, followed.stop.signal])
    while (!signal.aborted) {
      let release: string | undefined
      try {
        await followQuery(query, followed.evaluator, {
          ...this.#options,
          wait: this.#options.wait ?? WAIT,
          pause,
          diary: this.#diary,
          signal,
          onRelease: name => {
            release = name
          },
          onStep: step => {
            followed.step = step
          },
          onEndorsed: () => {
            followed.endorsed++
            this.#endorsements++
          }
        })
        return
      } catch (cause) {
        if (signal.aborted) return
        const error =
          cause instanceof RemoteFailureError ? cause.remote : translateError(cause, { peer: followed.evaluator, kind: 'witness' })
        onError?.(error, followed.evaluator)
        if (release !== undefined && error.reason?.startsWith('model part') === true) onDamaged(release)
        if (PASSING.has(error.code)) {
          followed.step = error.message.slice(0, 1000)
          // A thread that died, say: what was open in it is opened again.
          if (release !== undefined && error.code === 'internal') handles.forget(release)
          await delay(pause, signal).catch(() => undefined)
          continue
        }
        followed.refusal = error
        onEvent?.({ event: 'not-endorsed', query, evaluator: followed.evaluator, code: error.code, culprit: error.culprit ?? '' })
        await orStopped(this.#refuse(followed.evaluator, query, error), signal).catch(() => undefined)
        return
      }
    }
  }

  /** Tells the evaluator, who may hear of it again. */
  async #refuse(evaluator: string, query: string, { code, message }: ProtocolError): Promise<void> {
    const { caller, onError } = this.#options
    await caller
      .call(evaluator, calls.WITNESS_REFUSE, { query, code: code.slice(0, 80), reason: message.slice(0, 1000) }, [], {
        signal: this.#abort.signal
      })
      .catch(error => {
        // It is over, or nobody is there.
        if (!this.#abort.signal.aborted && !(error instanceof RemoteFailureError)) onError?.(translateError(error, { peer: evaluator }))
      })
  }
}
