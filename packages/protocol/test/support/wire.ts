import { type Bodies, decodeBody, encodeMessage, type Header, type Kind, messageSizes, type Plan, readHeader } from '@slytherin/protocol'
import type { Fault, MemoryMessage, MemoryNetwork } from '@slytherin/protocol/testing'

export interface Seen extends MemoryMessage {
  readonly header: Header
}

/** Listens to a network, and speaks on it in anybody's name. */
export class Wire {
  readonly seen: Seen[] = []
  /** Further hook behind the listening. */
  fault: Fault | undefined
  #sequence = 0

  constructor(readonly network: MemoryNetwork) {
    network.setFault(message => {
      try {
        this.seen.push({ ...message, header: readHeader(message.bytes, message.from) })
      } catch {
        // Not a message: sent by a test.
      }
      return this.fault?.(message)
    })
  }

  find(kind: Kind, to?: string): Seen {
    const found = this.seen.find(message => message.header.kind === kind && (to === undefined || message.to === to))
    if (found === undefined) throw new Error(`no ${kind} was sent${to === undefined ? '' : ` to ${to}`}`)
    return found
  }

  /** What the first message of a kind said. */
  body<K extends Kind>(kind: K, to: string, plan: Plan): Bodies[K] {
    return decodeBody(kind, this.find(kind, to).header.body, messageSizes(plan), to)
  }

  /** The open session's id, as its messages carry it. */
  get session(): Uint8Array {
    return this.find('publicKeyPart').header.session
  }

  /** Sends a message of the open session in a lane that nobody else uses. */
  async send<K extends Kind>(from: string, to: string, kind: K, body: Bodies[K], address: Partial<Header> = {}): Promise<Header> {
    const { session = this.session, lane = 15, sequence = ++this.#sequence } = address
    return readHeader(await this.network.inject(from, to, encodeMessage({ session, lane, sequence }, kind, body)), to)
  }
}

/** A message's kind, or undefined for what is none. */
export function kindOf(message: MemoryMessage): Kind | undefined {
  try {
    return readHeader(message.bytes, message.from).kind
  } catch {
    return undefined
  }
}
