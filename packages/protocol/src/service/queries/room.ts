/** How much an evaluator takes, and how long what it has taken will be. */
import { QueueFullError, QuotaExceededError } from '../../errors/errors.js'
import { inputCount, type Plan } from '../../terms/plan.js'
import type { ReleaseHandles } from './handles.js'
import type { QueryJournal, QueryRecord } from './journal.js'
import type { Pace } from './pace.js'
import type { QueryRunner } from './runner.js'
import { type Left, timeLeft } from './time-left.js'

export interface QueueLimits {
  /** Queries that are open, wait, run, or whose result waits. */
  readonly queries: number
  /** Bytes of all of them. */
  readonly bytes: number
  /** Open ones of one sender. */
  readonly openPerSender: number
  /** Milliseconds after which a query whose inputs do not come is forgotten. */
  readonly openFor: number
  /** Longest time that a query may be asked to wait for its querier, milliseconds. */
  readonly longest: number
}

export const DEFAULT_LIMITS: QueueLimits = {
  queries: 1000,
  bytes: 16 * 2 ** 30,
  openPerSender: 16,
  openFor: 3_600_000,
  longest: 90 * 86_400_000
}

export interface RoomOptions {
  readonly journal: QueryJournal
  readonly runner: QueryRunner
  readonly handles: ReleaseHandles
  readonly pace: Pace
  readonly limits: QueueLimits
  /** Machines that compute at present. */
  places(): number
  /** Queries that are evaluated at the same time. */
  readonly concurrency: number
}

export class QueueRoom {
  readonly #options: RoomOptions

  constructor(options: RoomOptions) {
    this.#options = options
  }

  /** @throws QueueFullError, QuotaExceededError: how much there is, and when to try again */
  check(sender: string, bytes: number): void {
    const { journal, limits, runner } = this.#options
    const live = journal.list()
    const own = live.filter(record => record.state === 'open' && record.sender === sender)
    if (own.length >= limits.openPerSender) {
      throw new QuotaExceededError({
        peer: sender,
        kind: 'query/open',
        field: 'sender',
        expected: `at most ${limits.openPerSender} queries whose inputs are coming`,
        remedy: 'Send the inputs of those that are open, or cancel them.'
      })
    }
    const taken = live.reduce((sum, record) => sum + record.bytes, 0)
    if (live.length < limits.queries && taken + bytes <= limits.bytes) return
    const [next] = runner.order()
    const seconds = next === undefined ? undefined : this.secondsUntil([next])
    const remedy =
      seconds === undefined ? 'Results wait to be fetched: try again later.' : `Try again in about ${Math.max(1, Math.ceil(seconds))} s.`
    const expected = `at most ${limits.queries} queries of ${limits.bytes} bytes`
    throw new QueueFullError({
      peer: sender,
      kind: 'query/open',
      field: 'query',
      expected,
      actual: `${live.length} of ${taken} bytes, and ${bytes} more`,
      remedy
    })
  }

  /** Until the last of these is done. @param order in which they are done */
  secondsUntil(order: readonly QueryRecord[]): number {
    const { places, concurrency } = this.#options
    const left = order.flatMap(record => this.#left(record))
    return timeLeft(left, { places: places(), concurrency })
  }

  /** Nothing is said of a release that is not known. */
  #left({ query, release }: QueryRecord): Left[] {
    const { runner, pace, handles } = this.#options
    const plan = handles.known(release)
    if (plan === undefined) return []
    const { work, held } = pace.of(release, plan)
    const { done = 0, total = 0, seconds = 0 } = runner.progress(query) ?? {}
    const share = total > 0 ? 1 - done / total : Math.max(0, 1 - seconds / (work + held))
    return [{ work: share * work, held: share * held, parts: plan.batchBlocks }]
  }
}

/** Bytes that a query's inputs take at most: two components and, of those that are proved, one prime more. */
export function inputBytes(plan: Plan): number {
  return inputCount(plan) * 2 * (plan.inputs.level + 2) * 8 * 2 ** plan.parameters.logN
}
