/** What a page is told of its connection while it is cut, over real WebSockets. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { Libp2pTransport } from '@slytherin/node'
import { PeerTransport, protocolFailures } from '@slytherin/node/portable'
import { PeerUnreachableError } from '@slytherin/protocol'
import { afterEach, describe, expect, it } from 'vitest'
import { ConnectionNews } from '../src/connection/connection-news.js'
import { PageHost } from '../src/connection/page-host.js'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** Between a page and a party: a line that can be cut. */
async function line(port: number): Promise<{ readonly url: string; cut(cutting: boolean): void }> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer(client => {
    if (isCut) return void client.destroy()
    const upstream = connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => sockets.delete(socket))
    }
    client.pipe(upstream)
    upstream.pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut: cutting => {
      isCut = cutting
      if (cutting) for (const socket of sockets) socket.destroy()
    }
  }
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 60_000
  while (!holds()) {
    if (performance.now() > end) throw new Error('never')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

describe('news of a connection', () => {
  it('a connection that is lost for a moment, while dials fail, is down and then up again', async () => {
    const [evaluatorKey, ownKey] = [await generateKeyPair('Ed25519'), await generateKeyPair('Ed25519')]
    const [evaluator, own] = [evaluatorKey, ownKey].map(key => peerIdFromPrivateKey(key).toString()) as [string, string]
    const server = await Libp2pTransport.start({
      privateKey: evaluatorKey,
      listen: ['/ip4/127.0.0.1/tcp/0/ws'],
      peers: [{ peer: own, addresses: [] }],
      name: 'evaluator',
      software: 'test',
      failures: protocolFailures
    })
    ends.push(async () => await server.stop())
    server.serve(async () => Uint8Array.of(7), { maximumRequestBytes: 100 })
    const { url, cut } = await line(Number(/\/tcp\/(\d+)\/ws/.exec(server.addresses[0]!)![1]))
    const states: string[] = []
    const news = new ConnectionNews(({ state }) => void states.push(state))
    const transport = await PeerTransport.over(new PageHost(ownKey), {
      peers: [{ peer: evaluator, addresses: [url] }],
      name: 'page',
      software: 'test',
      failures: protocolFailures,
      onNotice: news.notice
    })
    ends.push(async () => await transport.stop())
    transport.onPeerChange(news.peer)
    // The membership greets whoever comes up, and is not told of a return within seconds.
    transport.onPeerChange((peer, state) => state === 'up' && news.membership(peer, 'up'))
    await until(() => states.length > 0)
    expect(states).toEqual(['up'])
    cut(true)
    await until(() => states.includes('down'))
    cut(false)
    await until(() => states.at(-1) === 'up')
    expect(states[0]).toBe('up')
    expect(await transport.request(evaluator, Uint8Array.of(1), { maximumResponseBytes: 10 })).toEqual(Uint8Array.of(7))
  })

  it('the same is told once, and a request that went wrong is no news of the connection', () => {
    const told: unknown[] = []
    const news = new ConnectionNews(event => void told.push(event))
    const error = new PeerUnreachableError({ peer: 'p', kind: 'hello', reason: 'the stream was closed' })
    for (let k = 0; k < 3; k++) {
      news.notice({ kind: 'hello-failed', peer: 'p', error })
      news.notice({ kind: 'dial-failed', peer: 'p', error })
    }
    expect(told).toEqual([{ kind: 'connection', state: 'down', reason: expect.stringMatching(/roster names/) }])
    news.membership('p', 'up')
    news.notice({ kind: 'fault', peer: 'p', error })
    expect(told).toHaveLength(2)
    expect(told[1]).toEqual({ kind: 'connection', state: 'up' })
  })
})
