/** The connection of a page, over real WebSockets, to the transport that parties have; and to servers that are none. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Libp2pTransport } from '@slytherin/node'
import { type NetworkNotice, PeerTransport, protocolFailures } from '@slytherin/node/portable'
import { OversizedMessageError } from '@slytherin/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { PageHost } from '../src/connection/page-host.js'
import { WebSocketConnection } from '../src/connection/web-socket-connection.js'

const LISTEN = ['/ip4/127.0.0.1/tcp/0/ws']
const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Identity {
  readonly key: Ed25519PrivateKey
  readonly peer: string
}

async function identity(): Promise<Identity> {
  const key = await generateKeyPair('Ed25519')
  return { key, peer: peerIdFromPrivateKey(key).toString() }
}

async function party(own: Identity, known: readonly string[]): Promise<{ readonly transport: Libp2pTransport; readonly url: string }> {
  const transport = await Libp2pTransport.start({
    privateKey: own.key,
    listen: LISTEN,
    peers: known.map(peer => ({ peer, addresses: [] })),
    name: 'evaluator',
    software: 'test',
    failures: protocolFailures
  })
  ends.push(async () => await transport.stop())
  const port = /\/tcp\/(\d+)\/ws/.exec(transport.addresses[0]!)![1]
  return { transport, url: `ws://127.0.0.1:${port}` }
}

async function page(
  own: Identity,
  evaluator: string,
  url: string
): Promise<{ readonly transport: PeerTransport; readonly notices: NetworkNotice[] }> {
  const notices: NetworkNotice[] = []
  const transport = await PeerTransport.over(new PageHost(own.key), {
    peers: [{ peer: evaluator, addresses: [url] }],
    name: 'page',
    software: 'test',
    failures: protocolFailures,
    onNotice: notice => void notices.push(notice)
  })
  ends.push(async () => await transport.stop())
  return { transport, notices }
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > end) throw new Error('never')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe('a page and a party', () => {
  it('stay connected when the time that connecting may take is over', async () => {
    const [evaluator, own] = [await identity(), await identity()]
    const { url } = await party(evaluator, [own.peer])
    const limit = new AbortController()
    const socket = await WebSocketConnection.open(url, limit.signal)
    ends.push(async () => socket.abort(new Error('the test is over')))
    limit.abort(new Error('the time is over'))
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(socket.status).toBe('open')
  })

  it('exchange whole messages in both directions, of megabytes too', async () => {
    const [evaluator, own] = [await identity(), await identity()]
    const { transport: server, url } = await party(evaluator, [own.peer])
    server.serve(async (peer, bytes) => Uint8Array.from([peer === own.peer ? 1 : 0, ...bytes.subarray(0, 3)].concat(bytes.length % 251)), {
      maximumRequestBytes: 8 << 20
    })
    const { transport } = await page(own, evaluator.peer, url)
    transport.serve(async () => new Uint8Array(3 << 20).fill(7), { maximumRequestBytes: 100 })
    await until(() => transport.connectedPeers.length === 1 && server.connectedPeers.length === 1)
    const large = new Uint8Array(5 << 20).fill(9)
    expect(await transport.request(evaluator.peer, large, { maximumResponseBytes: 100 })).toEqual(
      Uint8Array.of(1, 9, 9, 9, large.length % 251)
    )
    const back = await server.request(own.peer, Uint8Array.of(1), { maximumResponseBytes: 4 << 20 })
    expect(back.length).toBe(3 << 20)
    expect(transport.bytes.sent()).toBeGreaterThan(large.length)
  })

  it('an answer that is longer than it may be is not read', async () => {
    const [evaluator, own] = [await identity(), await identity()]
    const { transport: server, url } = await party(evaluator, [own.peer])
    server.serve(async () => new Uint8Array(1000), { maximumRequestBytes: 100 })
    const { transport } = await page(own, evaluator.peer, url)
    await until(() => transport.connectedPeers.length === 1)
    const asked = transport.request(evaluator.peer, Uint8Array.of(1), { maximumResponseBytes: 999 })
    await expect(asked).rejects.toBeInstanceOf(OversizedMessageError)
  })

  it('a page whom the party does not know is not let in', async () => {
    const [evaluator, own] = [await identity(), await identity()]
    const { transport: server, url } = await party(evaluator, [])
    const { transport, notices } = await page(own, evaluator.peer, url)
    await until(() => notices.some(({ kind }) => kind === 'dial-failed' || kind === 'hello-failed'))
    expect(transport.connectedPeers).toEqual([])
    expect(server.connectedPeers).toEqual([])
  })
})

describe('what answers in place of the party', () => {
  it('somebody else with another key is refused before anything is said', async () => {
    const [meant, other, own] = [await identity(), await identity(), await identity()]
    const { transport: server, url } = await party(other, [own.peer])
    const { transport, notices } = await page(own, meant.peer, url)
    await until(() => notices.some(({ kind }) => kind === 'dial-failed'))
    expect(notices[0]).toMatchObject({ error: { name: 'ConnectionFailedError' } })
    expect(transport.connectedPeers).toEqual([])
    expect(server.connectedPeers).toEqual([])
  })

  it('a server of something else is a failure that says so, and the next try finds the party', async () => {
    const [evaluator, own] = [await identity(), await identity()]
    const server: Server = createServer((_, response) => response.writeHead(200).end('hello'))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    ends.push(async () => await new Promise(resolve => server.close(resolve)))
    const { transport, notices } = await page(own, evaluator.peer, `ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    await until(() => notices.some(({ kind }) => kind === 'dial-failed'))
    expect(notices[0]).toMatchObject({ error: { name: 'ConnectionFailedError', reason: /nobody answers there/ } })
    const { url } = await party(evaluator, [own.peer])
    transport.setPeers([{ peer: evaluator.peer, addresses: [url] }])
    await until(() => transport.connectedPeers.length === 1)
  })
})
