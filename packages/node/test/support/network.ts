/** Parties on loopback for the tests of the network layer. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { type FailureCodec, Libp2pTransport, type NetworkNotice, type TransportOptions, type TransportPeer } from '@slytherin/node'

/** An error as it came over the wire, so that tests see what the peer was told. */
export class ToldError extends Error {
  readonly peer: string
  readonly remoteName: string
  readonly field: string | undefined

  // Written out, for child processes run this file with type stripping alone.
  constructor(peer: string, remoteName: string, field: string | undefined, message: string) {
    super(message)
    this.peer = peer
    this.remoteName = remoteName
    this.field = field
  }
}

/** A failure codec independent of the protocol package. */
export const jsonFailures: FailureCodec = {
  encode: error => {
    const { name, message, field } = error as Error & { field?: string }
    return new TextEncoder().encode(JSON.stringify({ name, message, field }))
  },
  decode: (peer, bytes) => {
    const { name, message, field } = JSON.parse(new TextDecoder().decode(bytes)) as { name: string; message: string; field?: string }
    return new ToldError(peer, name, field, message)
  }
}

export interface Identity {
  readonly key: PrivateKey
  readonly peer: string
}

export async function identity(): Promise<Identity> {
  const key = await generateKeyPair('Ed25519')
  return { key, peer: peerIdFromPrivateKey(key).toString() }
}

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export class Network {
  private readonly started: Libp2pTransport[] = []
  readonly notices: (NetworkNotice & { at: string })[] = []

  async start(self: Identity, peers: readonly TransportPeer[], options: Partial<TransportOptions> = {}): Promise<Libp2pTransport> {
    const transport = await Libp2pTransport.start({
      privateKey: self.key,
      listen: [LOOPBACK],
      peers,
      name: `party-${self.peer.slice(-4)}`,
      software: 'test',
      failures: jsonFailures,
      onNotice: notice => this.notices.push({ ...notice, at: self.peer }),
      ...options
    })
    this.started.push(transport)
    return transport
  }

  /** Two connected parties; the second dials the first. */
  async pair(options: Partial<TransportOptions> = {}): Promise<{ server: Libp2pTransport; client: Libp2pTransport }> {
    const [a, b] = [await identity(), await identity()]
    const server = await this.start(a, [{ peer: b.peer, addresses: [] }], options)
    const client = await this.start(b, [{ peer: a.peer, addresses: server.addresses }], options)
    await Promise.all([connected(client, a.peer), connected(server, b.peer)])
    return { server, client }
  }

  async stop(): Promise<void> {
    await Promise.all(this.started.splice(0).map(transport => transport.stop()))
    this.notices.length = 0
  }
}

/** Resolves when the peer is up; rejects after the deadline. */
export async function connected(transport: Libp2pTransport, peer: string, milliseconds = 10_000): Promise<void> {
  await until(() => transport.connectedPeers.includes(peer), milliseconds, `${peer} connected`)
}

/** A machine that is busy with other things takes longer for what it does right: waiting ends so many times later than a quiet machine would need. */
const PATIENCE = 6

/** @param milliseconds what a quiet machine takes at most */
export async function until(condition: () => boolean, milliseconds: number, what: string): Promise<void> {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > PATIENCE * milliseconds) throw new Error(`${what}: not within ${PATIENCE * milliseconds} ms`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

export const MiB = 1 << 20
