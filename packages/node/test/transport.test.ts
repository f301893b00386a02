import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { HelloMismatchError } from '../src/network/errors.js'
import { PeerLink } from '../src/network/peer-link.js'
import { DEFAULT_DEADLINES, DEFAULT_LIMITS } from '../src/network/settings.js'
import { identity, MiB, Network, ToldError, until } from './support/network.js'

const network = new Network()
afterEach(() => network.stop())

const pattern = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i += 997) bytes[i] = i % 251
  return bytes
}
const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

describe('request and response', () => {
  it('carries small and large messages unchanged, both ways, over one secure channel', async () => {
    const { server, client } = await network.pair()
    const echo = { maximumRequestBytes: 80 * MiB }
    server.serve(async (_, request) => request, echo)
    client.serve(async (_, request) => request, echo)
    for (const [from, to] of [
      [client, server],
      [server, client]
    ] as const) {
      for (const length of [0, 1, 1024, 256 * 1024 + 1]) {
        const sent = pattern(length)
        const answer = await from.request(to.self, sent, { maximumResponseBytes: length })
        expect(digest(answer)).toBe(digest(sent))
      }
    }
    const large = pattern(64 * MiB)
    const answer = await client.request(server.self, large, { maximumResponseBytes: 64 * MiB })
    expect(digest(answer)).toBe(digest(large))
    expect(client.bytes.sent(server.self)).toBeGreaterThan(64 * MiB)
    expect(client.bytes.received()).toBeGreaterThan(64 * MiB)
    expect(server.bytes.received(client.self)).toBe(client.bytes.sent(server.self))
    expect(network.notices.find(notice => notice.kind === 'up')).toMatchObject({ encryption: '/tls/1.0.0' })
  })

  it('keeps its stream for the next small request', async () => {
    const { server, client } = await network.pair()
    server.serve(async (_, request) => request, { maximumRequestBytes: 1024 })
    for (let i = 0; i < 50; i++) await client.request(server.self, new Uint8Array(1024), { maximumResponseBytes: 1024 })
    const streams = client.host.getConnections()[0]!.streams.filter(stream => stream.protocol === '/slytherin/1.0.0/request')
    expect(streams).toHaveLength(1)
  })

  it('runs requests at the same time, and bulk does not hold up small ones', async () => {
    const { server, client } = await network.pair()
    let together = 0
    let most = 0
    server.serve(
      async (_, request) => {
        most = Math.max(most, ++together)
        await new Promise(resolve => setTimeout(resolve, 50))
        together--
        return request.subarray(0, 16)
      },
      { maximumRequestBytes: 16 * MiB }
    )
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, i) => {
        const request = new Uint8Array(i % 10 === 0 ? 4 * MiB : 16)
        request[3] = i
        return client.request(server.self, request, { maximumResponseBytes: 16 })
      })
    )
    expect(answers.map(answer => answer[3])).toEqual(Array.from({ length: 60 }, (_, i) => i))
    expect(most).toBeGreaterThan(8)
    expect(most).toBeLessThanOrEqual(32)
  })

  it('aborts: the caller gets its reason, the handler its signal, the next request is served', async () => {
    const { server, client } = await network.pair()
    let handlerReason: unknown
    server.serve(
      async (_, request, { signal }) => {
        if (request.length === 0) return new Uint8Array(1)
        await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
        handlerReason = signal.reason
        return new Uint8Array(0)
      },
      { maximumRequestBytes: 10 }
    )
    const controller = new AbortController()
    const pending = client.request(server.self, new Uint8Array(1), { maximumResponseBytes: 10, signal: controller.signal })
    setTimeout(() => controller.abort(new Error('changed my mind')), 100)
    await expect(pending).rejects.toThrow('changed my mind')
    await until(() => handlerReason !== undefined, 2000, 'handler aborted')
    expect(handlerReason).toMatchObject({ name: 'StreamClosedError', peer: client.self })
    expect(await client.request(server.self, new Uint8Array(0), { maximumResponseBytes: 1 })).toHaveLength(1)
  })

  it('sends a handler error back as a failure and goes on', async () => {
    const { server, client } = await network.pair()
    let calls = 0
    server.serve(
      async () => {
        if (++calls === 1) throw new TypeError('no such instance')
        return new Uint8Array(2)
      },
      { maximumRequestBytes: 10 }
    )
    const failure = await client.request(server.self, new Uint8Array(1), { maximumResponseBytes: 10 }).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ToldError)
    expect(failure).toMatchObject({ peer: server.self, remoteName: 'TypeError', message: 'no such instance' })
    expect(await client.request(server.self, new Uint8Array(1), { maximumResponseBytes: 10 })).toHaveLength(2)
  })

  it('gives up at the response deadline', async () => {
    const { server, client } = await network.pair({ deadlines: { response: 300 } })
    server.serve(() => new Promise(() => {}), { maximumRequestBytes: 10 })
    await expect(client.request(server.self, new Uint8Array(1), { maximumResponseBytes: 10 })).rejects.toMatchObject({
      name: 'ResponseDeadlineError',
      peer: server.self
    })
  })

  it('refuses a peer that is not in the roster, and waits only so long for one that is not there', async () => {
    const { client } = await network.pair({ deadlines: { connect: 200 } })
    const stranger = await identity()
    await expect(client.request(stranger.peer, new Uint8Array(1), { maximumResponseBytes: 1 })).rejects.toMatchObject({
      name: 'UnknownPeerError',
      peer: stranger.peer
    })
    const absent = await identity()
    const alone = await network.start(await identity(), [{ peer: absent.peer, addresses: [] }], { deadlines: { connect: 200 } })
    await expect(alone.request(absent.peer, new Uint8Array(1), { maximumResponseBytes: 1 })).rejects.toMatchObject({
      name: 'PeerUnreachableError',
      peer: absent.peer
    })
  })
})

describe('sizes', () => {
  it('waits for a connection that was lost no longer than a request says', async () => {
    const { server, client } = await network.pair({ deadlines: { down: 600_000 } })
    client.setPeers([])
    await until(() => server.connectedPeers.length === 0, 5000, 'the connection lost')
    // The network itself would wait until the peer counts as down.
    const asked = server.request(client.self, new Uint8Array(1), { maximumResponseBytes: 1, absence: 50 })
    await expect(asked).rejects.toThrow(/not connected within 50 ms/)
  })

  it('whoever waits for a peer that is lost in its hello is told that it is not there, whatever the network says', async () => {
    const link = new PeerLink('peer', DEFAULT_DEADLINES, DEFAULT_LIMITS, () => undefined)
    const lost = link.whenConnected(60_000)
    link.refused(new Error('stream closed while reading 0/1 bytes'))
    await expect(lost).rejects.toMatchObject({ code: 'peer-unreachable', peer: 'peer', kind: 'hello' })
    const other = link.whenConnected(60_000)
    link.refused(new HelloMismatchError('peer', 'version', '2', '1'))
    await expect(other).rejects.toThrow(HelloMismatchError)
  })

  it('refuses an oversized request before it is read, tells the peer which field, and keeps the connection', async () => {
    const { server, client } = await network.pair()
    let calls = 0
    server.serve(
      async () => {
        calls++
        return new Uint8Array(0)
      },
      { maximumRequestBytes: peer => (peer === client.self ? 1024 : 0) }
    )
    const failure = await client
      .request(server.self, new Uint8Array(32 * MiB), { maximumResponseBytes: 0 })
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(ToldError)
    expect(failure).toMatchObject({ remoteName: 'FrameTooLargeError', field: 'length' })
    expect(calls).toBe(0)
    expect(server.bytes.received(client.self)).toBeLessThan(8 * MiB)
    expect(network.notices).toContainEqual(expect.objectContaining({ kind: 'fault', peer: client.self, at: server.self }))
    await client.request(server.self, new Uint8Array(1024), { maximumResponseBytes: 0 })
    expect(calls).toBe(1)
    expect(client.host.getConnections()).toHaveLength(1)
  })

  it('refuses an oversized answer', async () => {
    const { server, client } = await network.pair()
    server.serve(async () => new Uint8Array(2 * MiB), { maximumRequestBytes: 10 })
    await expect(client.request(server.self, new Uint8Array(1), { maximumResponseBytes: MiB })).rejects.toMatchObject({
      name: 'FrameTooLargeError',
      peer: server.self,
      announced: 2 * MiB,
      maximum: MiB
    })
  })
})
