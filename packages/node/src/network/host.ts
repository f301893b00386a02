/**
 * The libp2p node of a party: TCP, WebSockets where it listens on some, TLS 1.3 or Noise, yamux, and the roster as allow-list.
 *
 * A peer outside the roster is refused as soon as its identity is proven, before any protocol is negotiated; an address outside
 * `allowedAddresses` before its first byte is read.
 */
import { BlockList, isIP, isIPv6 } from 'node:net'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { ComponentLogger, ConnectionGater, Metrics, MultiaddrConnection, PeerId, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { tls } from '@libp2p/tls'
import { createLibp2p, type Libp2p } from 'libp2p'
import { UnknownPeerError } from './errors.js'
import { guardedWebSockets, isWebSocketAddress } from './guarded-web-sockets.js'
import { guardedYamux } from './guarded-yamux.js'
import type { NetworkDeadlines, NetworkLimits } from './settings.js'

/** What a libp2p node is made with. */
export interface HostOptions {
  /** The identity: peers know this party by its public half. */
  readonly privateKey: PrivateKey
  /** Multiaddrs to listen on; none for a party that only dials. Pages connect to one that ends in `/ws`. */
  readonly listen: readonly string[]
  /** Multiaddrs told to others instead of those listened on. */
  readonly announce?: readonly string[]
  /** Peer ids that may connect and be connected to. */
  readonly allowedPeers: ReadonlySet<string>
  /** CIDR ranges or addresses that may connect; all when absent. */
  readonly allowedAddresses?: readonly string[]
  readonly deadlines: NetworkDeadlines
  readonly limits: NetworkLimits
  /** A peer or address was turned away. */
  readonly onRefused?: (error: UnknownPeerError) => void
  /** Counts connections, streams and dials. */
  readonly metrics?: (components: { readonly logger: ComponentLogger }) => Metrics
}

/** @returns a started libp2p node */
export async function createHost(options: HostOptions): Promise<Libp2p> {
  const { limits, deadlines } = options
  return await createLibp2p({
    privateKey: options.privateKey,
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    transports: [
      tcp({ maxConnections: limits.connections * 4, inboundSocketInactivityTimeout: 120_000 }),
      ...(options.listen.some(isWebSocketAddress) ? [guardedWebSockets()] : [])
    ],
    connectionEncrypters: [tls(), noise()],
    streamMuxers: [guardedYamux(limits)],
    connectionGater: gater(options),
    connectionManager: {
      maxConnections: limits.connections,
      maxIncomingPendingConnections: limits.connections,
      inboundConnectionThreshold: 100,
      inboundUpgradeTimeout: 3000,
      dialTimeout: deadlines.dial,
      reconnectRetries: Number.POSITIVE_INFINITY,
      reconnectRetryInterval: 1000,
      reconnectBackoffFactor: 1.1,
      // A new stream waits behind the bytes of the others.
      inboundStreamProtocolNegotiationTimeout: deadlines.stall,
      outboundStreamProtocolNegotiationTimeout: deadlines.stall
    },
    connectionMonitor: { abortConnectionOnPingFailure: false },
    services: { identify: identify(), ping: ping() },
    ...(options.metrics === undefined ? {} : { metrics: options.metrics })
  })
}

function gater(options: HostOptions): ConnectionGater {
  const refused = (peer: PeerId, connection?: MultiaddrConnection): boolean => {
    const id = peer.toString()
    if (options.allowedPeers.has(id)) return false
    options.onRefused?.(new UnknownPeerError(id, connection?.remoteAddr.toString()))
    return true
  }
  const addresses = options.allowedAddresses === undefined ? undefined : addressList(options.allowedAddresses)
  return {
    denyDialPeer: peer => !options.allowedPeers.has(peer.toString()),
    denyDialMultiaddr: () => false,
    denyInboundConnection: connection => addresses !== undefined && !contains(addresses, connection.remoteAddr.toString()),
    denyInboundEncryptedConnection: refused,
    denyOutboundEncryptedConnection: refused
  }
}

/** @throws RangeError for what is neither an address nor `address/prefix` */
function addressList(ranges: readonly string[]): BlockList {
  const list = new BlockList()
  for (const range of ranges) {
    const [address, prefix] = range.split('/')
    const family = isIP(address!) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(address!) === 0) throw new RangeError(`"${range}" is neither an address nor a CIDR range`)
    if (prefix === undefined) list.addAddress(address!, family)
    else list.addSubnet(address!, Number(prefix), family)
  }
  return list
}

function contains(list: BlockList, multiaddr: string): boolean {
  const address = multiaddr.split('/')[2] ?? ''
  return isIP(address) !== 0 && list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
