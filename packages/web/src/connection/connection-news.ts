/**
 * What the page is told of its connection, from the two that know of it: the transport, which opens it again and again, and the membership, which hears once whom it is connected to.
 *
 * A connection that was lost for a moment is no news to the membership, neither that it went nor that it is back; that a dial meanwhile failed is what the page is shown. So that
 * the page does not stay disconnected for ever, what the transport says of a return counts, too.
 */
import type { NetworkNotice } from '@slytherin/node/portable'
import { type PeerState, PeerUnreachableError } from '@slytherin/protocol'
import type { QuerierEvent } from '../querier/messages.js'

type Connection = Extract<QuerierEvent, { kind: 'connection' }>

/** An evaluator ends the connection of whom it does not know without a word: the page says what that most likely is. */
const CLOSED_ON = 'the evaluator lets in whom its roster names; the line for it is at the end of this page'

export class ConnectionNews {
  readonly #tell: (event: Connection) => void
  #last: Connection | undefined

  /** @param tell told of what changes, once */
  constructor(tell: (event: Connection) => void) {
    this.#tell = tell
  }

  /** The membership has heard the peer, or has lost it. */
  readonly membership = (_peer: string, state: 'up' | 'down'): void => {
    if (state === 'up') this.#say('up')
    else if (this.#last?.state !== 'down') this.#say('down')
  }

  /** What the transport's listeners are told. */
  readonly peer = (_peer: string, state: PeerState, reason?: string): void => {
    if (state === 'back') this.#say('up')
    if (state === 'down') this.#say('down', reason)
  }

  /** A hello that failed is a dial that failed, which comes after it; a request that went wrong says nothing of the connection. */
  readonly notice = (notice: NetworkNotice): void => {
    if (notice.kind !== 'dial-failed') return
    const { error } = notice
    const closedOn = error instanceof PeerUnreachableError && error.kind === 'hello' && error.constructor === PeerUnreachableError
    this.#say('down', closedOn ? CLOSED_ON : error.message)
  }

  #say(state: Connection['state'], reason?: string): void {
    if (this.#last?.state === state && this.#last.reason === reason) return
    this.#last = { kind: 'connection', state, ...(reason === undefined ? {} : { reason }) }
    this.#tell(this.#last)
  }
}
