/** Who is there, as far as is known: whoever was not heard to be gone. A peer that did not answer counts as gone until there is news of it, or for a while. */
import { orStopped } from '../../base/concurrency.js'
import type { Transport } from '../../wire/transport.js'

/** Milliseconds after which a peer that was gone is tried again without news of it. */
const RETRY = 10_000

export class Presence {
  /** When a peer is tried again, by the clock of `performance`. */
  readonly #gone = new Map<string, number>()
  readonly #retry: number
  readonly #unsubscribe: () => void
  #changed = Promise.withResolvers<void>()

  /** @param onRestarted told of peers that may be other processes than before */
  constructor(transport: Pick<Transport, 'onPeerChange'>, onRestarted: (peer: string) => void, retry = RETRY) {
    this.#retry = retry
    this.#unsubscribe = transport.onPeerChange((peer, state) => {
      if (state === 'down') this.#gone.set(peer, performance.now() + retry)
      else this.#gone.delete(peer)
      if (state !== 'back') onRestarted(peer)
      this.#wake()
    })
  }

  isUp(peer: string): boolean {
    const until = this.#gone.get(peer)
    return until === undefined || until <= performance.now()
  }

  /** It was asked, and nobody answered. */
  missed(peer: string): void {
    this.#gone.set(peer, performance.now() + this.#retry)
  }

  /** Resolves when there is news of anybody, or somebody may be tried again. @throws the signal's reason */
  async change(signal: AbortSignal): Promise<void> {
    const soonest = Math.min(...this.#gone.values()) - performance.now()
    const timer = setTimeout(() => this.#wake(), Math.max(10, Math.min(soonest, this.#retry)))
    try {
      await orStopped(this.#changed.promise, signal)
    } finally {
      clearTimeout(timer)
    }
  }

  dispose(): void {
    this.#unsubscribe()
  }

  #wake(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers<void>()
  }
}
