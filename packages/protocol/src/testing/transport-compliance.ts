/** What every transport must do, whatever network is below it. */
import { afterEach, describe, expect, it } from 'vitest'
import { equalBytes } from '../base/digest.js'
import { OversizedMessageError, PeerUnreachableError, ProtocolError, RemoteFailureError } from '../errors/errors.js'
import type { Transport } from '../wire/transport.js'

/** An implementation under test. Failures travel as the protocol encodes them. */
export interface TransportHarness {
  /** Transports of parties that know one another and are connected. */
  start(count: number): Promise<Transport[]>
  /** The party of a transport goes away, as a process does that is ended. */
  leave(transport: Transport): Promise<void>
  /** After each test. */
  stop(): Promise<void>
}

const LIMITS = { maximumRequestBytes: 1 << 20 }
const pattern = (length: number, seed = 0): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + seed) % 251)
const outcomeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  await promise.then(
    () => undefined,
    (error: unknown) => error
  )
const until = async (condition: () => boolean): Promise<void> => {
  const start = performance.now()
  while (!condition()) {
    if (performance.now() - start > 10_000) throw new Error('not within 10 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Registers the suite. */
export function transportCompliance(name: string, harness: TransportHarness): void {
  describe(`${name}, as a transport`, () => {
    afterEach(async () => await harness.stop())

    const pair = async (): Promise<[Transport, Transport]> => (await harness.start(2)) as [Transport, Transport]

    it('carries messages unchanged, both ways, and says who sent them', async () => {
      const [a, b] = await pair()
      const senders: string[] = []
      const echo = async (peer: string, request: Uint8Array): Promise<Uint8Array> => {
        senders.push(peer)
        return request
      }
      a.serve(echo, LIMITS)
      b.serve(echo, LIMITS)
      for (const length of [0, 1, 1000, 300_000]) {
        for (const [from, to] of [
          [a, b],
          [b, a]
        ] as const) {
          const echoed = await from.request(to.self, pattern(length), { maximumResponseBytes: length })
          expect(equalBytes(echoed, pattern(length))).toBe(true)
        }
      }
      expect(senders).toEqual([a, b, a, b, a, b, a, b].map(({ self }) => self))
    })

    it('leaves the bytes of a message to whoever gave them', async () => {
      const [a, b] = await pair()
      const answer = pattern(100, 5)
      b.serve(async (_, request) => {
        request.fill(0)
        return answer
      }, LIMITS)
      const request = pattern(100)
      const response = await a.request(b.self, request, { maximumResponseBytes: 100 })
      response.fill(0)
      expect(request).toEqual(pattern(100))
      expect(answer).toEqual(pattern(100, 5))
    })

    it('carries many requests at a time, each to its own answer', async () => {
      const [a, b, c] = (await harness.start(3)) as [Transport, Transport, Transport]
      for (const server of [b, c]) {
        server.serve(async (_, request) => {
          await new Promise(resolve => setTimeout(resolve, (request[0]! * 13) % 40))
          return Uint8Array.of(request[0]!, server === b ? 1 : 2)
        }, LIMITS)
      }
      const answers = await Promise.all(
        Array.from({ length: 40 }, async (_, i) => [
          ...(await a.request((i % 2 === 0 ? b : c).self, Uint8Array.of(i), { maximumResponseBytes: 2 }))
        ])
      )
      expect(answers).toEqual(Array.from({ length: 40 }, (_, i) => [i, i % 2 === 0 ? 1 : 2]))
    })

    it('sends what a handler throws back as a failure, and goes on', async () => {
      const [a, b] = await pair()
      b.serve(async (peer, request) => {
        if (request[0] === 0) throw new OversizedMessageError({ peer, kind: 'galois', field: 'share', expected: 'less' })
        if (request[0] === 1) throw new TypeError('the secret is 0O0l') // letters that no identity has
        return request
      }, LIMITS)
      const typed = await outcomeOf(a.request(b.self, Uint8Array.of(0), { maximumResponseBytes: 10 }))
      expect(typed).toBeInstanceOf(RemoteFailureError)
      expect(typed).toMatchObject({ peer: b.self, remote: { code: 'oversized-message', kind: 'galois', field: 'share', expected: 'less' } })
      const untyped = (await outcomeOf(a.request(b.self, Uint8Array.of(1), { maximumResponseBytes: 10 }))) as RemoteFailureError
      expect(untyped).toBeInstanceOf(RemoteFailureError)
      expect(untyped.remote.code).toBe('internal')
      expect(untyped.message).not.toContain('0O0l')
      expect(await a.request(b.self, Uint8Array.of(2), { maximumResponseBytes: 10 })).toEqual(Uint8Array.of(2))
    })

    it('refuses a request that is too long, for each peer by its own bound, before anybody handles it', async () => {
      const [a, b, c] = (await harness.start(3)) as [Transport, Transport, Transport]
      let handled = 0
      let bound = 100
      const maximumRequestBytes = (peer: string): number => (peer === a.self ? bound : 1000)
      b.serve(
        async () => {
          handled++
          return new Uint8Array(0)
        },
        { maximumRequestBytes }
      )
      const error = await outcomeOf(a.request(b.self, pattern(101), { maximumResponseBytes: 10 }))
      expect(error).toBeInstanceOf(RemoteFailureError)
      expect(error).toMatchObject({ peer: b.self, remote: { code: 'oversized-message' } })
      expect(handled).toBe(0)
      await a.request(b.self, pattern(100), { maximumResponseBytes: 10 })
      await c.request(b.self, pattern(1000), { maximumResponseBytes: 10 })
      // Asked anew for every request.
      bound = 200
      await a.request(b.self, pattern(200), { maximumResponseBytes: 10 })
      expect(handled).toBe(3)
    })

    it('refuses an answer that is longer than allowed', async () => {
      const [a, b] = await pair()
      b.serve(async (_, request) => pattern(request[0]!), LIMITS)
      const error = await outcomeOf(a.request(b.self, Uint8Array.of(101), { maximumResponseBytes: 100 }))
      expect(error).toBeInstanceOf(OversizedMessageError)
      expect(error).toMatchObject({ peer: b.self })
      expect(await a.request(b.self, Uint8Array.of(100), { maximumResponseBytes: 100 })).toHaveLength(100)
    })

    it('gives a request up when told to: the caller hears the reason, the handler that nobody waits', async () => {
      const [a, b] = await pair()
      let gone = false
      b.serve(async (_, request, { signal }) => {
        if (request.length === 1) await new Promise<void>(resolve => signal.addEventListener('abort', () => resolve()))
        gone ||= signal.aborted
        return new Uint8Array(0)
      }, LIMITS)
      const controller = new AbortController()
      const reason = new Error('changed my mind')
      const pending = outcomeOf(a.request(b.self, new Uint8Array(1), { maximumResponseBytes: 1, signal: controller.signal }))
      setTimeout(() => controller.abort(reason), 50)
      expect(await pending).toBe(reason)
      await until(() => gone)
      // One that was given up before is not even sent.
      expect(await outcomeOf(a.request(b.self, new Uint8Array(0), { maximumResponseBytes: 1, signal: controller.signal }))).toBe(reason)
      expect(await a.request(b.self, new Uint8Array(0), { maximumResponseBytes: 1 })).toHaveLength(0)
    })

    it('knows that a peer is gone: requests under way fail, listeners hear it, once they have not unsubscribed', async () => {
      const [a, b, c] = (await harness.start(3)) as [Transport, Transport, Transport]
      const news: string[] = []
      let deaf = 0
      a.onPeerChange((peer, state) => void news.push(`${peer} ${state}`))
      const unsubscribe = a.onPeerChange(() => void deaf++)
      unsubscribe()
      b.serve(() => new Promise(() => {}), LIMITS)
      c.serve(async (_, request) => request, LIMITS)
      const pending = outcomeOf(a.request(b.self, new Uint8Array(1), { maximumResponseBytes: 1 }))
      await new Promise(resolve => setTimeout(resolve, 50))
      await harness.leave(b)
      const error = await pending
      expect(error).toBeInstanceOf(PeerUnreachableError)
      expect(error).toMatchObject({ peer: b.self })
      await until(() => news.length > 0)
      expect(news).toEqual([`${b.self} down`])
      expect(deaf).toBe(0)
      expect(await a.request(c.self, new Uint8Array(1), { maximumResponseBytes: 1 })).toHaveLength(1)
    })

    it('has a typed error for peers that it does not know', async () => {
      const [a] = await pair()
      expect(await outcomeOf(a.request('nobody', new Uint8Array(1), { maximumResponseBytes: 1 }))).toBeInstanceOf(ProtocolError)
    })

    it('counts bytes, by peer and in total, each way', async () => {
      const [a, b, c] = (await harness.start(3)) as [Transport, Transport, Transport]
      for (const server of [b, c]) server.serve(async () => pattern(500), LIMITS)
      const before = { sent: a.bytes.sent(), received: a.bytes.received(), toB: a.bytes.sent(b.self), fromB: a.bytes.received(b.self) }
      const toC = a.bytes.sent(c.self)
      for (let i = 0; i < 3; i++) await a.request(b.self, pattern(1000), { maximumResponseBytes: 500 })
      expect(a.bytes.sent(b.self) - before.toB).toBeGreaterThanOrEqual(3000)
      expect(a.bytes.received(b.self) - before.fromB).toBeGreaterThanOrEqual(1500)
      expect(a.bytes.sent(c.self) - toC).toBeLessThan(1000)
      expect(a.bytes.sent() - before.sent).toBeGreaterThanOrEqual(3000)
      expect(a.bytes.received() - before.received).toBeGreaterThanOrEqual(1500)
      await until(() => b.bytes.received(a.self) >= 3000 && b.bytes.sent(a.self) >= 1500)
      expect(a.bytes.sent('nobody')).toBe(0)
    })
  })
}
