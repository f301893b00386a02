/** Publishing and asking, all parties in one process, with real cryptography on a small ring. */
import type { Plan } from '@slytherin/protocol'
import { type QueryEvent, RELEASE } from '@slytherin/protocol/service'
import { afterEach, describe, expect, test } from 'vitest'
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
  const plan = smallPlan({ parties: holders })
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
