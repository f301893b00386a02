/**
 * Waiting for a peer without mistaking long work, or a slow line, for death: after half the idle time without news the peer is pinged, and only one that
 * answers neither, while no bytes move between the two, is missing.
 *
 * Time is counted in ticks of a timer, not by the clock: a process that was suspended or whose thread was busy counts one tick for the whole gap, so it does
 * not take its own sleep for the peer's silence.
 */

const TICKS = 10

interface VigilOptions {
  /** Milliseconds of silence after which the peer is missing. */
  idle: number
  /** Milliseconds that the wait may take since the last news. */
  longest: number
  /** Whether a notable number of bytes has moved between the two since this was asked last. */
  moving(): boolean
  /** Asks the peer; resolves with whether it is working on what is waited for. */
  ping(signal: AbortSignal): Promise<boolean>
  /** The wait goes on: told after half the idle time and then once in every idle time. */
  onWaiting?(): void
  onMissing(reason: string): void
  /** The peer lives but does not work on it: the request or its answer was lost. */
  onLost(): void
}

export class Vigil {
  readonly #options: VigilOptions
  readonly #timer: ReturnType<typeof setInterval>
  readonly #pings = new AbortController()
  #silent = 0
  #ticks = 0
  #refusals = 0
  #waited = 0
  #pinging = false

  constructor(options: VigilOptions) {
    this.#options = options
    this.#timer = setInterval(() => this.#tick(), options.idle / TICKS)
  }

  /** What is waited for has come nearer: a part of the request has left, or a part of the answer has come. */
  news(): void {
    this.#silent = 0
    this.#ticks = 0
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#pings.abort()
  }

  #tick(): void {
    this.#silent++
    this.#ticks++
    const { idle, longest } = this.#options
    this.#waited++
    if (this.#waited === TICKS / 2 || this.#waited % TICKS === 0) this.#options.onWaiting?.()
    // Where others' bytes fill the line, a ping waits behind them.
    if (this.#options.moving()) this.#silent = Math.min(this.#silent, TICKS / 2)
    if (this.#silent >= TICKS) this.#options.onMissing(`no answer for ${idle / 1000} s`)
    else if ((this.#ticks * idle) / TICKS > longest) this.#options.onMissing(`answers pings, but gave no answer for ${longest / 1000} s`)
    else if (this.#silent >= TICKS / 2 && !this.#pinging) void this.#ping()
  }

  async #ping(): Promise<void> {
    this.#pinging = true
    try {
      const working = await this.#options.ping(this.#pings.signal)
      if (working) {
        this.#silent = 0
        this.#refusals = 0
      } else if (++this.#refusals >= 2) {
        this.#options.onLost()
      } else {
        // An answer may be under way: ask once more, soon.
        this.#silent = TICKS / 2 - 1
      }
    } catch {
      // Silence goes on counting.
    } finally {
      this.#pinging = false
    }
  }
}
