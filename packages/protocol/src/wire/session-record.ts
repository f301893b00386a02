/** What both ends of a connection keep for one session: its identifiers, bounds, figures and log. */

import { toHex } from '../base/digest.js'
import type { SessionDescriptor } from '../terms/descriptor.js'
import type { PhaseMeter } from './phase-meter.js'
import { type MessageSizes, messageSizes } from './sizes.js'
import { Transcript } from './transcript.js'

export class SessionRecord {
  readonly sizes: MessageSizes
  readonly transcript: Transcript
  #sessionId: Uint8Array | undefined

  constructor(
    readonly self: string,
    readonly descriptor: SessionDescriptor,
    readonly proposalId: Uint8Array,
    readonly meter: PhaseMeter
  ) {
    this.sizes = messageSizes(descriptor.plan)
    this.transcript = new Transcript(self, proposalId)
  }

  /** Undefined until all nonces are known. */
  get sessionId(): Uint8Array | undefined {
    return this.#sessionId
  }

  set sessionId(id: Uint8Array) {
    this.#sessionId = id
    this.transcript.session = toHex(id)
  }

  /** The id that a request of this scope carries; undefined when the session has not got that far. */
  identifier(scope: 'proposal' | 'session'): Uint8Array | undefined {
    return scope === 'proposal' ? this.proposalId : this.#sessionId
  }
}
