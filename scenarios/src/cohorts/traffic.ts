/** A network in memory that says which phase its bytes belong to, and how long each phase took. */
import type { Transport } from '@slytherin/protocol'
import { decodeCall } from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { type Phase, phaseOf } from './phases.js'

interface Bytes {
  sent: number
  received: number
}

export interface PhaseTraffic {
  /** From the first request to the last answer. */
  readonly seconds: number
  /** Of every party, by name. */
  readonly parties: ReadonlyMap<string, Readonly<Bytes>>
}

export class Traffic {
  readonly #network = new MemoryNetwork()
  readonly #phases = new Map<Phase, { first: number; last: number; parties: Map<string, Bytes> }>()

  transport(self: string): Transport {
    const transport = this.#network.transport(self)
    return {
      ...transport,
      request: async (peer, request, options) => {
        const phase = phaseOf(decodeCall(request, peer).kind)
        const began = performance.now()
        const response = await transport.request(peer, request, options)
        if (phase !== undefined) this.#count(phase, began, { from: self, to: peer, request, response })
        return response
      }
    }
  }

  /** Of what happened since it was taken last. */
  take(): ReadonlyMap<Phase, PhaseTraffic> {
    const taken = [...this.#phases].map(
      ([phase, { first, last, parties }]) => [phase, { seconds: (last - first) / 1000, parties }] as const
    )
    this.#phases.clear()
    return new Map(taken)
  }

  #count(phase: Phase, began: number, call: { from: string; to: string; request: Uint8Array; response: Uint8Array }): void {
    const counted = this.#phases.get(phase) ?? { first: began, last: began, parties: new Map<string, Bytes>() }
    this.#phases.set(phase, counted)
    counted.first = Math.min(counted.first, began)
    counted.last = performance.now()
    const bytesOf = (party: string): Bytes => {
      const known = counted.parties.get(party) ?? { sent: 0, received: 0 }
      counted.parties.set(party, known)
      return known
    }
    const [asker, asked] = [bytesOf(call.from), bytesOf(call.to)]
    asker.sent += call.request.length
    asked.received += call.request.length
    asked.sent += call.response.length
    asker.received += call.response.length
  }
}
