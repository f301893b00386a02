/**
 * Each message is taken once: per session, sender and lane the sequence numbers only grow.
 *
 * Requests under way at one time travel in different lanes, and in a lane the next one leaves after the last has ended; so a lower number is either a
 * replay (it was seen) or a straggler whose sender has given up on it (it was skipped), and both are refused, each by its name.
 */
import { MalformedMessageError, OutOfOrderMessageError, ReplayedMessageError } from '../errors/errors.js'

/** Lane 0 is for short messages that must not wait. */
export const URGENT_LANE = 0
export const MAXIMUM_LANES = 16
/** For messages outside a session, which need no order. */
export const UNORDERED_LANE = MAXIMUM_LANES - 1
/** Most numbers that a sender may skip at once, and most that are remembered as skipped per lane. */
const MAXIMUM_GAP = 256

interface Lane {
  last: number
  readonly skipped: Set<number>
  /** Numbers whose handlers are running. */
  readonly working: Set<number>
}

interface SequencedMessage {
  readonly peer: string
  /** Session or proposal id, hexadecimal. */
  readonly scope: string
  readonly lane: number
  readonly sequence: number
  readonly kind: string
}

export class SequenceGuard {
  readonly #lanes = new Map<string, Map<string, Lane>>()

  /** Takes note of a message. @throws ReplayedMessageError, OutOfOrderMessageError, MalformedMessageError */
  accept(message: SequencedMessage): void {
    const { peer, kind, sequence } = message
    this.#checkLane(message)
    if (sequence < 1) throw new MalformedMessageError({ peer, kind, field: 'sequence', expected: 'at least 1', actual: String(sequence) })
    const lane = this.#lane(message)
    if (sequence <= lane.last) {
      const details = { peer, kind, field: 'sequence', expected: `above ${lane.last}`, actual: String(sequence) }
      if (lane.skipped.delete(sequence)) throw new OutOfOrderMessageError(details)
      throw new ReplayedMessageError(details)
    }
    if (sequence > lane.last + MAXIMUM_GAP) {
      throw new OutOfOrderMessageError({
        peer,
        kind,
        field: 'sequence',
        expected: `at most ${lane.last + MAXIMUM_GAP}`,
        actual: String(sequence)
      })
    }
    for (let skipped = lane.last + 1; skipped < sequence; skipped++) lane.skipped.add(skipped)
    while (lane.skipped.size > MAXIMUM_GAP) lane.skipped.delete(lane.skipped.values().next().value as number)
    lane.last = sequence
    lane.working.add(sequence)
  }

  /** Takes note of a message outside a session, where repetition is harmless and order means nothing. @throws MalformedMessageError */
  begin(message: SequencedMessage): void {
    this.#checkLane(message)
    this.#lane(message).working.add(message.sequence)
  }

  finished(message: SequencedMessage): void {
    this.#lanes.get(message.scope)?.get(`${message.lane} ${message.peer}`)?.working.delete(message.sequence)
  }

  /** Whether the handler of this message is running. */
  isWorking(message: Pick<SequencedMessage, 'peer' | 'lane' | 'sequence'>): boolean {
    for (const lanes of this.#lanes.values()) if (lanes.get(`${message.lane} ${message.peer}`)?.working.has(message.sequence)) return true
    return false
  }

  /** A session is over. */
  forget(scope: string): void {
    this.#lanes.delete(scope)
  }

  #checkLane({ peer, kind, lane }: SequencedMessage): void {
    if (lane >= MAXIMUM_LANES)
      throw new MalformedMessageError({ peer, kind, field: 'lane', expected: `below ${MAXIMUM_LANES}`, actual: String(lane) })
  }

  #lane(message: SequencedMessage): Lane {
    let lanes = this.#lanes.get(message.scope)
    if (lanes === undefined) {
      lanes = new Map()
      this.#lanes.set(message.scope, lanes)
    }
    const key = `${message.lane} ${message.peer}`
    let lane = lanes.get(key)
    if (lane === undefined) {
      lane = { last: 0, skipped: new Set(), working: new Set() }
      lanes.set(key, lane)
    }
    return lane
  }
}
