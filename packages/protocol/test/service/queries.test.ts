/** Publishing and asking, all parties in one process, with real cryptography on a small ring. */
import { createHash } from 'node:crypto'
import { componentsHash, type Plan, StorageFullError, statementDigest } from '@slytherin/protocol'
import {
  decodeCall,
  decodeSigned,
  encodeCall,
  encodeSigned,
  partsRoot,
  QUERY,
  type QueryEvent,
  RELEASE,
  sign,
  withSignatures
} from '@slytherin/protocol/service'
import { afterEach, describe, expect, test } from 'vitest'
import { FakeSigner } from '../support/fake-signer.js'
import { realSamples } from '../support/real-session.js'
import { errorOf, smallPlan } from './support/small-model.js'
import { World, type WorldOptions } from './support/world.js'

const SAMPLES = realSamples(2)

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

interface Started {
  readonly world: World
  readonly plan: Plan
}

async function started(threshold: number, holders: number, others: readonly string[], more: Partial<WorldOptions> = {}): Promise<Started> {
  const plan = smallPlan({ parties: holders, threshold })
  const world = new World({ threshold, holders, plans: [plan], ...more })
  worlds.push(world)
  for (const peer of ['evaluator', ...world.holders, ...others]) await world.start(peer)
  return { world, plan }
}

/** One release by `owner`, a grant for each querier. */
async function served(threshold: number, holders: number, queriers: readonly string[] = ['querier'], more: Partial<WorldOptions> = {}) {
  const { world, plan } = await started(threshold, holders, ['owner', ...queriers], more)
  const release = await world.publish('owner', plan)
  await world.spread(RELEASE, release, 'owner', queriers)
  const grants = new Map<string, string>()
  for (const querier of queriers) grants.set(querier, await world.grant('owner', querier))
  return { world, plan, release, grants, grant: grants.get(queriers[0]!)! }
}

describe.each([
  [1, 1],
  [2, 3],
  [3, 5]
])('%i of %i holders', (threshold, holders) => {
  test('publish, ask, read: the answer is the clear network’s', async () => {
    const { world, release, grant } = await served(threshold, holders)
    const events: QueryEvent[] = []
    const { logits, query } = await world.process('querier').client.ask(release, SAMPLES, { grant, onEvent: event => events.push(event) })
    expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
    expect(logits).toHaveLength(SAMPLES.length)
    const states = events.flatMap(event => (event.kind === 'status' ? [event.status.state] : []))
    expect(states.at(-1)).toBe('done')
    expect(await world.process('querier').client.pending()).toEqual([])
    // It was delivered once, and is erased.
    expect(await world.disk('evaluator').contents.spaces()).toEqual([expect.stringMatching(/^release-/)])
    expect(world.process('evaluator').queries!.report()).toMatchObject({ states: { fetched: 1 }, bytes: 0 })
    expect(query).toMatch(/^[0-9a-f]{32}$/)
    expect(world.errors).toEqual([])
    expect(world.refused).toEqual([])
  })
})

describe('several', () => {
  test('two releases of two owners, three queriers, all at once: each has its own answers', async () => {
    const queriers = ['querier-1', 'querier-2', 'querier-3']
    const { world, plan } = await started(2, 3, ['owner-1', 'owner-2', ...queriers])
    const releases = await Promise.all(['owner-1', 'owner-2'].map(async owner => await world.publish(owner, plan, { name: owner })))
    for (const [k, release] of releases.entries()) await world.spread(RELEASE, release, `owner-${k + 1}`, queriers)
    const answers = await Promise.all(
      queriers.flatMap(querier =>
        releases.map(async (release, k) => {
          const grant = await world.grant(`owner-${k + 1}`, querier)
          const samples = realSamples(6).slice(2 * queriers.indexOf(querier), 2 * queriers.indexOf(querier) + 2)
          const { logits } = await world.process(querier).client.ask(release, samples, { grant })
          return errorOf(samples, logits)
        })
      )
    )
    expect(Math.max(...answers)).toBeLessThan(0.01)
    const load = world.holders.map(peer => world.disk(peer).books.refreshes.size)
    // Six queries of two holders each, spread over three.
    expect(load).toEqual([4, 4, 4])
  })

  test('a second query sends no key and no part of the model', async () => {
    const { world, release, grant, plan } = await served(2, 3)
    const { client } = world.process('querier')
    await client.ask(release, SAMPLES, { grant })
    const sent = (): number => world.network.transport('owner').bytes.sent() + world.network.transport('owner').bytes.received()
    const [before, evaluator] = [sent(), world.network.transport('evaluator').bytes]
    const received = evaluator.received()
    world.kill('owner')
    await client.ask(release, SAMPLES, { grant })
    expect(sent()).toBe(before)
    // Inputs with their proof, and shares of one refresh and one result from two holders.
    const polynomial = 8 * 2 ** plan.parameters.logN
    const primes = plan.parameters.primes.length
    const shares = 2 * (plan.refreshes[0]!.level + 1 + primes + 2 * (plan.output.level + 1)) * polynomial
    const inputs = 2 * (plan.inputs.level + 2) * polynomial
    // A proof is some kilobytes in so small a ring, signed documents are kilobytes.
    expect(evaluator.received() - received).toBeLessThan(shares + inputs + 200_000)
    expect(world.added).toEqual([])
  })

  test('keys that the epoch lacks are made before a release may be asked', async () => {
    const lacking: WorldOptions['lacking'] = ({ relinearizationLevel, galois }) => ({
      relinearizationLevel: relinearizationLevel! - 1,
      galois: galois.slice(2)
    })
    const { world, release, grant, plan } = await served(2, 3, ['querier'], { lacking })
    expect(world.added).toEqual([
      {
        relinearizationLevel: plan.relinearizationLevel,
        galois: plan.galoisKeys.slice(0, 2).map(({ element, level }) => ({ element, level }))
      }
    ])
    expect(errorOf(SAMPLES, (await world.process('querier').client.ask(release, SAMPLES, { grant })).logits)).toBeLessThan(0.01)
  })

  test('whoever sends inputs need not be who reads the result', async () => {
    const { world, release } = await served(2, 3, ['clinic', 'doctor'])
    const grant = await world.grant('owner', 'doctor', { senders: ['clinic'] })
    const [clinic, doctor] = [world.process('clinic').client, world.process('doctor').client]
    const offered = await doctor.offerResultKey(world.epochName, 'clinic')
    await expect(clinic.ask(release, SAMPLES, { grant, resultKey: { ...offered, signature: '00' } })).rejects.toMatchObject({
      remote: { code: 'signature' }
    })
    const query = await clinic.submit(release, SAMPLES, { grant, resultKey: offered })
    await doctor.expect(query, { release, samples: 2, expires: world.now + 1e6 }, offered)
    expect(errorOf(SAMPLES, await doctor.answer(query))).toBeLessThan(0.01)
    await expect(clinic.answer(query)).rejects.toThrow('not known here')
  })
})

describe('lost holders', () => {
  test('one that says nothing is replaced; all of t are waited for', async () => {
    const { world, release, grant } = await served(2, 3)
    world.kill('holder-1', { silent: true })
    const { client } = world.process('querier')
    expect(errorOf(SAMPLES, (await client.ask(release, SAMPLES, { grant })).logits)).toBeLessThan(0.01)
    world.kill('holder-2')
    const steps: string[] = []
    const asked = client.ask(release, SAMPLES, { grant, onEvent: event => event.kind === 'status' && steps.push(event.status.step) })
    while (!steps.some(step => step.includes('waiting for key holders'))) await new Promise(resolve => setTimeout(resolve, 20))
    await world.restart('holder-2')
    expect(errorOf(SAMPLES, (await asked).logits)).toBeLessThan(0.01)
  })

  test('a holder whose shares are garbage is not asked again by that query, and one whose grant book refuses neither', async () => {
    const { world, release, grant } = await served(2, 3)
    world.disk('holder-1').books.revoked.add(grant)
    const { client } = world.process('querier')
    expect(errorOf(SAMPLES, (await client.ask(release, SAMPLES, { grant })).logits)).toBeLessThan(0.01)
    // Where too few are left, the query fails with what they said.
    world.disk('holder-2').books.revoked.add(grant)
    await expect(client.ask(release, SAMPLES, { grant })).rejects.toMatchObject({ code: 'grant-refused' })
    expect(world.process('evaluator').queries!.report().states).toEqual({ fetched: 1, failed: 1 })
  })
})

describe('the queue', () => {
  test('has bounds, and says when to try again', async () => {
    const { world, release, grant } = await served(2, 3, ['querier'], { limits: { queries: 2 } })
    for (const peer of world.holders) world.kill(peer)
    const { client } = world.process('querier')
    for (let k = 0; k < 2; k++) await client.submit(release, SAMPLES, { grant })
    await expect(client.submit(release, SAMPLES, { grant })).rejects.toMatchObject({
      remote: { code: 'queue-full', remedy: expect.stringMatching(/Try again in about \d+ s/) }
    })
    for (const peer of world.holders) await world.restart(peer)
    for (const { query } of await client.pending()) expect(errorOf(SAMPLES, await client.answer(query))).toBeLessThan(0.01)
    await client.ask(release, SAMPLES, { grant })
  })

  test('tells position and time left; cancels what waits and what runs', async () => {
    const { world, release, grant } = await served(2, 3)
    for (const peer of world.holders) world.kill(peer)
    const { client } = world.process('querier')
    const first = await client.submit(release, SAMPLES, { grant })
    const second = await client.submit(release, SAMPLES, { grant })
    while ((await client.status(first)).state !== 'running') await new Promise(resolve => setTimeout(resolve, 10))
    expect(await client.status(second)).toMatchObject({ state: 'queued', position: 1, secondsLeft: expect.any(Number) })
    expect(await client.cancel(first)).toMatchObject({ state: 'cancelled' })
    while ((await client.status(second)).state !== 'running') await new Promise(resolve => setTimeout(resolve, 10))
    expect(await client.status(second)).toMatchObject({ position: 0 })
    await client.cancel(second)
    expect((await world.disk('evaluator').contents.spaces()).filter(space => !space.startsWith('release'))).toEqual([])
    expect(world.process('evaluator').queries!.report()).toMatchObject({ states: { cancelled: 2 }, bytes: 0, waiting: [] })
  })

  test('gives the count of a query back that ended while it waited, and of no other', async () => {
    const { world, release } = await served(2, 3)
    const grant = await world.grant('owner', 'querier', { queries: 2 })
    for (const peer of world.holders) world.kill(peer)
    const { client } = world.process('querier')
    const submit = async (life = 86_400_000): Promise<string> => await client.submit(release, SAMPLES, { grant, life })
    const running = await submit()
    while ((await client.status(running)).state !== 'running') await new Promise(resolve => setTimeout(resolve, 10))
    const waiting = await submit()
    await expect(submit()).rejects.toThrow(/at most 2/)
    expect(await client.cancel(waiting)).toMatchObject({ state: 'cancelled' })
    await submit(1000)
    await expect(submit()).rejects.toThrow(/at most 2/)
    world.now += 3_600_000
    await world.process('evaluator').queries!.sweep()
    const last = await submit()
    // It may have been told to key holders.
    await client.cancel(running)
    await expect(submit()).rejects.toThrow(/at most 2/)
    expect(world.process('evaluator').queries!.report().states).toMatchObject({ expired: 1 })
    await client.cancel(last)
  })

  test('is fair: a querier with many waits for those with few', async () => {
    const { world, release, grants } = await served(2, 3, ['busy', 'other'])
    for (const peer of world.holders) world.kill(peer)
    const [busy, other] = [world.process('busy').client, world.process('other').client]
    const queries: string[] = []
    for (let k = 0; k < 3; k++, world.now++) queries.push(await busy.submit(release, SAMPLES, { grant: grants.get('busy')! }))
    queries.push(await other.submit(release, SAMPLES, { grant: grants.get('other')! }))
    while ((await busy.status(queries[0]!)).state !== 'running') await new Promise(resolve => setTimeout(resolve, 10))
    expect(
      world
        .process('evaluator')
        .queries!.report()
        .waiting.map(({ query }) => query)
    ).toEqual([queries[0], queries[3], queries[1], queries[2]])
  })

  test('forgets what expires, whatever its state', async () => {
    const { world, release, grant } = await served(2, 3)
    const { client } = world.process('querier')
    const query = await client.submit(release, SAMPLES, { grant, life: 1000 })
    while ((await client.status(query)).state !== 'done') await new Promise(resolve => setTimeout(resolve, 10))
    world.now += 86_400_000
    const { queries } = world.process('evaluator')
    await queries!.sweep()
    expect(queries!.report()).toMatchObject({ states: { expired: 1 }, bytes: 0 })
    world.now += 3_600_000
    await queries!.sweep()
    expect(queries!.report().states).toEqual({})
    expect(await world.disk('evaluator').contents.spaces()).toEqual([expect.stringMatching(/^release-/)])
  })

  test('a full disk loses nothing: queries are refused, and go on when there is room', async () => {
    const { world, release, grant } = await served(2, 3)
    const { contents, records } = world.disk('evaluator')
    const { client } = world.process('querier')
    for (const peer of world.holders) world.kill(peer)
    const query = await client.submit(release, SAMPLES, { grant })
    const full = async (): Promise<never> => {
      throw new StorageFullError({ kind: 'store', remedy: 'Make room.' })
    }
    const [put, record] = [contents.put, records.put]
    contents.put = full
    records.put = full
    for (const peer of world.holders) await world.restart(peer)
    await expect(client.submit(release, SAMPLES, { grant })).rejects.toMatchObject({ remote: { code: 'storage-full' } })
    while (!world.errors.some(error => error instanceof StorageFullError)) await new Promise(resolve => setTimeout(resolve, 10))
    contents.put = put
    records.put = record
    expect(errorOf(SAMPLES, await client.answer(query))).toBeLessThan(0.01)
  })
})

describe('what is refused', () => {
  test('by grant: spent, another model, another sender, another querier', async () => {
    const { world, release } = await served(2, 3, ['querier', 'other'])
    const ask = async (peer: string, grant: string) => await world.process(peer).client.ask(release, SAMPLES, { grant })
    const spent = await world.grant('owner', 'querier', { queries: 1 })
    await ask('querier', spent)
    await expect(ask('querier', spent)).rejects.toMatchObject({ remote: { code: 'grant-refused', field: 'queries' } })
    await expect(ask('querier', await world.grant('owner', 'querier', { models: ['another'] }))).rejects.toMatchObject({
      remote: { field: 'models' }
    })
    const others = await world.grant('owner', 'other', { senders: ['querier', 'other'] })
    await expect(ask('querier', others)).rejects.toMatchObject({ remote: { code: 'grant-refused', field: 'querier' } })
    const forged = await world.grant('querier', 'querier')
    await expect(ask('querier', forged)).rejects.toMatchObject({ remote: { code: 'grant-refused', field: 'issuer' } })
  })

  test('by a holder: requests that are changed, replayed under another attempt, or not the evaluator’s', async () => {
    const { world, release, grant } = await served(2, 3)
    const requests: { from: string; to: string; bytes: Uint8Array }[] = []
    world.network.setFault(({ from, to, direction, bytes }) => {
      if (direction === 'request' && to.startsWith('holder')) requests.push({ from, to, bytes: bytes.slice() })
      return undefined
    })
    await world.process('querier').client.ask(release, SAMPLES, { grant })
    world.network.setFault(undefined)
    const refresh = requests.find(({ bytes }) => decodeCall(bytes, 'x').kind === 'query/refresh')!
    const { head, blobs } = decodeCall(refresh.bytes, 'x') as unknown as {
      head: Record<string, unknown> & { attempt: Record<string, unknown> }
      blobs: Uint8Array[]
    }
    const inject = async (from: string, change: Record<string, unknown>, components = blobs): Promise<Uint8Array> =>
      await world.network.inject(from, refresh.to, encodeCall('query/refresh', { ...head, ...change }, components))
    // The same again: the same bytes.
    const again = await world.network.inject('evaluator', refresh.to, refresh.bytes)
    expect(await inject('evaluator', {})).toEqual(again)
    await expect(inject('querier', {})).rejects.toMatchObject({ remote: { code: 'not-permitted' } })
    await expect(inject('evaluator', { query: '0'.repeat(32) })).rejects.toMatchObject({ remote: { code: 'out-of-order-message' } })
    await expect(inject('evaluator', { magnitude: 1e-3 })).rejects.toMatchObject({ remote: { code: 'malformed-message' } })
    const doubled = [...blobs, ...blobs]
    await expect(inject('evaluator', { count: 2 * (head['count'] as number) }, doubled)).rejects.toMatchObject({
      remote: { field: 'count' }
    })
    const changed = [Uint8Array.from(blobs[0]!, (byte, i) => (i === 7 ? byte ^ 1 : byte)), ...blobs.slice(1)]
    await expect(inject('evaluator', {}, changed)).rejects.toMatchObject({ remote: { code: 'signature' } })
    const next = { ...head.attempt, number: 1 }
    await expect(inject('evaluator', { attempt: next })).rejects.toMatchObject({ remote: { code: 'malformed-message' } })
    const announced = decodeCall(requests.find(({ bytes }) => decodeCall(bytes, 'x').kind === 'query/announce')!.bytes, 'x').blobs[0]!
    const { document } = decodeSigned(QUERY, announced, 'x')
    // Signed anew by an evaluator that asks about one ciphertext twice.
    const instance = (head['instance'] as string).replace('/r1.0/0/', '/r1.0/1/')
    const hash = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
    const step = head['step'] as number
    const statement = {
      kind: 'request',
      assist: 'refresh',
      query: head['query'] as string,
      querier: 'querier',
      step,
      inputs: document.inputs,
      model: document.release,
      instance,
      c1: Buffer.from(componentsHash(blobs.map(hash))).toString('hex')
    } as const
    const digest = statementDigest(Buffer.from(world.epochName, 'hex'), 'evaluator', statement)
    const signature = Buffer.from(FakeSigner.signature('evaluator', digest)).toString('hex')
    await expect(inject('evaluator', { attempt: next, instance, signature })).rejects.toMatchObject({ remote: { code: 'share-conflict' } })
    const stale = { ...head.attempt, sharing: { ...(head.attempt['sharing'] as object), generation: 1 } }
    await expect(inject('evaluator', { attempt: stale })).rejects.toMatchObject({ remote: { code: 'stale-sharing' } })
  })

  test('by the querier: a result that the evaluator has not signed as this query’s', async () => {
    const { world, release, grant } = await served(2, 3)
    const { client } = world.process('querier')
    const query = await client.submit(release, SAMPLES, { grant })
    await client.follow(query)
    world.network.setFault(({ from, direction, bytes }) => {
      if (direction !== 'response' || from !== 'evaluator' || decodeCall(bytes, 'x').kind !== 'query/result') return undefined
      return Uint8Array.from(bytes, (byte, i) => (i === bytes.length - 100 ? byte ^ 1 : byte))
    })
    await expect(client.fetch(query)).rejects.toMatchObject({ code: 'signature', peer: 'evaluator' })
    world.network.setFault(undefined)
    expect(errorOf(SAMPLES, await client.fetch(query))).toBeLessThan(0.01)
  })

  test('of a release: a plan for other parameters, parts that are not those that came, a withdrawn one', async () => {
    const { world, release, grant, plan } = await served(2, 3)
    const wrong = smallPlan({ parties: 3, threshold: 2, logN: 9 })
    await expect(world.publish('owner', wrong, { revision: '2' })).rejects.toMatchObject({
      code: 'release-refused',
      field: 'plan.parameters'
    })
    const signed = (await world.disk('owner').documents.get(RELEASE, release))!
    const { document } = signed
    const parts = [document.parts[1]!, document.parts[0]!, ...document.parts.slice(2)]
    const swapped = { ...document, parts, root: partsRoot(parts) }
    const bytes = encodeSigned(withSignatures(swapped, [await sign(RELEASE, swapped, new FakeSigner('owner'))]))
    await expect(world.network.inject('owner', 'evaluator', encodeCall('release/sign', {}, [bytes]))).rejects.toMatchObject({
      remote: { code: 'out-of-order-message' }
    })
    expect(plan.weights.count).toBe(document.parts.length)
    const { releases, queries } = world.process('evaluator')
    releases!.withdraw(release)
    await expect(world.process('querier').client.ask(release, SAMPLES, { grant })).rejects.toMatchObject({
      remote: { code: 'release-refused' }
    })
    await releases!.erase(name => queries!.uses(name))
    expect(await world.disk('evaluator').contents.spaces()).toEqual([])
  })
})
