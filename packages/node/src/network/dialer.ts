/**
 * Keeps a connection to a peer: dial, wait while it lasts, dial again with growing, jittered pauses. libp2p's own reconnection gives up
 * its tag after a failure and knows nothing of the hello, so this loop is the one that counts.
 */
import { delay } from '../framing/timers.js'
import { HelloMismatchError, HelloRefusedError } from './errors.js'
import { DIAL_BACKOFF, REFUSED_PAUSE } from './settings.js'

export interface DialTarget {
  readonly peer: string
  /** Connected, or just being connected from the other side. */
  connected(): boolean
  /** Resolves when a hello was exchanged; rejects otherwise. */
  dial(signal: AbortSignal): Promise<void>
  /** Resolves when the connection is gone. */
  disconnected(signal: AbortSignal): Promise<void>
  /** An attempt failed. */
  failed(error: Error): void
}

/** Runs until the signal aborts. */
export async function keepConnected(target: DialTarget, signal: AbortSignal): Promise<void> {
  let pause: number = DIAL_BACKOFF.first
  while (!signal.aborted) {
    try {
      if (!target.connected()) await target.dial(signal)
      pause = DIAL_BACKOFF.first
      await target.disconnected(signal)
    } catch (error) {
      if (signal.aborted) return
      target.failed(error as Error)
      const refused = error instanceof HelloMismatchError || error instanceof HelloRefusedError
      await delay((refused ? REFUSED_PAUSE : pause) * (0.75 + jitter() / 2), signal).catch(() => {})
      pause = Math.min(pause * DIAL_BACKOFF.factor, DIAL_BACKOFF.longest)
    }
  }
}

/** Uniform in [0, 1); keeps parties that start together from dialling in step. */
function jitter(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0]! / 65536
}
