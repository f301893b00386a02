import { connect } from 'node:net'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import {
  CONTROL_PROTOCOL,
  createHost,
  DEFAULT_DEADLINES,
  DEFAULT_LIMITS,
  encodeHeader,
  FrameKind,
  FrameStream,
  type Libp2pTransport,
  REQUEST_PROTOCOL
} from '@slytherin/node'
import { afterEach, describe, expect, it } from 'vitest'
import { connected, type Identity, identity, MiB, Network, until } from './support/network.js'

type Failed = { readonly kind: 'hello-failed'; readonly peer: string; readonly error: Error; readonly at: string }

const network = new Network()
const hosts: Libp2p[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map(host => host.stop()))
  await network.stop()
})

/** A host without our transport on it: it can send whatever it likes. */
async function bareHost(self: Identity, allowed: string): Promise<Libp2p> {
  const limits = { ...DEFAULT_LIMITS, streamWindow: 16 << 20, readBuffer: 16 << 20 }
  const host = await createHost({
    privateKey: self.key,
    listen: [],
    allowedPeers: new Set([allowed]),
    deadlines: DEFAULT_DEADLINES,
    limits
  })
  hosts.push(host)
  return host
}

const utf8 = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))
const message = (kind: FrameKind, payload: Uint8Array): Uint8Array => Buffer.concat([encodeHeader(kind, payload.length), payload])
const hello = (more: object = {}): Uint8Array =>
  message(FrameKind.hello, utf8({ version: 2, software: 'x', name: 'mallory', incarnation: '0'.repeat(32), ...more }))

async function closed(stream: Stream, milliseconds = 5000): Promise<void> {
  await until(() => stream.status !== 'open' && stream.status !== 'closing', milliseconds, 'stream closed')
}

interface Scene {
  readonly victim: Libp2pTransport
  readonly honest: Libp2pTransport
  readonly mallory: Identity
  readonly connection: Connection
  /** Requests that reached the victim's handler. */
  readonly seen: Uint8Array[]
}

/** A victim with an honest and a hostile listed peer; the hostile one is connected, its hello done where asked. */
async function scene(withHello = true): Promise<Scene> {
  const [a, b, mallory] = [await identity(), await identity(), await identity()]
  const victim = await network.start(
    a,
    [b, mallory].map(({ peer }) => ({ peer, addresses: [] })),
    { deadlines: { hello: 500, idle: 500 } }
  )
  const seen: Uint8Array[] = []
  const instances = new Set<string>()
  victim.serve(
    async (_, request) => {
      seen.push(request)
      const instance = Buffer.from(request).toString('hex')
      if (instances.has(instance))
        throw Object.assign(new Error('message was received before'), { name: 'ReplayedMessageError', field: 'sequence' })
      instances.add(instance)
      return request
    },
    { maximumRequestBytes: MiB }
  )
  const honest = await network.start(b, [{ peer: a.peer, addresses: victim.addresses }])
  await connected(honest, a.peer)
  const host = await bareHost(mallory, a.peer)
  const connection = await host.dial(victim.addresses.map(address => multiaddr(address)))
  if (withHello) {
    const control = await connection.newStream(CONTROL_PROTOCOL)
    control.send(hello())
    await until(() => victim.connectedPeers.includes(mallory.peer), 3000, 'hello')
  }
  return { victim, honest, mallory, connection, seen }
}

/** The session goes on: an honest exchange right now. */
async function stillServing({ victim, honest }: Scene): Promise<void> {
  const request = crypto.getRandomValues(new Uint8Array(8))
  expect(await honest.request(victim.self, request, { maximumResponseBytes: 8 })).toEqual(request)
}

async function told(stream: Stream, peer: string): Promise<unknown> {
  const frames = new FrameStream(stream, { peer, idleMilliseconds: 2000 })
  const frame = await frames.receive({ [FrameKind.failure]: 65_536, [FrameKind.response]: 65_536 }, AbortSignal.timeout(4000))
  return frame === undefined ? undefined : { kind: frame.kind, ...JSON.parse(new TextDecoder().decode(frame.payload)) }
}

describe('a peer outside the roster', () => {
  it('is refused before any protocol, whichever side dials', async () => {
    const [self, stranger] = [await identity(), await identity()]
    const transport = await network.start(self, [{ peer: (await identity()).peer, addresses: [] }])
    let served = 0
    transport.serve(async () => new Uint8Array(served++), { maximumRequestBytes: 10 })
    const host = await bareHost(stranger, self.peer)
    for (const protocol of [CONTROL_PROTOCOL, REQUEST_PROTOCOL, '/ipfs/ping/1.0.0', '/ipfs/id/1.0.0']) {
      const opened = await host
        .dial(transport.addresses.map(address => multiaddr(address)))
        .then(async connection => {
          const stream = await connection.newStream(protocol)
          stream.send(hello())
          await closed(stream)
          return stream.readBufferLength
        })
        .catch(() => 0)
      expect(opened).toBe(0)
    }
    expect(served).toBe(0)
    expect(transport.connectedPeers).toEqual([])
    expect(transport.host.getConnections()).toHaveLength(0)
    expect(network.notices).toContainEqual(
      expect.objectContaining({
        kind: 'refused',
        peer: stranger.peer,
        error: expect.objectContaining({ code: 'unknown-member', peer: stranger.peer })
      })
    )
    await expect(transport.host.dial(multiaddr(`/ip4/127.0.0.1/tcp/1/p2p/${stranger.peer}`))).rejects.toThrow()
  })

  it('is refused at an address that is not allowed, before its first byte', async () => {
    const self = await identity()
    const transport = await network.start(self, [{ peer: (await identity()).peer, addresses: [] }], { allowedAddresses: ['10.1.0.0/16'] })
    const port = Number(/tcp\/(\d+)/.exec(transport.addresses[0]!)![1])
    const bytes = await new Promise<number>(resolve => {
      let received = 0
      const socket = connect(port, '127.0.0.1')
      socket.on('data', data => {
        received += data.length
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(received))
    })
    expect(bytes).toBe(0)
  })
})

describe('hello', () => {
  it('refuses another protocol version and tells both sides which', async () => {
    const [a, b] = [await identity(), await identity()]
    const server = await network.start(a, [{ peer: b.peer, addresses: [] }])
    const client = await network.start(b, [{ peer: a.peer, addresses: server.addresses }], { version: 3 })
    const at = (peer: string): unknown =>
      network.notices.find((notice): notice is Failed => notice.kind === 'hello-failed' && notice.at === peer)?.error
    await until(() => at(a.peer) !== undefined && at(b.peer) !== undefined, 5000, 'refusals')
    expect(at(a.peer)).toMatchObject({ name: 'HelloMismatchError', peer: b.peer, field: 'version', expected: '2', actual: '3' })
    expect(at(b.peer)).toMatchObject({ name: 'HelloRefusedError', peer: a.peer, field: 'version' })
    expect(client.connectedPeers).toEqual([])
    expect(server.connectedPeers).toEqual([])
  })

  it.each([
    ['not JSON', message(FrameKind.hello, new Uint8Array(50).fill(0x7b)), { name: 'HelloMismatchError', field: 'hello' }],
    ['oversized', encodeHeader(FrameKind.hello, 1 << 30), { name: 'FrameTooLargeError', field: 'length' }],
    ['another kind', message(FrameKind.request, new Uint8Array(3)), { name: 'UnexpectedFrameError', actual: 'request' }],
    ['garbage', new Uint8Array(1000).fill(0xff), { name: 'UnexpectedFrameError', actual: '0xff' }],
    ['silence', undefined, { name: 'HelloMissingError', milliseconds: 500 }]
  ])('that is %s ends the connection with a typed error, others go on', async (_, bytes, expected) => {
    const play = await scene(false)
    const control = await play.connection.newStream(CONTROL_PROTOCOL)
    if (bytes !== undefined) control.send(bytes)
    else control.addEventListener('message', () => {})
    const failed = (): unknown =>
      network.notices.find((notice): notice is Failed => notice.kind === 'hello-failed' && notice.peer === play.mallory.peer)?.error
    await until(() => failed() !== undefined, 5000, 'refused')
    expect(failed()).toMatchObject({ ...expected, peer: play.mallory.peer })
    await until(() => play.connection.status !== 'open', 5000, 'connection closed')
    await stillServing(play)
  })

  it('must come before requests', async () => {
    const play = await scene(false)
    const stream = await play.connection.newStream(REQUEST_PROTOCOL)
    stream.send(message(FrameKind.request, new Uint8Array(4)))
    await closed(stream)
    expect(play.seen).toHaveLength(0)
    await stillServing(play)
  })
})

describe('a listed but hostile peer', () => {
  it.each([
    ['garbage', [new Uint8Array(300).fill(0xee)], { name: 'UnexpectedFrameError', field: 'kind' }],
    ['an oversized request', [encodeHeader(FrameKind.request, 0xffff_ffff)], { name: 'FrameTooLargeError', field: 'length' }],
    ['an answer instead of a request', [message(FrameKind.response, new Uint8Array(9))], { name: 'UnexpectedFrameError', field: 'kind' }],
    [
      'a request that stops half-way',
      [encodeHeader(FrameKind.request, 1000), new Uint8Array(500)],
      { name: 'IdleDeadlineError', field: 'stream' }
    ]
  ])('that sends %s is told what was wrong, its stream is reset, the session goes on', async (_, parts, expected) => {
    const play = await scene()
    const stream = await play.connection.newStream(REQUEST_PROTOCOL)
    for (const part of parts) stream.send(part)
    expect(await told(stream, play.victim.self)).toMatchObject({ kind: FrameKind.failure, ...expected })
    await closed(stream)
    expect(stream.status).toBe('reset')
    expect(network.notices).toContainEqual(
      expect.objectContaining({
        kind: 'fault',
        at: play.victim.self,
        peer: play.mallory.peer,
        error: expect.objectContaining({ peer: play.mallory.peer })
      })
    )
    expect(play.seen).toHaveLength(0)
    expect(play.victim.connectedPeers).toContain(play.mallory.peer)
    await stillServing(play)
  })

  it('that ends in the middle of an answer is gone, as one that was killed is', async () => {
    const play = await scene()
    const cut = (stream: Stream): void => {
      stream.send(Buffer.concat([encodeHeader(FrameKind.response, 1000), new Uint8Array(500)]))
      // Its side ends at once, as that of a process that is killed.
      void stream.close().catch(() => undefined)
    }
    await hosts.at(-1)!.handle(REQUEST_PROTOCOL, stream => {
      stream.addEventListener('message', () => cut(stream), { once: true })
    })
    await expect(play.victim.request(play.mallory.peer, new Uint8Array(1), { maximumResponseBytes: 2000 })).rejects.toMatchObject({
      code: 'peer-unreachable',
      peer: play.mallory.peer
    })
    await stillServing(play)
  })

  it('that truncates a request and closes is a typed fault', async () => {
    const play = await scene()
    const stream = await play.connection.newStream(REQUEST_PROTOCOL)
    stream.send(Buffer.concat([encodeHeader(FrameKind.request, 1000), new Uint8Array(500)]))
    await stream.close()
    const fault = (): unknown => network.notices.find(notice => notice.kind === 'fault')?.error
    await until(() => fault() !== undefined, 3000, 'fault')
    expect(fault()).toMatchObject({ name: 'TruncatedFrameError', received: 500, announced: 1000, peer: play.mallory.peer })
    await stillServing(play)
  })

  it('that replays a request is answered with the handler’s typed failure', async () => {
    const play = await scene()
    const bytes = message(FrameKind.request, Uint8Array.of(1, 2, 3))
    const first = await play.connection.newStream(REQUEST_PROTOCOL)
    first.send(bytes)
    first.send(bytes)
    const frames = new FrameStream(first, { peer: play.victim.self, idleMilliseconds: 2000 })
    const expected = { [FrameKind.response]: 100, [FrameKind.failure]: 1000 }
    expect(await frames.receive(expected)).toMatchObject({ kind: FrameKind.response })
    const second = await frames.receive(expected)
    expect(second!.kind).toBe(FrameKind.failure)
    expect(JSON.parse(new TextDecoder().decode(second!.payload))).toMatchObject({ name: 'ReplayedMessageError', field: 'sequence' })
    await closed(first)
    await stillServing(play)
  })

  it('that sends more on its control stream than beats loses its connection, not ours with others', async () => {
    const play = await scene(false)
    const control = await play.connection.newStream(CONTROL_PROTOCOL)
    control.send(hello())
    await until(() => play.victim.connectedPeers.includes(play.mallory.peer), 3000, 'hello')
    control.send(message(FrameKind.beat, new Uint8Array(5)))
    await until(() => play.connection.status !== 'open', 3000, 'connection closed')
    await stillServing(play)
  })

  it('that announces a giant multiplexer frame loses its connection before memory grows', async () => {
    const play = await scene()
    const header = new DataView(new ArrayBuffer(12))
    header.setUint16(2, 1)
    header.setUint32(4, 4001)
    header.setUint32(8, 0xffff_fff0)
    const before = process.memoryUsage.rss()
    const raw = (play.connection as unknown as { muxer: { maConn: { send(bytes: Uint8Array): boolean } } }).muxer.maConn
    raw.send(new Uint8Array(header.buffer))
    for (let i = 0; i < 40 && play.connection.status === 'open'; i++) {
      try {
        raw.send(new Uint8Array(MiB))
      } catch {
        break
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await until(() => play.connection.status !== 'open', 5000, 'connection closed')
    expect(process.memoryUsage.rss() - before).toBeLessThan(150 * MiB)
    await stillServing(play)
  })

  it('that opens streams without end gets so many and no more', async () => {
    const play = await scene()
    let opened = 0
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        await play.connection
          .newStream(REQUEST_PROTOCOL, { maxOutboundStreams: 1000 })
          .then(() => opened++)
          .catch(() => {})
      })
    )
    expect(opened).toBeLessThanOrEqual(DEFAULT_LIMITS.streams)
    await stillServing(play)
  })
})
