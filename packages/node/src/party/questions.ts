/** What a querier or data owner asks in a session: the configured samples once, or what commands say. */
import {
  type Coordinator,
  type Member,
  PartyMissingError,
  type QueryOptions,
  type Role,
  type SampleSource,
  SessionAbortedError
} from '@slytherin/protocol'
import { CommandError, type QuerierCommand } from '../commands.js'
import type { Configuration } from '../configuration/schema.js'
import type { Samples } from '../data/samples.js'
import type { EventListener } from '../events.js'
import { WorkerClosedError, WorkerCrashedError } from '../worker/errors.js'
import type { PeerNames } from './names.js'
import { resultOf } from './reports.js'

export interface QuestionsInit {
  readonly configuration: Configuration
  readonly roles: readonly Role[]
  readonly samples: Samples | undefined
  /** What to ask without configured samples. */
  readonly commands: AsyncIterator<QuerierCommand | CommandError> | undefined
  readonly emit: EventListener
  readonly names: PeerNames
  /** Aborted when the party stops. */
  readonly stopping: AbortSignal
}

export class Questions {
  private command: Promise<IteratorResult<QuerierCommand | CommandError>> | undefined

  constructor(private readonly init: QuestionsInit) {}

  /** Asks the configured samples once, or what commands say, as soon as the session is ready; then leaves it. */
  async ask(peer: Coordinator | Member, ended: AbortSignal): Promise<void> {
    const plan = await peer.ready()
    // Whoever was still waiting for the session before must not ask in this one.
    ended.throwIfAborted()
    this.init.emit({ event: 'ready' })
    if (!this.init.roles.includes('querier') && !this.init.roles.includes('data-owner')) return
    if (this.init.samples !== undefined)
      await this.query(peer, this.init.samples.as(plan.architecture.input.shape, plan.architecture.input.parts))
    else if (this.init.commands !== undefined) await this.obey(peer, this.init.commands, ended)
    await peer.leave()
  }

  private async obey(
    peer: Coordinator | Member,
    commands: AsyncIterator<QuerierCommand | CommandError>,
    ended: AbortSignal
  ): Promise<void> {
    for (;;) {
      // What is read when the session has ended is for the next one.
      this.command ??= commands.next()
      const { done, value } = await orAborted(this.command, ended)
      this.command = undefined
      if (done === true || this.init.stopping.aborted) return
      if (value instanceof CommandError) this.init.emit({ event: 'error', error: this.init.names.report(value) })
      else if (value.command === 'leave') return
      else {
        try {
          await this.query(
            peer,
            value.samples.map(sample => Float64Array.from(sample))
          )
        } catch (error) {
          // One query refused is not the session's end: the next may be within its quota, or well formed.
          if (endsSession(error) || ended.aborted || this.init.stopping.aborted) throw error
          this.init.emit({ event: 'error', error: this.init.names.report(error) })
        }
      }
    }
  }

  private async query(peer: Coordinator | Member, samples: SampleSource): Promise<void> {
    const start = performance.now()
    const options: QueryOptions = {
      signal: this.init.stopping,
      onPredictions: ({ first, predictions, plan }) =>
        this.init.emit({ event: 'result', first, ...resultOf(predictions, plan), seconds: (performance.now() - start) / 1000 })
    }
    const reader = this.init.roles.includes('querier')
      ? undefined
      : this.init.configuration.roster.find(entry => entry.roles.includes('querier'))
    if (reader !== undefined) options.querier = reader.peerId
    await peer.query(samples, options)
  }
}

function endsSession(error: unknown): boolean {
  return (
    error instanceof PartyMissingError ||
    error instanceof SessionAbortedError ||
    error instanceof WorkerCrashedError ||
    error instanceof WorkerClosedError ||
    (error instanceof Error && error.name === 'AbortError')
  )
}

/** @throws the signal's reason */
async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = (): void => reject(signal.reason)
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
