/** Every party of a service is killed at every step of its own, and started again: answers come, once, and no holder is asked about one ciphertext twice. */
import { GRANT, RELEASE } from '@slytherin/protocol/service'
import { afterEach, describe, expect, test } from 'vitest'
import { runs } from '../../../../test/runs.js'
import { realSamples } from '../support/real-session.js'
import { errorOf, smallPlan } from './support/small-model.js'
import { type Process, World } from './support/world.js'

const SAMPLES = realSamples(2)

const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

async function world(
  threshold: number,
  holders: number
): Promise<{ world: World; publish: (again?: boolean) => Promise<string>; plan: ReturnType<typeof smallPlan> }> {
  const plan = smallPlan({ parties: holders, threshold })
  const made = new World({ threshold, holders, plans: [plan], patience: 1000 })
  worlds.push(made)
  for (const peer of ['evaluator', ...made.holders, 'owner', 'querier']) await made.start(peer)
  const publish = async (): Promise<string> => {
    const release = await made.publish('owner', plan)
    await made.spread(RELEASE, release, 'owner', ['querier'])
    return release
  }
  return { world: made, publish, plan }
}

/** Asks until there is an answer, as a person would whose program was killed. */
async function persistently(of: World, release: string, grant: string): Promise<Float64Array[]> {
  let kept: readonly Float64Array[] | undefined
  const onAnswer = (_query: string, logits: readonly Float64Array[]): void => {
    kept = logits
  }
  const once = async ({ client }: Process): Promise<Float64Array[] | undefined> => {
    const [pending] = await client.pending()
    try {
      if (pending !== undefined) return await client.answer(pending.query, { onAnswer })
      return (await client.ask(release, SAMPLES, { grant, onAnswer })).logits
    } catch (error) {
      // What was not submitted when the program was killed is asked again.
      if (error instanceof Error && /open|no such query|fetched/.test(error.message)) return undefined
      throw error
    }
  }
  for (;;) {
    const process = of.process('querier')
    const logits = await Promise.race([once(process), died(of, process.fuse)])
    if (logits !== undefined || kept !== undefined) return logits ?? [...kept!]
  }
}

/** Resolves when another process has taken the place of the one that was killed. */
async function died(of: World, fuse: unknown): Promise<undefined> {
  while (of.process('querier').fuse === fuse) await new Promise(resolve => setTimeout(resolve, 5))
}

/** Attempts that holders have given shares under, by step. */
function attempts(of: World): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  for (const peer of of.holders) {
    const { refreshes, decryptions } = of.disk(peer).books
    for (const instance of [...refreshes.keys(), ...[...decryptions.values()].flatMap(given => [...given.keys()])]) {
      const [query, step] = instance.split('/') as [string, string]
      const key = `${query}/${step}`
      found.set(key, (found.get(key) ?? new Set()).add(instance))
    }
  }
  return found
}

/** Some of so many operations: more of them in a soak. */
function spread(count: number): number[] {
  const kills = Math.min(count, runs(4))
  return Array.from({ length: kills }, (_, i) => Math.floor(((i + 0.5) * count) / kills))
}

/** How many operations of its own a party does in a query. */
async function operationsIn(threshold: number, holders: number, peer: string): Promise<number> {
  const { world: of, publish } = await world(threshold, holders)
  const release = await publish()
  const grant = await of.grant('owner', 'querier')
  const before = of.process(peer).fuse.operations
  await of.process('querier').client.ask(release, SAMPLES, { grant })
  return of.process(peer).fuse.operations - before
}

describe.each([
  [1, 1],
  [2, 3],
  [3, 5]
])('%i of %i holders', (threshold, holders) => {
  test.each(['evaluator', 'holder-1', 'querier'])('%s', async peer => {
    const count = await operationsIn(threshold, holders, peer)
    expect(count).toBeGreaterThan(2)
    for (const operation of spread(count)) {
      const { world: of, publish } = await world(threshold, holders)
      const release = await publish()
      const grant = await of.grant('owner', 'querier')
      const killed = of.killAt(peer, operation)
      const logits = await persistently(of, release, grant)
      expect(errorOf(SAMPLES, logits), `killed at operation ${operation}`).toBeLessThan(0.01)
      await of.spare(peer, killed)
      // Nobody was asked for another share of what had been asked about.
      expect(of.refused.filter(error => error.name === 'ShareConflictError')).toEqual([])
      const perStep = [...attempts(of).values()].map(of => of.size)
      // An evaluator that was killed asks for the same; a lost holder costs one attempt of one step.
      expect(Math.max(...perStep), `attempts of a step, killed at operation ${operation}`).toBeLessThanOrEqual(peer === 'evaluator' ? 1 : 2)
      await of.close()
    }
  })
})

describe('publishing', () => {
  test.each(['owner', 'evaluator'])('%s', async peer => {
    const { world: of, publish } = await world(2, 3)
    const before = of.process(peer).fuse.operations
    await publish()
    const count = of.process(peer).fuse.operations - before
    for (const operation of spread(count)) {
      const { world: other, publish: again } = await world(2, 3)
      const killed = other.killAt(peer, operation)
      let release: string | undefined
      while (release === undefined) {
        const { fuse } = other.process(peer)
        const restarted = (async () => {
          while (other.process(peer).fuse === fuse) await new Promise(resolve => setTimeout(resolve, 5))
        })()
        release = (await Promise.race([again(), ...(peer === 'owner' ? [restarted] : [])])) as string | undefined
      }
      await other.spare(peer, killed)
      const grant = await other.grant('owner', 'querier')
      expect(await other.disk('owner').documents.get(GRANT, grant)).toBeDefined()
      expect(errorOf(SAMPLES, await persistently(other, release, grant)), `killed at operation ${operation}`).toBeLessThan(0.01)
      expect(await other.disk('owner').records.list('publication')).toEqual([])
      await other.close()
    }
  })
})
