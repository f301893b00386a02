/** Shares that a key holder has given, counted by phase for whoever watches its progress. */
import type { Phase } from '../terms/phases.js'
import type { HandlerContext } from '../wire/connection.js'
import type { PartyComponents } from './party-components.js'

export class Given {
  readonly #party: Pick<PartyComponents, 'progress'>
  readonly #counts = new Map<Phase, number>()

  constructor(party: Pick<PartyComponents, 'progress'>) {
    this.#party = party
  }

  /** A new session begins. */
  reset(): void {
    this.#counts.clear()
  }

  /** The answer to a request for shares. @param total how many the phase will have, where that is known; otherwise 0 */
  reply(phase: Phase, total: number, context: HandlerContext, shares: Uint8Array[]): { shares: Uint8Array[] } {
    const done = (this.#counts.get(phase) ?? 0) + 1
    this.#counts.set(phase, done)
    this.#party.progress({ phase, done, total: Math.max(done, total), peer: context.peer })
    return { shares }
  }
}
