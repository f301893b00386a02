/** The transport of a party that is a process: over libp2p's node. */
import { KEEP_ALIVE, type Libp2p } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerTransportOptions, TransportHost } from './carrier.js'
import { createHost, type HostOptions } from './host.js'
import { PeerTransport } from './peer-transport.js'
import { DEFAULT_DEADLINES, DEFAULT_LIMITS } from './settings.js'

/** What a party's transport is given: peers, identity and addresses. */
export interface TransportOptions
  extends PeerTransportOptions,
    Pick<HostOptions, 'privateKey' | 'listen' | 'announce' | 'allowedAddresses' | 'metrics'> {}

/** The protocol's transport over a libp2p node of this process. */
export class Libp2pTransport extends PeerTransport {
  private constructor(
    /** The libp2p node; stopped with the transport. */
    readonly host: Libp2p,
    options: TransportOptions,
    allowed: Set<string>
  ) {
    super(carrierOf(host), options, allowed)
  }

  /** Listens, and begins to dial. */
  static async start(options: TransportOptions): Promise<Libp2pTransport> {
    const allowed = new Set(options.peers.map(({ peer }) => peer))
    const host = await createHost({
      ...options,
      allowedPeers: allowed,
      deadlines: { ...DEFAULT_DEADLINES, ...options.deadlines },
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      onRefused: error => options.onNotice?.({ kind: 'refused', peer: error.peer ?? 'unknown', error })
    })
    const transport = new Libp2pTransport(host, options, allowed)
    await transport.begin()
    return transport
  }
}

function carrierOf(host: Libp2p): TransportHost {
  return {
    self: host.peerId.toString(),
    get addresses() {
      return host.getMultiaddrs().map(address => address.toString())
    },
    handle: async (protocol, handler, limits) => await host.handle(protocol, handler, limits),
    onOpened: listener => {
      host.addEventListener('connection:open', event => {
        if (event.detail.direction === 'outbound') listener(event.detail)
      })
    },
    know: async (peer, addresses) => {
      const multiaddrs = addresses.map(address => multiaddr(address))
      await host.peerStore.merge(peerIdFromString(peer), { multiaddrs, tags: { [`${KEEP_ALIVE}-slytherin`]: { value: 100 } } })
    },
    dial: async (peer, signal) => void (await host.dial(peerIdFromString(peer), { signal })),
    stop: async () => await host.stop()
  }
}
