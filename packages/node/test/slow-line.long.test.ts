/** Lines so slow that a message takes many times the deadlines: what counts is that bytes move. */
import { afterEach, describe, expect, it } from 'vitest'
import { connected, identity, MiB, Network, until } from './support/network.js'
import { Throttle } from './support/throttle.js'
import { WiredCohort } from './support/wired-cohort.js'

const network = new Network()
const cleanups: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
  await network.stop()
})

const portOf = (address: string): number => Number(/tcp\/(\d+)/.exec(address)![1])

describe('a message over a slow line', () => {
  it('may take many times the deadlines as long as it moves, in both directions', async () => {
    const deadlines = { beat: 200, idle: 1000, stall: 1000, response: 1000, down: 3000 }
    const [a, b] = [await identity(), await identity()]
    const server = await network.start(a, [{ peer: b.peer, addresses: [] }], { deadlines })
    const throttle = await Throttle.start(portOf(server.addresses[0]!), 1.5 * MiB)
    cleanups.push(() => throttle.stop())
    const client = await network.start(b, [{ peer: a.peer, addresses: [`/ip4/127.0.0.1/tcp/${throttle.port}`] }], { deadlines })
    await Promise.all([connected(client, a.peer), connected(server, b.peer)])
    server.serve(async (_, request) => request, { maximumRequestBytes: 8 * MiB })
    const start = performance.now()
    let moved = 0
    const sent = crypto.getRandomValues(new Uint8Array(64 * 1024))
    const message = new Uint8Array(6 * MiB)
    for (let offset = 0; offset < message.length; offset += sent.length) message.set(sent, offset)
    const answer = await client.request(server.self, message, {
      maximumResponseBytes: 8 * MiB,
      onProgress: () => {
        moved++
      }
    })
    expect(Buffer.compare(answer, message)).toBe(0)
    expect(performance.now() - start).toBeGreaterThan(6000)
    expect(moved).toBeGreaterThan(40)
    expect(network.notices.filter(({ kind }) => kind === 'fault' || kind === 'down')).toEqual([])
  })

  it('slower than the slowest that is accepted is refused by name, though bytes move', async () => {
    const [a, b] = [await identity(), await identity()]
    const server = await network.start(a, [{ peer: b.peer, addresses: [] }], {
      deadlines: { idle: 1000 },
      limits: { slowestRate: 4 * MiB }
    })
    const throttle = await Throttle.start(portOf(server.addresses[0]!), MiB)
    cleanups.push(() => throttle.stop())
    const client = await network.start(b, [{ peer: a.peer, addresses: [`/ip4/127.0.0.1/tcp/${throttle.port}`] }])
    await Promise.all([connected(client, a.peer), connected(server, b.peer)])
    server.serve(async (_, request) => request, { maximumRequestBytes: 16 * MiB })
    const refused = client.request(server.self, new Uint8Array(16 * MiB), { maximumResponseBytes: 16 * MiB })
    await expect(refused).rejects.toMatchObject({ remoteName: 'SlowFrameError', field: 'stream' })
    await until(() => network.notices.some(({ kind }) => kind === 'fault'), 2000, 'told')
  })
})

describe('a whole session with a slow line to one of its parties', () => {
  it('comes to its end without a repetition, its deadlines far below what the messages take', async () => {
    // Several messages share the line: a piece of each must come within the deadline, the messages themselves take many times as long.
    const rate = 256 << 10
    const idle = 4000
    const cohort = await WiredCohort.start('logreg', {
      slow: { name: 'first', rate },
      deadlines: { idle },
      // The least: more flooding takes a larger ring, and the line so much longer.
      limits: { floodingBits: 30 },
      network: { beat: 200, idle: 3000, stall: 3000 }
    })
    cleanups.push(() => cohort.stop())
    await cohort.expectGoodSession()
    const shares = cohort.parties.first.transport.bytes.sent()
    expect((1000 * shares) / rate).toBeGreaterThan(5 * idle)
    for (const { name, refused, notices } of Object.values(cohort.parties)) {
      expect(refused, name).toEqual([])
      expect(
        notices.filter(({ kind }) => kind === 'fault' || kind === 'down'),
        name
      ).toEqual([])
    }
  })
})
