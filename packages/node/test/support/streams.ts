/** Two ends of one libp2p stream over a loopback socket. */
import type { Libp2p, Stream } from '@libp2p/interface'
import { createHost, DEFAULT_DEADLINES, DEFAULT_LIMITS } from '@slytherin/node'
import { identity } from './network.js'

export { MiB } from './network.js'

const PROTOCOL = '/test/1.0.0'

export class StreamPair {
  private constructor(
    readonly near: Stream,
    readonly far: Stream,
    private readonly hosts: Libp2p[]
  ) {}

  static async open(): Promise<StreamPair> {
    const [a, b] = [await identity(), await identity()]
    const common = { allowedPeers: new Set([a.peer, b.peer]), deadlines: DEFAULT_DEADLINES, limits: DEFAULT_LIMITS }
    const listener = await createHost({ ...common, privateKey: a.key, listen: ['/ip4/127.0.0.1/tcp/0'] })
    const dialler = await createHost({ ...common, privateKey: b.key, listen: [] })
    const incoming = new Promise<Stream>(resolve => {
      void listener.handle(PROTOCOL, stream => resolve(stream))
    })
    const near = await dialler.dialProtocol(listener.getMultiaddrs(), PROTOCOL)
    return new StreamPair(near, await incoming, [listener, dialler])
  }

  /** As when a cable is cut: both ends of the connection end without a word. */
  breakConnection(): void {
    for (const connection of this.hosts[1]!.getConnections()) connection.abort(new Error('cut'))
  }

  async close(): Promise<void> {
    await Promise.all(this.hosts.map(host => host.stop()))
  }
}
