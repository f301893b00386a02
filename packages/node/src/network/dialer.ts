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
      const since = performance.now()
      await target.disconnected(signal)
      if (performance.now() - since > DIAL_BACKOFF.longest) pause = DIAL_BACKOFF.first
      // One that is lost as soon as it is there, to another process of the same identity perhaps, which dials again, too.
      else pause = await rest(pause, signal)
    } catch (error) {
      if (signal.aborted) return
      target.failed(error as Error)
      const refused = error instanceof HelloMismatchError || error instanceof HelloRefusedError
      const next = await rest(refused ? REFUSED_PAUSE : pause, signal)
      pause = refused ? Math.min(pause * DIAL_BACKOFF.factor, DIAL_BACKOFF.longest) : next
    }
  }
}

/** @returns the pause that comes next */
async function rest(pause: number, signal: AbortSignal): Promise<number> {
  await delay(pause * (0.75 + jitter() / 2), signal).catch(() => {})
  return Math.min(pause * DIAL_BACKOFF.factor, DIAL_BACKOFF.longest)
}

/** Uniform in [0, 1); keeps parties that start together from dialling in step. */
function jitter(): number {
  return crypto.getRandomValues(new Uint16Array(1))[0]! / 65536
}
