/**
 * Whether the members are still in the session that the coordinator leads.
 *
 * Both ends must agree on it at every moment, and what either believes may be out of date: a member may have been started anew, or may have given the
 * coordinator up while that was suspended or cut off. So each member is asked as soon as its connection is there again, and from time to time, for a
 * coordinator that waits for queries asks nothing else.
 */
import { delay } from '../base/concurrency.js'
import { PartyMissingError } from '../errors/errors.js'
import type { Lead } from '../session/lead.js'

export class RollCall {
  readonly #lead: Lead
  readonly #missing: (error: PartyMissingError) => void
  /** Members that are being asked, and those that the session goes on without. */
  readonly #asking = new Set<string>()
  readonly #excused = new Set<string>()
  readonly #stopped = new AbortController()

  /** @param missing told of a member that is not in the session any more */
  constructor(lead: Lead, missing: (error: PartyMissingError) => void) {
    this.#lead = lead
    this.#missing = missing
  }

  /** The session goes on without this party. */
  excuse(peer: string): void {
    this.#excused.add(peer)
  }

  /** The session has ended, however: nobody is asked any more, and nothing keeps the process alive. */
  stop(): void {
    this.#stopped.abort()
  }

  /** Asks everybody every `milliseconds`, until the session fails or `stop`. @param called told each time */
  async repeat(milliseconds: number, called: () => void): Promise<void> {
    const signal = AbortSignal.any([this.#lead.signal, this.#stopped.signal])
    while (!signal.aborted) {
      await delay(milliseconds, signal).catch(() => undefined)
      if (signal.aborted) return
      called()
      await Promise.all([...this.#lead.connections.keys()].map(async peer => await this.ask(peer)))
    }
  }

  /** Asks one member. Never rejects. */
  async ask(peer: string): Promise<void> {
    const { self, signal, connections } = this.#lead
    const connection = connections.get(peer)
    if (connection === undefined || peer === self || signal.aborted || this.#asking.has(peer) || this.#excused.has(peer)) return
    this.#asking.add(peer)
    try {
      await connection.request('alive', {}, signal)
    } catch (error) {
      if (signal.aborted) return
      const reason = error instanceof Error ? error.message : 'no answer'
      this.#missing(error instanceof PartyMissingError ? error : new PartyMissingError({ peer, phase: 'ready', reason }, { cause: error }))
    } finally {
      this.#asking.delete(peer)
    }
  }
}
