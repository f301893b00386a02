/**
 * What this process has seen of queries, and its last lines of the audit log, for the dashboard: in memory, bounded whatever parties do, gone when the process ends.
 */
import type { AuditEvent, QueryHistory, ShareHistory, StepHistory, TimedPhase } from '@slytherin/dashboard'
import type { ServiceEvent } from '@slytherin/protocol/service'

/** Queries that are kept, the last that something happened to. */
const QUERIES = 24
/** Of a query. A plan has some hundred steps at most; its states are a dozen. */
const STEPS = 1024
const STATES = 24
const EVENTS = 100

export interface Traffic {
  readonly sent: number
  readonly received: number
}

/** As the history has it: names of models and parties are not its affair. */
export type SeenQuery = Omit<QueryHistory, 'model' | 'querier'> & {
  readonly release?: string
  /** Peer id. */
  readonly querier?: string
}

interface Seen {
  readonly query: string
  release?: string
  querier?: string
  samples?: number
  readonly states: { state: string; time: number; code?: string }[]
  readonly phases: Partial<Record<TimedPhase, { seconds: number; count: number }>>
  progress?: { done: number; total: number; step: string }
  readonly steps: Map<number, StepHistory>
  retries: number
  readonly shares: Partial<Record<'refresh' | 'switch', ShareHistory>>
  endorsements: number
  bytes?: Traffic
  /** Of the party, when it began to run and after its last step. */
  begun?: Traffic
  last?: number
}

export class History {
  /** Least recently changed first. */
  readonly #queries = new Map<string, Seen>()
  readonly #events: AuditEvent[] = []
  readonly #traffic: () => Traffic
  readonly #now: () => number

  /** @param traffic bytes of all frames of this party so far */
  constructor(traffic: () => Traffic, now: () => number = Date.now) {
    this.#traffic = traffic
    this.#now = now
  }

  /** Something happened to a query. */
  event(event: ServiceEvent): void {
    const seen = this.#seen(event.query)
    switch (event.event) {
      case 'query':
        this.#about(seen, event)
        this.#came(seen, event.state, event.code)
        if (event.state === 'running') this.#begin(seen)
        else if (event.state !== 'open' && event.state !== 'queued') delete seen.progress
        break
      case 'phase':
        this.#spent(seen, event.phase, event.seconds)
        break
      case 'progress':
        seen.progress = { done: event.done, total: event.total, step: event.step }
        break
      case 'step':
        this.#step(seen, event)
        break
      case 'retry':
        // It is computed again from the start, or from its last refresh.
        seen.retries++
        seen.steps.clear()
        break
      case 'shares':
        this.#shared(seen, event)
        break
      case 'endorsed':
        seen.endorsements++
        seen.release = event.release
        if (seen.endorsements === 1) this.#came(seen, 'endorsed')
        break
      case 'not-endorsed':
        this.#came(seen, event.event, event.code)
        break
      case 'admitted':
        this.#about(seen, event)
        this.#came(seen, event.event)
        break
      default:
        this.#about(seen, event)
        this.#came(seen, event.event)
    }
    this.#measure(seen)
  }

  /** A line of the audit log. */
  audit(entry: { readonly event: string; readonly [field: string]: unknown }): void {
    this.#events.unshift({ time: this.#now(), ...entry })
    this.#events.length = Math.min(this.#events.length, EVENTS)
  }

  /** Newest first. */
  events(): readonly AuditEvent[] {
    return [...this.#events]
  }

  /** Last changed first. */
  queries(): SeenQuery[] {
    return [...this.#queries.values()].reverse().map(({ steps, states, begun, last, ...seen }) => ({
      ...seen,
      states: [...states],
      phases: { ...seen.phases },
      shares: { ...seen.shares },
      steps: [...steps.values()].sort((a, b) => a.step - b.step)
    }))
  }

  #seen(query: string): Seen {
    const known = this.#queries.get(query)
    const seen = known ?? { query, states: [], phases: {}, steps: new Map(), retries: 0, shares: {}, endorsements: 0 }
    this.#queries.delete(query)
    this.#queries.set(query, seen)
    for (const oldest of this.#queries.keys()) {
      if (this.#queries.size <= QUERIES) break
      this.#queries.delete(oldest)
    }
    return seen
  }

  #about(
    seen: Seen,
    { release, querier, samples }: { readonly release: string; readonly querier?: string; readonly samples: number }
  ): void {
    seen.release = release
    seen.samples = samples
    if (querier !== undefined) seen.querier = querier
  }

  #came(seen: Seen, state: string, code = ''): void {
    if (seen.states.at(-1)?.state === state) return
    seen.states.push({ state, time: this.#now(), ...(code === '' ? {} : { code }) })
    if (seen.states.length > STATES) seen.states.splice(1, 1)
  }

  #begin(seen: Seen): void {
    seen.begun = this.#traffic()
    seen.last = seen.begun.sent + seen.begun.received
  }

  #spent(seen: Seen, phase: TimedPhase, seconds: number): void {
    const before = seen.phases[phase] ?? { seconds: 0, count: 0 }
    seen.phases[phase] = { seconds: before.seconds + seconds, count: before.count + 1 }
  }

  #step(seen: Seen, { step, kind, layer, seconds, level, deviation }: Extract<ServiceEvent, { event: 'step' }>): void {
    const { sent, received } = this.#traffic()
    const bytes = Math.max(0, sent + received - (seen.last ?? sent + received))
    seen.last = sent + received
    const before = seen.steps.get(step)
    if (before === undefined && seen.steps.size >= STEPS) return
    seen.steps.set(step, {
      step,
      kind,
      layer,
      passes: (before?.passes ?? 0) + 1,
      seconds: (before?.seconds ?? 0) + seconds,
      level: Math.min(before?.level ?? level, level),
      deviation: Math.max(before?.deviation ?? deviation, deviation),
      bytes: (before?.bytes ?? 0) + bytes
    })
  }

  #shared(seen: Seen, { protocol, ciphertexts, seconds, querier }: Extract<ServiceEvent, { event: 'shares' }>): void {
    const before = seen.shares[protocol] ?? { requests: 0, ciphertexts: 0, seconds: 0 }
    seen.querier = querier
    seen.shares[protocol] = {
      requests: before.requests + 1,
      ciphertexts: before.ciphertexts + ciphertexts,
      seconds: before.seconds + seconds
    }
  }

  /** While it runs. */
  #measure(seen: Seen): void {
    if (seen.begun === undefined) return
    const { sent, received } = this.#traffic()
    seen.bytes = { sent: sent - seen.begun.sent, received: received - seen.begun.received }
    const state = seen.states.at(-1)?.state
    if (state !== 'running') delete seen.begun
  }
}
