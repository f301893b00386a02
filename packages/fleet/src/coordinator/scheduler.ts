/**
 * Who does which part next: plain state, without time of its own and without anybody to talk to.
 *
 * Parts go to places that are free, of which each does one at a time, so that a large query yields to a small one between two parts. The part with the highest response
 * ratio is next (time waited and expected, by the expected time of its whole query): small queries go first, large ones are not forgotten. It goes to a place that has the
 * keys and weights in memory already, if one of those that are free does, and never to one with too little memory.
 *
 * What can be divided is divided when it is its turn, among the places that are free then, less those that others which wait need: each part reads the model again, so that
 * dividing what finds all places busy costs time, and gains none.
 */

/** This process among the places. */
export const HERE = 'here'

export interface Place {
  readonly id: string
  /** Bytes for keys, weights and evaluations. */
  memory: number
  /** What is in its memory, by hash. */
  ready: ReadonlySet<string>
}

export interface Task {
  readonly id: string
  /** What it needs in memory, by hash. */
  readonly means: string
  /** The whole query's, as expected. */
  readonly querySeconds: number
  /** As expected. */
  readonly bytes: number
  /** When it came, milliseconds. */
  readonly since: number
  /** Into how many it can be divided before it goes anywhere; 1 for what cannot. */
  readonly most: number
  /** Whether a place may do it. */
  allows(place: string): boolean
}

export interface Assignment {
  readonly task: Task
  readonly place: string
}

/** What else is known when parts are assigned. */
export interface Turn {
  /** Of others that will wait in a moment. */
  readonly expected: number
  /** Makes two or more of one: itself, smaller, and others. */
  divide(task: Task, parts: number): readonly Task[]
}

/** Below this a query is as small as any, seconds. */
const SMALL = 0.05

export class Scheduler {
  readonly #places = new Map<string, Place>()
  readonly #waiting = new Map<string, Task>()
  /** By place. */
  readonly #busy = new Map<string, Set<string>>()

  add(place: Place): void {
    this.#places.set(place.id, place)
  }

  remove(place: string): void {
    this.#places.delete(place)
    this.#busy.delete(place)
  }

  has(place: string): boolean {
    return this.#places.has(place)
  }

  get places(): readonly Place[] {
    return [...this.#places.values()]
  }

  /** The same task may wait again while it is being done: whoever is first has done it. */
  put(task: Task): void {
    this.#waiting.set(task.id, task)
  }

  withdraw(task: string): void {
    this.#waiting.delete(task)
  }

  get waiting(): readonly Task[] {
    return [...this.#waiting.values()]
  }

  /** A place is done with a task, or has given it up. */
  free(place: string, task: string): void {
    this.#busy.get(place)?.delete(task)
  }

  isFree(place: string): boolean {
    return (this.#busy.get(place)?.size ?? 0) === 0
  }

  /** Whether there is a place that may do it, busy or not. */
  hasPlaceFor(task: Task): boolean {
    return this.places.some(place => suits(task, place))
  }

  /** What goes where now; the places are busy with it from then on. @param now milliseconds */
  assign(now: number, { expected, divide }: Turn = UNDIVIDED): Assignment[] {
    const ratio = ({ since, querySeconds }: Task): number => {
      const planned = Math.max(SMALL, querySeconds)
      return ((now - since) / 1000 + planned) / planned
    }
    // Of parts of equal urgency those of small queries, then those that came first.
    const ordered = this.waiting
      .filter(task => this.#freeFor(task).length > 0)
      .toSorted((a, b) => ratio(b) - ratio(a) || a.querySeconds - b.querySeconds || a.since - b.since)
    const assigned: Assignment[] = []
    for (const [k, task] of ordered.entries()) {
      const others = ordered.length - k - 1 + expected
      const share = Math.min(task.most, Math.floor(this.#freeFor(task).length / (1 + others)))
      for (const part of share > 1 ? divide(task, share) : [task]) {
        const free = this.#freeFor(part)
        const place = free.find(({ ready }) => ready.has(part.means)) ?? free.toSorted((a, b) => a.ready.size - b.ready.size)[0]
        if (place === undefined) continue
        this.#waiting.delete(part.id)
        this.#busy.set(place.id, new Set([part.id]))
        assigned.push({ task: part, place: place.id })
      }
    }
    return assigned
  }

  #freeFor(task: Task): Place[] {
    return this.places.filter(place => this.isFree(place.id) && suits(task, place))
  }
}

const UNDIVIDED: Turn = { expected: 0, divide: task => [task] }

function suits(task: Task, { id, memory }: Place): boolean {
  return task.bytes <= memory && task.allows(id)
}
