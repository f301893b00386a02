/** Publishing, evaluating under attempts and reading results, with real cryptography and without messages. */
import { randomBytes } from 'node:crypto'
import { logitDeviation } from '@slytherin/engine'
import { inputCount, type Plan, type StepReport } from '@slytherin/protocol'
import {
  type AttemptName,
  LocalReleases,
  MemoryContentStore,
  type ReleaseCallbacks,
  type ReleaseCryptography,
  type ReleaseTerms
} from '@slytherin/protocol/service'
import { afterEach, describe, expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { DealtEpoch, type DealtMeans } from './support/dealt-epoch.js'
import { errorOf, modelSource, network, smallPlan } from './support/small-model.js'

const NONCE = 'ab'.repeat(16)
const SAMPLES = realSamples(2)
const SECRET = new Uint8Array(32).fill(5)

const open: (() => void | Promise<void>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

interface Cast {
  readonly epoch: DealtEpoch
  readonly plan: Plan
  readonly contents: MemoryContentStore
  readonly terms: ReleaseTerms
  releases(self: string, role: Parameters<DealtEpoch['means']>[0], contents?: MemoryContentStore): LocalReleases
}

async function cast(threshold: number, holders: number, planning: Partial<Parameters<typeof smallPlan>[0]> = {}): Promise<Cast> {
  const plan = smallPlan({ parties: holders, threshold, ...planning })
  const epoch = new DealtEpoch({ threshold, holders, plans: [plan] })
  const contents = new MemoryContentStore()
  const releases: Cast['releases'] = (self, role, at = new MemoryContentStore()) => {
    const means: DealtMeans = epoch.means(role)
    const made = new LocalReleases(means, {
      self,
      soleHolder: holders === 1 ? 'holder-1' : null,
      contents: at,
      models: async () => modelSource
    })
    open.push(async () => {
      await made.dispose()
      means.dispose()
    })
    return made
  }
  const owner = await releases('owner', {}).openPublication({ model: 'm', plan, owner: 'owner', nonce: NONCE, seed: SECRET })
  const parts: string[] = []
  if (plan.operands.weights === 'encrypted') {
    for (let index = 0; index < plan.weights.count; index++) parts.push(await contents.put(`release-${NONCE}`, await owner.part(index)))
  }
  return { epoch, plan, contents, terms: { nonce: NONCE, owner: 'owner', plan, parts, model: 'm' }, releases }
}

/** Answers of holders, and what was asked of whom. */
class Holders {
  readonly asked: { attempt: AttemptName; instance: string; c1: string[] }[] = []
  readonly #holders = new Map<number, ReleaseCryptography>()
  readonly #of: Cast
  /** What was told of the steps of the plan. */
  readonly steps: StepReport[] = []
  /** Attempts at each step that have failed. */
  readonly failed = new Map<string, number>()
  /** Says of a point whether it answers, and how. */
  spoil: (attempt: AttemptName, point: number, shares: Uint8Array[]) => Uint8Array[] | undefined = (_attempt, _point, shares) => shares

  constructor(of: Cast) {
    this.#of = of
  }

  async start(): Promise<this> {
    for (const point of this.#of.epoch.sharing.points) {
      this.#holders.set(point, await this.#of.releases(`holder-${point}`, { point }).openRelease(this.#of.terms))
    }
    return this
  }

  callbacks(targetKey: Uint8Array, query = 'q'): ReleaseCallbacks {
    const { sharing } = this.#of.epoch
    const together = async (
      request: { attempt: AttemptName; instance: string; c1: Uint8Array[] },
      ask: (holder: ReleaseCryptography) => Promise<Uint8Array[]>
    ): Promise<Uint8Array[][] | undefined> => {
      const { attempt, instance, c1 } = request
      this.asked.push({ attempt, instance, c1: c1.map(bytes => Buffer.from(bytes).toString('base64')) })
      const answers: Uint8Array[][] = []
      for (const point of attempt.active) {
        const answer = this.spoil(attempt, point, await ask(this.#holders.get(point)!))
        if (answer === undefined) {
          this.failed.set(attempt.step, attempt.number + 1)
          return undefined
        }
        answers.push(answer)
      }
      return answers
    }
    return {
      attempt: async step => {
        const number = this.failed.get(step) ?? 0
        // Another set each time.
        const active = Array.from({ length: sharing.threshold }, (_, i) => ((i + number) % sharing.points.length) + 1).sort((a, b) => a - b)
        return { sharing, query: `release:${query}`, step, number, active }
      },
      refresh: async request => await together(request, async holder => await holder.refreshShare(request)),
      switchShares: async request => await together(request, async holder => await holder.switchShare({ ...request, targetKey })),
      refreshWhole: async request => (await together(request, async holder => await holder.refreshWhole(request)))?.[0],
      switchWhole: async request => (await together(request, async holder => await holder.switchWhole({ ...request, targetKey })))?.[0],
      rejected: async attempt => {
        this.failed.set(attempt.step, attempt.number + 1)
      },
      resultKey: async () => targetKey,
      progress: () => undefined,
      step: report => void this.steps.push(report)
    }
  }
}

async function ask(of: Cast, holders: Holders, query = 'q', querierHoldsKey = false, samples = SAMPLES): Promise<Float64Array[]> {
  const { plan, contents, terms, epoch } = of
  const querier = of.releases(querierHoldsKey ? 'holder-1' : 'querier', querierHoldsKey ? { point: 1 } : {})
  const asking = await querier.openRelease(terms)
  const key = await querier.resultKey()
  const inputs: string[] = []
  const clear = plan.operands.data === 'clear'
  if (!clear) {
    const prepared = await asking.openQuery([...samples], query)
    for (let index = 0; index < inputCount(plan); index++)
      inputs.push(await contents.put(`query-${query}`, await prepared.encryptInput(index)))
    await prepared.dispose()
  }
  const evaluator = await of.releases('evaluator', { evaluates: true }, contents).openRelease(terms)
  const evaluation = await evaluator.openEvaluation({
    query,
    sender: 'querier',
    proved: epoch.terms.proofs && !querierHoldsKey,
    inputs,
    space: `query-${query}`,
    ...(clear ? { samples: [...samples] } : {}),
    seed: SECRET,
    querierHoldsKey
  })
  const results = await evaluation.evaluate(holders.callbacks(key.publicKey, query))
  await evaluation.dispose()
  return await asking.decryptResults(results, querierHoldsKey ? null : key.seed)
}

describe.each([
  [1, 1],
  [2, 3],
  [3, 5]
])('%i of %i holders', (threshold, holders) => {
  test('answer what the clear network answers', async () => {
    const of = await cast(threshold, holders)
    const asked = await new Holders(of).start()
    const answers = await ask(of, asked)
    expect(errorOf(SAMPLES, answers)).toBeLessThan(0.01)
    // Every step of every pass is told as it is done, in order.
    const { steps } = asked
    const passes = Math.max(1, ...steps.map(({ blocks: [from] }) => from / of.plan.batchBlocksPerPass + 1))
    const indices = steps.map(({ step }) => step)
    expect(indices.slice(0, indices.length / passes)).toEqual([...new Set(indices)].sort((a, b) => a - b))
    expect(steps.filter(({ kind }) => kind === 'refresh')).toHaveLength(of.plan.refreshes.length * passes)
    for (const { seconds, level, noise, scale } of steps) {
      expect(seconds).toBeGreaterThan(0)
      expect(level).toBeLessThan(of.plan.parameters.primes.length)
      expect(noise).toBeLessThan(Math.log2(scale))
    }
  })

  test('carry the noise of as many shares as the plan says', async () => {
    const samples = realSamples(64)
    const of = await cast(threshold, holders, { batch: samples.length, packing: 'real' })
    const answers = await ask(of, await new Holders(of).start(), 'q', false, samples)
    const errors = samples.flatMap((sample, i) => [...network.forward(sample)].map((value, k) => value - answers[i]![k]!))
    const deviation = Math.sqrt(errors.reduce((sum, error) => sum + error * error, 0) / errors.length)
    // sources of noise are counted with a margin of 0.15 bits; of 64 errors the deviation is known to a tenth
    expect(deviation / logitDeviation(of.plan)).toBeGreaterThan(0.55)
    expect(deviation / logitDeviation(of.plan)).toBeLessThan(1.3)
  })

  test('a query that is started again asks for the same, byte for byte, and gets the same', async () => {
    const of = await cast(threshold, holders)
    const [first, again] = [await new Holders(of).start(), await new Holders(of).start()]
    // Inputs are encrypted anew for each, so both are asked in one.
    const { contents, terms, plan } = of
    const querier = of.releases('querier', {})
    const asking = await querier.openRelease(terms)
    const prepared = await asking.openQuery([...SAMPLES], 'q')
    const inputs: string[] = []
    for (let index = 0; index < inputCount(plan); index++) inputs.push(await contents.put('query-q', await prepared.encryptInput(index)))
    const { publicKey } = await querier.resultKey()
    const results: string[][] = []
    for (const asked of [first, again]) {
      const evaluator = await of.releases('evaluator', { evaluates: true }, contents).openRelease(terms)
      const common = { query: 'q', sender: 'querier', proved: true, inputs, space: 'query-q', seed: SECRET, querierHoldsKey: false }
      const evaluation = await evaluator.openEvaluation(common)
      results.push((await evaluation.evaluate(asked.callbacks(publicKey))).map(bytes => Buffer.from(bytes).toString('base64')))
    }
    expect(first.asked.length).toBeGreaterThan(1)
    expect(again.asked).toEqual(first.asked)
    expect(results[1]).toEqual(results[0])
  })
})

describe('attempts', () => {
  test('a lost holder costs one attempt of one step, which meets another ciphertext', async () => {
    const of = await cast(2, 3)
    const holders = await new Holders(of).start()
    holders.spoil = ({ number, step }, point, shares) => (step.startsWith('r') && number === 0 && point === 2 ? undefined : shares)
    const answers = await ask(of, holders)
    expect(errorOf(SAMPLES, answers)).toBeLessThan(0.01)
    expect(holders.asked.map(({ attempt }) => [attempt.step, attempt.number, attempt.active.join()])).toEqual([
      ['r1.0', 0, '1,2'],
      ['r1.0', 1, '2,3'],
      ['out', 0, '1,2']
    ])
    expect(holders.asked[1]!.c1).not.toEqual(holders.asked[0]!.c1)
  })

  test('a share that is none names its holder and is asked for no more', async () => {
    const of = await cast(2, 3)
    const holders = await new Holders(of).start()
    holders.spoil = ({ number, step }, point, shares) =>
      step === 'out' && number < 2 && point === 1 + number ? [Uint8Array.from(shares[0]!, (byte, i) => (i > 60 ? 255 : byte))] : shares
    const rejected: string[] = []
    const callbacks = holders.callbacks
    holders.callbacks = (...args) => {
      const made = callbacks.apply(holders, args)
      return {
        ...made,
        rejected: async (attempt, point, reason) => {
          rejected.push(`${attempt.step} ${attempt.number} ${point}`)
          expect(reason).toMatch(/residue|prime/i)
          await made.rejected(attempt, point, reason)
        }
      }
    }
    expect(errorOf(SAMPLES, await ask(of, holders))).toBeLessThan(0.01)
    expect(rejected).toEqual(['out 0 1', 'out 1 2'])
  })

  test('a holder refuses an instance that is not its attempt’s, one ciphertext under two attempts, and a sharing that is not its own', async () => {
    const of = await cast(2, 3)
    const holders = await new Holders(of).start()
    const recorded: Parameters<ReleaseCallbacks['refresh']>[0][] = []
    const callbacks = holders.callbacks
    holders.callbacks = (...args) => {
      const made = callbacks.apply(holders, args)
      return {
        ...made,
        refresh: async request => {
          recorded.push(request)
          return await made.refresh(request)
        }
      }
    }
    await ask(of, holders)
    const [request] = recorded as [(typeof recorded)[0]]
    const holder = await of.releases('holder-1', { point: 1 }).openRelease(of.terms)
    const given = await holder.refreshShare(request)
    expect(await holder.refreshShare(request)).toEqual(given)
    await expect(holder.refreshShare({ ...request, instance: `${request.instance}x` })).rejects.toThrow('instance')
    const next = { ...request.attempt, number: 1 }
    const instance = request.instance.replace('/r1.0/0/', '/r1.0/1/')
    await expect(holder.refreshShare({ ...request, attempt: next, instance })).rejects.toThrow('answered')
    const other = { ...request.attempt, sharing: { ...request.attempt.sharing, generation: 1 } }
    const otherInstance = request.instance.replace('/r1.0/0/0/', '/r1.0/0/1/')
    await expect(holder.refreshShare({ ...request, attempt: other, instance: otherInstance })).rejects.toThrow('generation')
    await expect(holder.refreshShare({ ...request, magnitude: request.magnitude / 2 })).rejects.toThrow('magnitude')
  })
})

test('the holder of the whole key reads its own results', async () => {
  const of = await cast(1, 1)
  expect(errorOf(SAMPLES, await ask(of, await new Holders(of).start(), 'q', true))).toBeLessThan(0.01)
})

test('clear weights at their evaluator', async () => {
  const of = await cast(2, 3, { weights: 'clear' })
  expect(errorOf(SAMPLES, await ask(of, await new Holders(of).start()))).toBeLessThan(0.01)
})

test('clear data at their evaluator', async () => {
  const of = await cast(2, 3, { data: 'clear' })
  expect(errorOf(SAMPLES, await ask(of, await new Holders(of).start()))).toBeLessThan(0.01)
})

describe('parts', () => {
  test('are the same bytes again for an owner that starts again, and others under another nonce', async () => {
    const { plan, releases } = await cast(2, 3)
    const terms = { model: 'm', plan, owner: 'owner', nonce: NONCE, seed: SECRET }
    const [one, two, other] = await Promise.all([
      releases('owner', {}).openPublication(terms),
      releases('owner', {}).openPublication(terms),
      releases('owner', {}).openPublication({ ...terms, nonce: 'cd'.repeat(16) })
    ])
    const part = await one!.part(1)
    expect(await two!.part(1)).toEqual(part)
    expect(await other!.part(1)).not.toEqual(part)
  })

  test('are proved for their release, their owner and their query', async () => {
    const { plan, releases, terms } = await cast(2, 3)
    const owner = await releases('owner', {}).openPublication({ model: 'm', plan, owner: 'owner', nonce: NONCE, seed: SECRET })
    const parts = await Promise.all(Array.from({ length: plan.weights.count }, async (_, index) => await owner.part(index)))
    const proof = await owner.prove(0)
    const check = { sender: 'owner', query: null, batch: 0, parts, proof }
    const release = await releases('evaluator', { evaluates: true }).openRelease(terms)
    await release.checkBatch(check)
    await expect(release.checkBatch({ ...check, sender: 'other' })).rejects.toThrow()
    const moved = await releases('evaluator', { evaluates: true }).openRelease({ ...terms, nonce: 'cd'.repeat(16) })
    await expect(moved.checkBatch(check)).rejects.toThrow()
    const swapped = [parts[1]!, parts[0]!, ...parts.slice(2)]
    await expect(release.checkBatch({ ...check, parts: swapped })).rejects.toThrow()
    await expect(release.checkPart('model', 0, randomBytes(100), true)).rejects.toThrow('length')
  })

  test('damaged in the store are missing, not computed with', async () => {
    const of = await cast(2, 3)
    const holders = await new Holders(of).start()
    const { contents } = of
    await contents.clear(`release-${NONCE}`)
    await expect(ask(of, holders)).rejects.toThrow('model part 0')
  })
})

test('weights of several releases share a bound: the one that was not used for longest gives its own up', async () => {
  const of = await cast(2, 3)
  const { plan, epoch, contents, terms } = of
  const means = epoch.means({ evaluates: true })
  const polynomial = 8 * 2 ** plan.parameters.logN
  // Room for the weights of one.
  const weights = plan.weights.items.reduce((sum, { level }) => sum + 2 * (level + 1) * polynomial, 0)
  const releases = new LocalReleases(means, { self: 'evaluator', soleHolder: null, contents, weightBytes: Math.ceil(1.5 * weights) })
  open.push(async () => {
    await releases.dispose()
    means.dispose()
  })
  const holders = await new Holders(of).start()
  const querier = of.releases('querier', {})
  const asking = await querier.openRelease(terms)
  const { publicKey, seed } = await querier.resultKey()
  const made = [await releases.openRelease(terms), await releases.openRelease(terms)]
  const bytes = (): number[] => made.map(release => (release as unknown as { bytes: number }).bytes)
  for (const [k, release] of made.entries()) {
    const query = `q${k}`
    const prepared = await asking.openQuery([...SAMPLES], query)
    const inputs = [await contents.put(`query-${query}`, await prepared.encryptInput(0))]
    const evaluation = await release.openEvaluation({
      query,
      sender: 'querier',
      proved: true,
      inputs,
      space: `query-${query}`,
      seed: SECRET,
      querierHoldsKey: false
    })
    const results = await evaluation.evaluate(holders.callbacks(publicKey, query))
    await evaluation.dispose()
    expect(errorOf(SAMPLES, await asking.decryptResults(results, seed))).toBeLessThan(0.01)
  }
  expect(bytes()).toEqual([0, weights])
})
