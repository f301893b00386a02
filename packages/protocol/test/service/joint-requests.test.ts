/** Requests to key holders that share messages: who goes with whom, and that each is answered, refused and given up by itself. */
import { DeadlineExceededError, NotPermittedError, PeerUnreachableError, RemoteFailureError } from '@slytherin/protocol'
import {
  type Caller,
  type CallOptions,
  decodeCall,
  encodeCall,
  JOINT_BYTES,
  JointRequests,
  type Message,
  RELEASE,
  SWITCH,
  TOGETHER
} from '@slytherin/protocol/service'
import { afterEach, describe, expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { errorOf, smallPlan } from './support/small-model.js'
import { World } from './support/world.js'

const QUERIES = ['a', 'b', 'c', 'd'].map(letter => letter.repeat(32))
const [A, B, C, D] = QUERIES as [string, string, string, string]
const SIGNATURE = '00'

/** What a message to a holder was: the first bytes of the components of each call. */
interface Sent {
  readonly calls: readonly number[]
  readonly options: CallOptions
  answer(): void
  fail(error: Error): void
}

/** A holder that answers when it is told to, with the component that it was sent. */
class Holder implements Caller {
  readonly self = 'evaluator'
  readonly sent: Sent[] = []
  joins = true

  async call<Q, R>(peer: string, kind: { readonly kind: string }, head: Q, blobs: readonly Uint8Array[] = [], options: CallOptions = {}) {
    const together = kind.kind === TOGETHER.kind
    if (together && !this.joins) throw new RemoteFailureError(peer, new NotPermittedError({ peer }))
    const calls = together ? blobs.map(bytes => decodeCall(bytes, peer)) : [{ kind: kind.kind, head, blobs }]
    const reply = Promise.withResolvers<Message<unknown>>()
    const replies = calls.map(call => encodeCall(SWITCH.kind, { signature: SIGNATURE }, call.blobs))
    const alone = { head: { signature: SIGNATURE }, blobs }
    options.signal?.addEventListener('abort', () => reply.reject(options.signal?.reason))
    this.sent.push({
      calls: calls.map(call => call.blobs[0]![0]!),
      options,
      answer: () => reply.resolve(together ? { head: { answered: replies.map(() => true) }, blobs: replies } : alone),
      fail: error => reply.reject(error)
    })
    return (await reply.promise) as Message<R>
  }

  get calls(): (readonly number[])[] {
    return this.sent.map(({ calls }) => calls)
  }
}

const turn = async (): Promise<void> => await new Promise(resolve => setTimeout(resolve, 10))

function world(window = 1) {
  const holder = new Holder()
  const joint = new JointRequests({ caller: holder, window })
  const ask = async (
    query: string,
    byte: number,
    { length = 1, peer = 'holder', ...options }: CallOptions & { length?: number; peer?: string } = {}
  ) => {
    const attempt = {
      sharing: { generation: 0, lineage: '0'.repeat(64), threshold: 1, points: [1] },
      query,
      step: 'out',
      number: 0,
      active: [1]
    }
    const head = { query, attempt, instance: 'i', signature: SIGNATURE, endorsements: [], level: 1, noise: 1 }
    const answer = await joint.ask({ peer, query, kind: SWITCH, head, blobs: [new Uint8Array(length).fill(byte)] }, options)
    return answer.blobs[0]![0]!
  }
  return { holder, ask }
}

describe('messages', () => {
  test('what comes within a moment goes together; one alone goes as it always went', async () => {
    const { holder, ask } = world()
    const three = Promise.all([ask(A, 1), ask(B, 2), ask(A, 3)])
    const elsewhere = ask(C, 4, { peer: 'other' })
    await turn()
    expect(holder.calls).toEqual([[1, 2, 3], [4]])
    for (const message of holder.sent) message.answer()
    expect(await three).toEqual([1, 2, 3])
    expect(await elsewhere).toBe(4)
  })

  test('two messages are under way; what comes then goes together with the next', async () => {
    const { holder, ask } = world(0)
    const all = [ask(A, 1), ask(B, 2), ask(C, 3), ask(D, 4), ask(A, 5)]
    await turn()
    expect(holder.calls).toEqual([[1], [2]])
    holder.sent[0]!.answer()
    await turn()
    // Those that were never served before, in the order in which they came, then the one that was.
    expect(holder.calls.slice(2)).toEqual([[3, 4, 5]])
    for (const message of holder.sent) message.answer()
    expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5])
  })

  test('a message has a bound, and within it queries take turns: many requests of one do not hold up another', async () => {
    const { holder, ask } = world()
    const third = Math.floor(JOINT_BYTES / 3)
    const many = [1, 2, 3, 4, 5].map(async byte => await ask(A, byte, { length: third }))
    const other = ask(B, 6, { length: third })
    const large = ask(C, 7, { length: JOINT_BYTES + 1 })
    await turn()
    expect(holder.calls).toEqual([[1, 6], [7]])
    holder.sent[0]!.answer()
    holder.sent[1]!.answer()
    await turn()
    expect(holder.calls.slice(2)).toEqual([[2, 3, 4], [5]])
    for (const message of holder.sent) message.answer()
    expect(await Promise.all([...many, other, large])).toEqual([1, 2, 3, 4, 5, 6, 7])
  })
})

describe('each by itself', () => {
  test('a query that is given up leaves, whether its request waits or is under way; the others are answered', async () => {
    const { holder, ask } = world()
    const [waits, goes] = [new AbortController(), new AbortController()]
    const before = ask(A, 1, { signal: waits.signal })
    const under = ask(B, 2, { signal: goes.signal })
    const stays = ask(C, 3)
    waits.abort(new Error('cancelled'))
    await expect(before).rejects.toThrow('cancelled')
    await turn()
    expect(holder.calls).toEqual([[2, 3]])
    goes.abort(new Error('expired'))
    await expect(under).rejects.toThrow('expired')
    expect(holder.sent[0]!.options.signal!.aborted).toBe(false)
    holder.sent[0]!.answer()
    expect(await stays).toBe(3)
  })

  test('a message that nobody wants any more is given up, and the next one leaves', async () => {
    const { holder, ask } = world(0)
    const stop = new AbortController()
    const given = [ask(A, 1, { signal: stop.signal }), ask(B, 2, { signal: stop.signal })]
    const next = ask(C, 3)
    stop.abort(new Error('closed'))
    for (const one of given) await expect(one).rejects.toThrow('closed')
    await turn()
    expect(holder.calls).toEqual([[1], [2], [3]])
    holder.sent[2]!.answer()
    expect(await next).toBe(3)
  })

  test('a holder that is silent for too long is not waited for once more by those whose turn has not come', async () => {
    const { holder, ask } = world(0)
    const all = [ask(A, 1), ask(B, 2), ask(C, 3)].map(async one => await one.catch((error: unknown) => error))
    await turn()
    expect(holder.calls).toEqual([[1], [2]])
    holder.sent[0]!.fail(new DeadlineExceededError({ peer: 'holder' }))
    expect(await all[0]).toBeInstanceOf(DeadlineExceededError)
    expect(await all[2]).toBeInstanceOf(DeadlineExceededError)
    expect(holder.calls).toHaveLength(2)
    holder.sent[1]!.answer()
    expect(await all[1]).toBe(2)
    const later = ask(D, 4)
    await turn()
    holder.sent[2]!.answer()
    expect(await later).toBe(4)
  })

  test('a holder that is gone is gone for all of a message; one that takes no such message is asked one by one', async () => {
    const { holder, ask } = world()
    const lost = [ask(A, 1), ask(B, 2)]
    await turn()
    holder.sent[0]!.fail(new PeerUnreachableError({ peer: 'holder' }))
    for (const one of lost) await expect(one).rejects.toThrow(PeerUnreachableError)
    holder.joins = false
    const all = [ask(A, 3), ask(B, 4), ask(C, 5)]
    for (let k = 0; k < 3; k++) {
      await turn()
      for (const message of holder.sent) message.answer()
    }
    await turn()
    for (const message of holder.sent) message.answer()
    expect(await Promise.all(all)).toEqual([3, 4, 5])
    expect(holder.calls.slice(1).every(({ length }) => length === 1)).toBe(true)
  })
})

describe('a service', () => {
  const worlds: World[] = []
  afterEach(async () => {
    for (const one of worlds.splice(0)) await one.close()
  })

  test('queries that run beside each other share messages; a holder refuses a call of a message, and gives shares for the others', async () => {
    const plan = smallPlan({ parties: 3, threshold: 2 })
    const service = new World({ threshold: 2, holders: 3, plans: [plan], concurrency: 4 })
    worlds.push(service)
    const queriers = ['querier-1', 'querier-2', 'querier-3', 'querier-4']
    for (const peer of ['evaluator', ...service.holders, 'owner', ...queriers]) await service.start(peer)
    const release = await service.publish('owner', plan)
    await service.spread(RELEASE, release, 'owner', queriers)
    const sent: { readonly to: string; readonly bytes: Uint8Array; readonly calls: readonly string[] }[] = []
    service.network.setFault(async ({ direction, from, to, bytes }) => {
      if (direction !== 'request' || from !== 'evaluator' || !to.startsWith('holder')) return undefined
      const { kind, blobs } = decodeCall(bytes, from)
      if (kind === 'query/announce') return undefined
      sent.push({ to, bytes: bytes.slice(), calls: kind === TOGETHER.kind ? blobs.map(blob => decodeCall(blob, from).kind) : [kind] })
      // As far as another town.
      await new Promise(resolve => setTimeout(resolve, 30))
      return undefined
    })
    const samples = realSamples(8)
    const worst = await Promise.all(
      queriers.map(async (querier, k) => {
        const own = samples.slice(2 * k, 2 * k + 2)
        const { logits } = await service.process(querier).client.ask(release, own, { grant: await service.grant('owner', querier) })
        return errorOf(own, logits)
      })
    )
    service.network.setFault(undefined)
    expect(Math.max(...worst)).toBeLessThan(0.01)
    expect(service.errors).toEqual([])
    // A refresh and a result of each query, of two holders: each counted once, in fewer messages.
    const calls = sent.flatMap(message => message.calls)
    expect(calls.filter(kind => kind === 'query/refresh')).toHaveLength(8)
    expect(calls.filter(kind => kind === 'query/switch')).toHaveLength(8)
    expect(sent.length).toBeLessThan(calls.length)
    expect(service.holders.reduce((sum, peer) => sum + service.disk(peer).books.refreshes.size, 0)).toBe(8)

    const joint = sent.find(message => message.calls.length > 1)!
    const inject = async (blobs: readonly Uint8Array[], from = 'evaluator') =>
      decodeCall(await service.network.inject(from, joint.to, encodeCall(TOGETHER.kind, {}, blobs)), 'x') as Message<{
        answered: boolean[]
      }>
    const { blobs } = decodeCall(joint.bytes, 'x')
    const again = await inject(blobs)
    expect(again.head.answered).toEqual(blobs.map(() => true))
    const [first, ...others] = blobs
    const changed = first!.slice()
    changed[changed.length - 1]! ^= 1
    const refused = await inject([changed, ...others])
    expect(refused.head.answered).toEqual([false, ...others.map(() => true)])
    expect(refused.blobs.slice(1)).toEqual(again.blobs.slice(1))
    // What is no request for shares is none in a message either; nor is a message.
    const within = await inject([encodeCall(TOGETHER.kind, {}, blobs), encodeCall('query/announce', {}, [])])
    expect(within.head.answered).toEqual([false, false])
    // From another party none is answered.
    expect((await inject(blobs, 'querier-1')).head.answered).toEqual(blobs.map(() => false))
  })
})
