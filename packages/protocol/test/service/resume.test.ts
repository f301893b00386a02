/** A query of a killed evaluator goes on from its last refresh. */
import { decodeCall, RELEASE } from '@slytherin/protocol/service'
import { afterEach, expect, test } from 'vitest'
import { realSamples } from '../support/real-session.js'
import { errorOf, smallPlan } from './support/small-model.js'
import { World } from './support/world.js'

const SAMPLES = realSamples(2)
const worlds: World[] = []
afterEach(async () => {
  for (const world of worlds.splice(0)) await world.close()
})

/** A query whose evaluator is killed when it first asks for the result, after `meanwhile` has been done to its disk. */
async function killedAtTheEnd(meanwhile: (world: World) => Promise<void> = async () => undefined) {
  const plan = smallPlan({ parties: 3, threshold: 2 })
  const world = new World({ threshold: 2, holders: 3, plans: [plan] })
  worlds.push(world)
  for (const peer of ['evaluator', ...world.holders, 'owner', 'querier']) await world.start(peer)
  const release = await world.publish('owner', plan)
  await world.spread(RELEASE, release, 'owner', ['querier'])
  const grant = await world.grant('owner', 'querier')
  const { contents, records } = world.disk('evaluator')
  const read: string[] = []
  const get = contents.get.bind(contents)
  contents.get = async (space, name) => {
    read.push(name)
    return await get(space, name)
  }
  const refreshes: string[] = []
  let inputs: string[] = []
  let killed = false
  world.network.setFault(async ({ direction, bytes, from, to }) => {
    if (direction !== 'request' || from !== 'evaluator') return undefined
    const { kind } = decodeCall(bytes, from)
    if (kind === 'query/refresh') refreshes.push(to)
    if (kind !== 'query/switch' || killed) return undefined
    killed = true
    world.kill('evaluator')
    ;({ inputs } = (await records.list('query'))[0]!.value as { inputs: string[] })
    await meanwhile(world)
    read.length = refreshes.length = 0
    await world.restart('evaluator')
    return 'drop'
  })
  const { logits } = await world.process('querier').client.ask(release, SAMPLES, { grant })
  expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
  expect(inputs.length).toBeGreaterThan(0)
  // What was kept ends with the query.
  expect(await contents.spaces()).toEqual([expect.stringMatching(/^release-/)])
  return { inputsRead: inputs.filter(name => read.includes(name)).length, refreshes, inputs }
}

test('nothing before it is read, computed or asked for again', async () => {
  const { inputsRead, refreshes } = await killedAtTheEnd()
  expect(inputsRead).toBe(0)
  expect(refreshes).toEqual([])
})

test('where what was kept is damaged, all is computed again, with the shares that were given', async () => {
  const { inputsRead, refreshes, inputs } = await killedAtTheEnd(async world => {
    const { contents } = world.disk('evaluator')
    const kept = (await contents.spaces()).filter(space => space.startsWith('refreshed-'))
    expect(kept).toHaveLength(1)
    await contents.clear(kept[0]!)
  })
  expect(inputsRead).toBe(inputs.length)
  expect(refreshes).toEqual([])
})
