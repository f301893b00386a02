/** The party's transport as one core of it uses it: a core that takes the place of another serves in its stead, and hears who is there already. */
import type { PeerListener, RequestHandler, RequestOptions, ServeLimits, Transport } from '@slytherin/protocol'
import { PeerUnreachableError } from '@slytherin/protocol'
import type { Libp2pTransport } from '../network/transport.js'

type Socketed = Pick<Libp2pTransport, 'self' | 'request' | 'serve' | 'onPeerChange' | 'bytes' | 'connectedPeers'>

interface Served {
  readonly handle: RequestHandler
  readonly limits: ServeLimits
}

/** Of a request that comes while no core is there, which waits for the next: what the largest part of a query or a model takes. */
const WAITING_BYTES = 80 * 2 ** 20
/** How long it waits, milliseconds. */
const WAITING_TIME = 30_000

export class Outlet {
  readonly #transport: Socketed
  #served = Promise.withResolvers<Served>()
  #current: Served | undefined
  #unsubscribe: (() => void)[] = []

  constructor(transport: Socketed) {
    this.#transport = transport
    transport.serve(async (peer, request, context) => await (await this.#core()).handle(peer, request, context), {
      maximumRequestBytes: peer => {
        const maximum = this.#current?.limits.maximumRequestBytes ?? WAITING_BYTES
        return typeof maximum === 'number' ? maximum : maximum(peer)
      }
    })
  }

  /** For the core that starts now; the one before neither serves nor hears any more. */
  plug(): Transport {
    this.unplug()
    const transport = this.#transport
    return {
      self: transport.self,
      bytes: transport.bytes,
      request: async (peer: string, request: Uint8Array, options: RequestOptions) => await transport.request(peer, request, options),
      serve: (handle, limits) => {
        this.#current = { handle, limits }
        this.#served.resolve(this.#current)
      },
      onPeerChange: (listener: PeerListener) => {
        const unsubscribe = transport.onPeerChange(listener)
        this.#unsubscribe.push(unsubscribe)
        queueMicrotask(() => {
          for (const peer of transport.connectedPeers) listener(peer, 'up')
        })
        return unsubscribe
      }
    }
  }

  unplug(): void {
    if (this.#current !== undefined) this.#served = Promise.withResolvers()
    this.#current = undefined
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe()
  }

  /** The core that serves, or the one that is being started. */
  async #core(): Promise<Served> {
    if (this.#current !== undefined) return this.#current
    const late = new PeerUnreachableError({ peer: this.#transport.self, reason: 'this party is starting: try again' })
    let timer: NodeJS.Timeout | undefined
    const patience = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(late), WAITING_TIME)
    })
    return await Promise.race([this.#served.promise, patience]).finally(() => clearTimeout(timer))
  }
}
