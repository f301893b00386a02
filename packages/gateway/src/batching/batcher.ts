/**
 * Micro-batching: samples of several requests share a query, as many as the plan takes. A batch leaves when it is full, or when nothing of this model runs and its
 * oldest request has waited for the delay: while a query runs, the next one fills. Requests take turns, so that a large one does not hold up small ones, and a
 * large one is spread over several queries.
 */
import type { SampleAnswer } from '../backend.js'
import { MAXIMUM_IN_FLIGHT, MAXIMUM_WAITING_BATCHES } from '../constants.js'
import { Problem } from '../http/problem.js'

export interface BatcherOptions {
  /** Values of a sample. */
  readonly size: number
  /** Samples of a query at most. */
  readonly batch: number
  /** How long a request waits for others, milliseconds. */
  readonly delay: number
  readonly send: (values: Float64Array, rows: number, signal: AbortSignal) => Promise<readonly SampleAnswer[]>
  /** A query is on its way with so many samples. */
  readonly onSent?: (rows: number) => void
}

/** What a request has come to. */
export interface Batched {
  /** One for every row. */
  readonly answers: readonly SampleAnswer[]
  /** Milliseconds until its first sample was sent, and from then until its last answer was there. */
  readonly waiting: number
  readonly answering: number
}

interface Request {
  readonly values: Float64Array
  readonly rows: number
  readonly arrived: number
  /** When the first of its rows was sent. */
  left: number
  /** Rows that have been sent. */
  sent: number
  readonly answers: SampleAnswer[]
  answered: number
  readonly flights: Set<Flight>
  readonly resolve: (batched: Batched) => void
  readonly reject: (reason: unknown) => void
}

interface Flight {
  readonly abort: AbortController
  readonly requests: Set<Request>
}

interface Part {
  readonly request: Request
  readonly from: number
  readonly rows: number
}

export class Batcher {
  readonly #options: BatcherOptions
  /** Whose rows are not all sent, whoever is next first. */
  #waiting: Request[] = []
  #waitingRows = 0
  readonly #flights = new Set<Flight>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: BatcherOptions) {
    this.#options = options
  }

  get waitingRows(): number {
    return this.#waitingRows
  }

  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#flights.size === 0
  }

  /**
   * @param values rows × values of a sample
   * @returns an answer for every row, and how long that took
   * @throws Problem when too much waits; what the query fails with; the signal's reason
   */
  async submit(values: Float64Array, rows: number, signal: AbortSignal): Promise<Batched> {
    signal.throwIfAborted()
    const room = MAXIMUM_WAITING_BATCHES * this.#options.batch
    if (rows > room) throw new Problem('too-large', `expected at most ${room} samples of this model in one request, got ${rows}`)
    if (this.#waitingRows + rows > room) {
      throw new Problem('busy', `${this.#waitingRows} samples of this model wait, and there is room for ${room}`, { retryAfter: 1 })
    }
    const { promise, resolve, reject } = Promise.withResolvers<Batched>()
    const request: Request = {
      values,
      rows,
      arrived: performance.now(),
      left: 0,
      sent: 0,
      answers: new Array<SampleAnswer>(rows),
      answered: 0,
      flights: new Set(),
      resolve,
      reject
    }
    const leave = (): void => this.#drop(request, signal.reason)
    signal.addEventListener('abort', leave, { once: true })
    this.#waiting.push(request)
    this.#waitingRows += rows
    this.#schedule()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  /** Ends everything. */
  stop(reason: unknown): void {
    clearTimeout(this.#timer)
    for (const request of [...this.#waiting, ...[...this.#flights].flatMap(({ requests }) => [...requests])]) this.#drop(request, reason)
  }

  #schedule(): void {
    const { batch, delay } = this.#options
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#waitingRows >= batch && this.#flights.size < MAXIMUM_IN_FLIGHT) this.#send()
    if (this.#waitingRows === 0 || this.#flights.size > 0) return
    const oldest = Math.min(...this.#waiting.map(({ arrived }) => arrived))
    const left = oldest + delay - performance.now()
    if (left <= 0) this.#send()
    else this.#timer = setTimeout(() => this.#schedule(), Math.ceil(left))
  }

  #send(): void {
    const { size, onSent } = this.#options
    const parts = this.#take()
    const rows = parts.reduce((sum, part) => sum + part.rows, 0)
    const values = new Float64Array(rows * size)
    let row = 0
    for (const { request, from, rows: some } of parts) {
      values.set(request.values.subarray(from * size, (from + some) * size), row * size)
      row += some
    }
    const flight: Flight = { abort: new AbortController(), requests: new Set(parts.map(({ request }) => request)) }
    for (const { request } of parts) request.flights.add(flight)
    this.#flights.add(flight)
    onSent?.(rows)
    void this.#fly(flight, parts, values, rows)
  }

  async #fly(flight: Flight, parts: readonly Part[], values: Float64Array, rows: number): Promise<void> {
    try {
      const answers = await this.#options.send(values, rows, flight.abort.signal)
      if (answers.length !== rows) throw new Error(`${answers.length} answers for ${rows} samples`)
      let row = 0
      for (const { request, from, rows: some } of parts) {
        for (let k = 0; k < some; k++) request.answers[from + k] = answers[row++]!
        request.answered += some
        request.flights.delete(flight)
        if (request.answered === request.rows) request.resolve(batched(request))
      }
    } catch (error) {
      for (const request of flight.requests) this.#drop(request, error)
    } finally {
      this.#flights.delete(flight)
      this.#schedule()
    }
  }

  /** Rows of one query: everybody's turn, in equal shares, until it is full. */
  #take(): Part[] {
    let room = Math.min(this.#options.batch, this.#waitingRows)
    this.#waitingRows -= room
    const taken = new Map<Request, number>()
    while (room > 0) {
      const share = Math.max(1, Math.floor(room / this.#waiting.length))
      for (const request of [...this.#waiting]) {
        const rows = Math.min(share, room, request.rows - request.sent)
        if (request.sent === 0) request.left = performance.now()
        taken.set(request, (taken.get(request) ?? 0) + rows)
        request.sent += rows
        room -= rows
        if (request.sent === request.rows) this.#waiting.splice(this.#waiting.indexOf(request), 1)
        if (room === 0) break
      }
    }
    // Whoever had a turn and is not through goes behind those that had none.
    const had = this.#waiting.filter(request => taken.has(request))
    this.#waiting = [...this.#waiting.filter(request => !taken.has(request)), ...had]
    return [...taken].map(([request, rows]) => ({ request, from: request.sent - rows, rows }))
  }

  #drop(request: Request, reason: unknown): void {
    const at = this.#waiting.indexOf(request)
    if (at >= 0) {
      this.#waiting.splice(at, 1)
      this.#waitingRows -= request.rows - request.sent
    }
    for (const flight of request.flights) {
      flight.requests.delete(request)
      if (flight.requests.size === 0) flight.abort.abort(reason)
    }
    request.flights.clear()
    request.reject(reason)
  }
}

function batched({ answers, arrived, left }: Request): Batched {
  return { answers, waiting: left - arrived, answering: performance.now() - left }
}
