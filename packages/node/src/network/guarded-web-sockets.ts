/**
 * WebSockets whose messages are bounded before they are buffered, for pages that ask (`/ip4/…/tcp/…/ws` among the addresses that are listened on).
 *
 * The server of @libp2p/websockets 10 collects messages of up to 100 MiB from whoever connects, before anybody has proven who it is. No honest message is longer than
 * a Noise frame, so anything far above one ends the connection.
 */
import { webSockets } from '@libp2p/websockets'

/** The largest Noise message, 64 KiB, with room. */
const MAXIMUM_MESSAGE_BYTES = 1 << 20

/** The part of the listener that the guard relies on; checked when one is made. */
interface GuardedListener {
  readonly wsServer?: { readonly options?: { maxPayload?: number } }
}

export function guardedWebSockets(): ReturnType<typeof webSockets> {
  const create = webSockets()
  return components => {
    const transport = create(components)
    const createListener = transport.createListener.bind(transport)
    transport.createListener = options => {
      const listener = createListener(options)
      const server = (listener as unknown as GuardedListener).wsServer?.options
      if (server === undefined || typeof server.maxPayload !== 'number') {
        throw new TypeError('this release of @libp2p/websockets has another server: the length of its messages cannot be bounded')
      }
      server.maxPayload = MAXIMUM_MESSAGE_BYTES
      return listener
    }
    return transport
  }
}

/** Whether an address is one of WebSockets, with TLS or without. */
export function isWebSocketAddress(address: string): boolean {
  return /\/(ws|wss)(\/|$)/.test(address)
}
