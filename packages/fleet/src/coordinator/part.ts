/** One part of an evaluation, from when it is asked for until it is done: who is at it, what has come of it, whether two came to the same. */
import type { BlockHooks, BlockJob, BlockResult, BlockStretch } from '@slytherin/protocol/service'
import { HERE, type Task } from './scheduler.js'

export interface PartOptions {
  readonly id: string
  readonly means: string
  readonly querySeconds: number
  readonly bytes: number
  /** Milliseconds. */
  readonly since: number
  /** What may be made several parts of; undefined for what can be done in this process alone. */
  readonly stretch: BlockStretch | undefined
  readonly hooks: BlockHooks
  readonly mayBeHere: boolean
  /** What a part may take at one place, milliseconds. */
  patience(job: BlockJob): number
  /** Whether a second one does a part again. */
  checked(): boolean
}

/** How often a part is tried where it fails. */
const FAILURES = 3

export class Part implements Task {
  readonly id: string
  readonly means: string
  readonly querySeconds: number
  readonly bytes: number
  readonly since: number
  readonly hooks: BlockHooks
  readonly result: Promise<BlockResult>
  /** This one, and those that were made of it when it was its turn. */
  readonly parts: Promise<readonly Part[]>
  readonly #options: PartOptions
  readonly #begun = Promise.withResolvers<readonly Part[]>()
  #divided: readonly Part[] = [this]
  /** It is known of how many parts it is one. */
  #isDivided = false
  #job: BlockJob | undefined
  readonly #settled = Promise.withResolvers<BlockResult>()
  /** By place, since when. */
  readonly #at = new Map<string, number>()
  /** Places that were given it before. */
  readonly #given = new Set<string>()
  /** What was come to, by what it is: the result and who came to it. */
  readonly #results = new Map<string, { readonly result: BlockResult; readonly places: string[] }>()
  readonly #liars: string[] = []
  #failures = 0
  #hedged = false
  #wanted: number
  #over = false

  constructor(options: PartOptions) {
    this.#options = options
    const { id, means, querySeconds, bytes, since, stretch, hooks, checked } = options
    this.id = id
    this.means = means
    this.querySeconds = querySeconds
    this.bytes = bytes
    this.since = since
    this.hooks = hooks
    this.#job = stretch?.divide(1)[0]
    this.#wanted = stretch !== undefined && checked() ? 2 : 1
    this.result = this.#settled.promise
    this.parts = this.#begun.promise
    // Heard of by whoever asked, later.
    this.result.catch(() => undefined)
  }

  get job(): BlockJob | undefined {
    return this.#job
  }

  /** Into how many it can be divided; what was given to somebody once stays as it is, whoever may be given it again: whoever asked waits for these parts. */
  get most(): number {
    return this.#isDivided ? 1 : (this.#options.stretch?.most ?? 1)
  }

  /** Itself, and what was made of it so far. */
  get divided(): readonly Part[] {
    return this.#divided
  }

  /** Makes so many parts of it, of which it is the first, before anybody is given it. @param name of another one */
  divide(parts: number, name: () => string): readonly Part[] {
    const [first, ...others] = this.#options.stretch!.divide(parts)
    this.#job = first
    const part = (job: BlockJob): Part => new Part({ ...this.#options, id: name(), stretch: { most: 1, divide: () => [job] } })
    this.#divided = [this, ...others.map(part)]
    this.#isDivided = true
    return this.#divided
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Results that agree are not as many as are wanted, and are not on their way. */
  get wantsMore(): boolean {
    return !this.#over && this.#at.size + this.#agreeing < this.#wanted
  }

  allows(place: string): boolean {
    // One that has failed at it, or was too slow, is not given it again while there is another; a second opinion never comes from the first.
    if (this.#given.has(place)) return false
    // Where workers contradict each other this process has the last word.
    return place === HERE ? this.#options.mayBeHere || this.#results.size > 1 : this.#job !== undefined
  }

  begin(place: string, now: number): void {
    this.#at.set(place, now)
    this.#given.add(place)
    this.#isDivided = true
    this.#begun.resolve(this.#divided)
  }

  isAt(place: string): boolean {
    return this.#at.has(place)
  }

  /** Since when a place is at it, milliseconds. */
  sinceAt(place: string): number | undefined {
    return this.#at.get(place)
  }

  /** A place is not counted on any more. */
  leave(place: string): void {
    this.#at.delete(place)
  }

  /** The place that has been at it for too long, if there is one. */
  lateSince(now: number): string | undefined {
    if (this.#job === undefined) return undefined
    const patience = this.#options.patience(this.#job)
    for (const [place, since] of this.#at) if (place !== HERE && now - since > patience) return place
    return undefined
  }

  /** The only place that is at it, where that has been for longer than so many milliseconds: a second one may do it beside the first. */
  slowAt(now: number, milliseconds: number): string | undefined {
    const [only] = this.#at
    if (only === undefined || this.#at.size > 1 || only[0] === HERE || this.#hedged || this.#job === undefined) return undefined
    if (now - only[1] < milliseconds) return undefined
    this.#hedged = true
    return only[0]
  }

  came(place: string, result: BlockResult): void {
    if (this.#over) return
    this.#at.delete(place)
    const { refresh, results, values } = result
    const key = JSON.stringify({ refresh, results, values })
    const same = this.#results.get(key) ?? { result, places: [] }
    this.#results.set(key, same)
    if (!same.places.includes(place)) same.places.push(place)
    if (this.#results.size > 1) this.#wanted = Math.max(this.#wanted, 2)
    if (same.places.length >= this.#wanted || (place === HERE && this.#wanted > 1)) this.#agree(key)
  }

  failedAt(place: string, error: Error): void {
    this.#at.delete(place)
    this.#failures++
    if (this.#failures >= FAILURES) this.fail(error)
  }

  fail(error: unknown): void {
    this.#over = true
    this.#begun.resolve(this.#divided)
    this.#settled.reject(error)
  }

  /** Nobody else is there: the only result counts; where there is none, those that were given it before may be given it again. */
  settle(): void {
    if (this.#at.size > 0) return
    const [only] = this.#results.keys()
    if (only === undefined) this.#given.clear()
    else if (this.#results.size === 1) this.#agree(only)
  }

  /** Places that have come to something else than was agreed upon; each once. */
  takeLiars(): string[] {
    return this.#liars.splice(0)
  }

  get #agreeing(): number {
    return Math.max(0, ...[...this.#results.values()].map(({ places }) => places.length))
  }

  #agree(key: string): void {
    this.#over = true
    for (const [other, { places }] of this.#results) if (other !== key) this.#liars.push(...places)
    this.#settled.resolve(this.#results.get(key)!.result)
  }
}
