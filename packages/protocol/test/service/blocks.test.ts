/** Evaluations in parts: whoever does them, with whatever is kept from one to the next, results are the bytes of an evaluator that does everything itself. */
import { inputCount, type Plan } from '@slytherin/protocol'
import {
  type AttemptName,
  type BlockHooks,
  type BlockJob,
  type BlockResult,
  type BlockRunner,
  type BlockStretch,
  BlockWorkshop,
  type ContentStore,
  LocalReleases,
  MemoryContentStore,
  type ReleaseCallbacks,
  type ReleaseCryptography,
  type ReleaseTerms,
  type Resumed,
  type SharedContents
} from '@slytherin/protocol/service'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { DealtEpoch } from './support/dealt-epoch.js'
import { errorOf, modelSource, smallPlan } from './support/small-model.js'

const NONCE = 'ab'.repeat(16)
const SECRET = new Uint8Array(32).fill(5)
const QUERY = 'q'
const BATCH = 200

const open: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function sharedOf(contents: ContentStore): SharedContents {
  const get: SharedContents['get'] = async (space, hash) => {
    const bytes = await contents.get(space, hash)
    if (bytes === undefined) throw new Error(`${hash} of ${space} is not there`)
    return bytes
  }
  return {
    put: async (space, bytes) => await contents.put(space, bytes),
    has: async (space, hash) => await contents.has(space, hash),
    clear: async space => await contents.clear(space),
    get,
    // As whoever lends a buffer that is used again: what is read later is something else.
    borrow: async (space, hash) => {
      const bytes = await get(space, hash)
      return { bytes, [Symbol.dispose]: () => void bytes.fill(0) }
    }
  }
}

/** Does parts at once, each where `place` says. */
class Workshops implements BlockRunner {
  readonly jobs: BlockJob[] = []
  readonly partSeconds = 1e9
  /** Stretches that are said to come, now and whenever one came. */
  expected = 0
  readonly expectedAtRun: number[] = []
  /** Spaces that are in use. */
  readonly held = new Set<string>()
  clearModels = false
  readonly contents: SharedContents
  constructor(
    contents: ContentStore,
    readonly slots: number,
    private readonly place: (job: BlockJob, hooks: BlockHooks, shared: SharedContents) => Promise<BlockResult>
  ) {
    this.contents = sharedOf(contents)
  }
  async run(stretch: BlockStretch, _query: unknown, hooks: BlockHooks): Promise<readonly BlockResult[]> {
    this.expectedAtRun.push(this.expected)
    // As they are after a journey.
    const travelled = JSON.parse(JSON.stringify(stretch.divide(Math.min(this.slots, stretch.most)))) as BlockJob[]
    this.jobs.push(...travelled)
    return await Promise.all(
      travelled.map(async job => JSON.parse(JSON.stringify(await this.place(job, hooks, this.contents))) as BlockResult)
    )
  }
  expect(): () => void {
    this.expected++
    let counted = true
    return () => {
      if (counted) this.expected--
      counted = false
    }
  }
  async alone<T>(work: () => Promise<T>): Promise<T> {
    return await work()
  }
  async hold(space: string): Promise<() => void> {
    this.held.add(space)
    return () => void this.held.delete(space)
  }
}

class Service {
  readonly contents = new MemoryContentStore()
  inputs: string[] = []
  #holders = new Map<number, ReleaseCryptography>()
  readonly asked: string[] = []
  constructor(
    readonly epoch: DealtEpoch,
    readonly terms: ReleaseTerms,
    readonly keys: Awaited<ReturnType<DealtEpoch['putKeys']>>
  ) {}

  /** @param owner of the model */
  static async open(plan: Plan, threshold: number, holders: number, owner = 'owner'): Promise<Service> {
    const epoch = new DealtEpoch({ threshold, holders, plans: [plan] })
    const contents = new MemoryContentStore()
    const keys = await epoch.putKeys(contents)
    const service = new Service(epoch, { nonce: NONCE, owner, plan, parts: [], model: 'm' }, keys)
    await keys.reduce(async (before, { space, hash }) => {
      await before
      await service.contents.put(space, (await contents.get(space, hash))!)
    }, Promise.resolve())
    const parts = service.terms.parts as string[]
    if (plan.operands.weights === 'encrypted') {
      const publication = await service.releases(owner, {}).openPublication({ model: 'm', plan, owner, nonce: NONCE, seed: SECRET })
      for (let index = 0; index < plan.weights.count; index++)
        parts.push(await service.contents.put(`release-${NONCE}`, await publication.part(index)))
    }
    for (const point of epoch.sharing.points) {
      service.#holders.set(point, await service.releases(`holder-${point}`, { point }).openRelease(service.terms))
    }
    return service
  }

  releases(self: string, role: Parameters<DealtEpoch['means']>[0], blocks?: BlockRunner): LocalReleases {
    const means = this.epoch.means({ ...role, keys: this.keys })
    const contents = role?.evaluates === true ? this.contents : new MemoryContentStore()
    const soleHolder = this.epoch.sharing.points.length === 1 ? 'holder-1' : null
    const made = new LocalReleases(means, {
      self,
      soleHolder,
      contents,
      models: async () => modelSource,
      ...(blocks === undefined ? {} : { blocks })
    })
    open.push(async () => {
      await made.dispose()
      means.dispose()
    })
    return made
  }

  /** Answers the same again to the same question, as holders do. */
  callbacks(targetKey: Uint8Array, kept: Map<number, Resumed>): ReleaseCallbacks {
    const { sharing } = this.epoch
    const together = async (
      request: { attempt: AttemptName; c1: Uint8Array[] },
      ask: (holder: ReleaseCryptography) => Promise<Uint8Array[]>
    ): Promise<Uint8Array[][]> => {
      this.asked.push(`${request.attempt.step}×${request.c1.length}`)
      const answers: Uint8Array[][] = []
      for (const point of request.attempt.active) answers.push(await ask(this.#holders.get(point)!))
      return answers
    }
    return {
      attempt: async step => ({
        sharing,
        query: `release:${QUERY}`,
        step,
        number: 0,
        active: sharing.points.slice(0, sharing.threshold)
      }),
      refresh: async request => await together(request, async holder => await holder.refreshShare(request)),
      switchShares: async request => await together(request, async holder => await holder.switchShare({ ...request, targetKey })),
      refreshWhole: async request => (await together(request, async holder => await holder.refreshWhole(request)))[0],
      switchWhole: async request => (await together(request, async holder => await holder.switchWhole({ ...request, targetKey })))[0],
      rejected: async () => undefined,
      resultKey: async () => targetKey,
      progress: () => undefined,
      keep: async (pass, step, ciphertexts) => void kept.set(pass, { step, ciphertexts: ciphertexts.map(bytes => bytes.slice()) }),
      kept: async pass => kept.get(pass)
    }
  }

  async evaluate(targetKey: Uint8Array, blocks?: BlockRunner, kept = new Map<number, Resumed>()): Promise<Uint8Array[]> {
    this.asked.length = 0
    const evaluator = await this.releases('evaluator', { evaluates: true }, blocks).openRelease(this.terms)
    const evaluation = await evaluator.openEvaluation({
      query: QUERY,
      sender: 'querier',
      proved: this.epoch.terms.proofs,
      inputs: this.inputs,
      space: `query-${QUERY}`,
      seed: SECRET,
      querierHoldsKey: false
    })
    const results = await evaluation.evaluate(this.callbacks(targetKey, kept))
    await evaluation.dispose()
    return results
  }
}

describe.each([
  [1, 1],
  [2, 3]
])('%i of %i holders', (threshold, holders) => {
  const samples = realSamples(BATCH)
  let service: Service
  let key: { publicKey: Uint8Array; seed: Uint8Array }
  let asking: ReleaseCryptography
  let alone: Uint8Array[]
  let workshop: BlockWorkshop
  let shared: MemoryContentStore

  beforeAll(async () => {
    const plan = { ...smallPlan({ parties: holders, threshold, batch: BATCH }) }
    service = await Service.open(plan, threshold, holders)
    const querier = service.releases('querier', {})
    asking = await querier.openRelease(service.terms)
    key = (await querier.resultKey()) as typeof key
    const prepared = await asking.openQuery(samples, QUERY)
    for (let index = 0; index < inputCount(plan); index++)
      service.inputs.push(await service.contents.put(`query-${QUERY}`, await prepared.encryptInput(index)))
    alone = await service.evaluate(key.publicKey)
    shared = new MemoryContentStore()
    workshop = await BlockWorkshop.create({ contents: sharedOf(shared), weightBytes: 2 ** 24, kernelVariant: 'fallback' })
    const kept = open.splice(0)
    return async () => {
      await workshop.dispose()
      for (const close of kept.reverse()) await close()
    }
  })

  test('the plan has several blocks, and a refresh', () => {
    expect(service.terms.plan.batchBlocks).toBeGreaterThan(2)
    expect(service.terms.plan.refreshes.length).toBeGreaterThan(0)
  })

  test.each([1, 3])('%i parts of a pass on another machine come to the same bytes, and ask holders for the same', async slots => {
    const asked = [...service.asked]
    const runner = new Workshops(shared, slots, async job => await workshop.compute(job))
    const results = await service.evaluate(key.publicKey, runner)
    expect(results).toEqual(alone)
    expect([...service.asked].sort()).toEqual([...asked].sort())
    expect(runner.jobs.length).toBeGreaterThan(slots)
    expect(
      errorOf(
        samples,
        await asking.decryptResults(
          results.map(bytes => bytes.slice()),
          key.seed
        )
      )
    ).toBeLessThan(0.05)
    // Inputs and what was between two parts are of no use any more.
    expect(await shared.spaces()).not.toContain(`query-${QUERY}`)
  })

  test('the largest part of a pass comes first: the last that is done leaves other places without work', async () => {
    const { batchBlocks } = service.terms.plan
    for (const slots of [2, 3]) {
      const runner = new Workshops(shared, slots, async job => await workshop.compute(job))
      expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
      const sizes = runner.jobs.filter(({ after }) => after < 0).map(({ blocks: [from, to] }) => to - from)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(batchBlocks)
      expect(sizes).toEqual(sizes.toSorted((a, b) => b - a))
    }
  })

  test('every stretch of a pass is said to come until it is there, whatever becomes of it', async () => {
    const runner = new Workshops(shared, 2, async job => await workshop.compute(job))
    expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
    expect(Math.min(...runner.expectedAtRun)).toBeGreaterThan(0)
    expect(runner.expected).toBe(0)
    const failing = new Workshops(shared, 2, async () => {
      throw new RangeError('no')
    })
    await expect(service.evaluate(key.publicKey, failing)).rejects.toThrow(RangeError)
    expect(failing.expected).toBe(0)
  })

  test('here and there in turn, the same', async () => {
    let turn = 0
    const runner = new Workshops(shared, 3, async (job, hooks) => (turn++ % 2 === 0 ? await hooks.local(job) : await workshop.compute(job)))
    expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
    expect(turn).toBeGreaterThan(2)
  })

  test('goes on from the refreshes that are kept', async () => {
    const kept = new Map<number, Resumed>()
    await service.evaluate(key.publicKey, undefined, kept)
    expect(kept.size).toBeGreaterThan(0)
    const runner = new Workshops(shared, 1, async job => await workshop.compute(job))
    expect(await service.evaluate(key.publicKey, runner, kept)).toEqual(alone)
    expect(service.asked.filter(step => step.startsWith('r'))).toEqual([])
    expect(runner.jobs.every(({ after }) => after > 0)).toBe(true)
  })

  test('whoever does parts has keys and model come before they are asked for, in this order, and tells when it begins and when all are there', async () => {
    const told: string[] = []
    const staged: string[] = []
    const contents: SharedContents = {
      ...sharedOf(shared),
      stage: async names => {
        staged.push(...names.map(({ hash }) => hash))
        return true
      }
    }
    const onRelease = (space: string, state: string): void => void told.push(`${space} ${state}`)
    const other = await BlockWorkshop.create({ contents, weightBytes: 2 ** 24, kernelVariant: 'fallback', onRelease })
    const runner = new Workshops(shared, 1, async job => await other.compute(job))
    expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
    await other.dispose()
    expect(told).toEqual([`release-${NONCE} open`, `release-${NONCE} here`])
    expect(staged.slice(1)).toEqual([...service.keys.map(({ hash }) => hash), ...service.terms.parts])
  })

  test('a part that fails fails the query with its error', async () => {
    const runner = new Workshops(shared, 3, async () => {
      throw new RangeError('no')
    })
    await expect(service.evaluate(key.publicKey, runner)).rejects.toThrow(RangeError)
  })

  test('a part of the model that is lost is named', async () => {
    const { terms } = service
    const lost = new Service(service.epoch, { ...terms, parts: terms.parts.with(3, 'ee'.repeat(32)) }, service.keys)
    lost.inputs = service.inputs
    const runner = new Workshops(shared, 1, async job => await workshop.compute(job))
    await expect(lost.evaluate(key.publicKey, runner)).rejects.toThrow(/^model part/)
  })
})

describe.each([
  ['vectors', 60, 1, 1],
  ['vectors', 60, 2, 3],
  ['numbers', 200, 2, 3]
])('a model that is clear at its evaluator, whose weights are %s', (_kind, batch, threshold, holders) => {
  test('is computed with on another machine where its operator allows it, to the same bytes; otherwise nothing of it leaves', async () => {
    const samples = realSamples(batch)
    const plan = smallPlan({ parties: holders, threshold, batch, weights: 'clear' })
    const service = await Service.open(plan, threshold, holders, 'evaluator')
    const querier = service.releases('querier', {})
    const asking = await querier.openRelease(service.terms)
    const key = await querier.resultKey()
    const prepared = await asking.openQuery(samples, QUERY)
    for (let index = 0; index < inputCount(plan); index++)
      service.inputs.push(await service.contents.put(`query-${QUERY}`, await prepared.encryptInput(index)))
    const alone = await service.evaluate(key.publicKey)
    const shared = new MemoryContentStore()
    const workshop = await BlockWorkshop.create({ contents: sharedOf(shared), weightBytes: 2 ** 16, kernelVariant: 'fallback' })
    open.push(async () => await workshop.dispose())
    const runner = new Workshops(shared, 2, async job => await workshop.compute(job))
    expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
    expect(runner.jobs).toEqual([])
    expect(await shared.spaces()).toEqual([])
    runner.clearModels = true
    expect(await service.evaluate(key.publicKey, runner)).toEqual(alone)
    expect(runner.jobs.length).toBeGreaterThan(1)
    const results = await asking.decryptResults(
      alone.map(bytes => bytes.slice()),
      key.seed
    )
    expect(errorOf(samples, results)).toBeLessThan(0.05)
    // Keys and model stay in use for as long as the release is open.
    expect([...runner.held]).toContain(`release-${NONCE}`)
    expect([...runner.held]).not.toContain(`query-${QUERY}`)
  })
})

test('the known answer is the same on every variant of the kernel', async () => {
  const contents = sharedOf(new MemoryContentStore())
  const answers = new Set<string>()
  for (const kernelVariant of ['fallback', 'auto'] as const) {
    const workshop = await BlockWorkshop.create({ contents, weightBytes: 0, kernelVariant })
    answers.add(workshop.knownAnswer())
    await workshop.dispose()
  }
  expect([...answers]).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)])
})
