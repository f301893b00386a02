/** What stays in the store of a fleet, and for how long. */
import { Fleet, FleetContents, MemoryPost, MemoryStore } from '@slytherin/fleet'
import { expect, test, vi } from 'vitest'
import { Leases } from '../src/coordinator/leases.js'

const BYTES = new Uint8Array([1, 2, 3])
const LIFETIMES = { query: 10, other: 100 }

async function storeOf(...spaces: string[]): Promise<FleetContents> {
  const contents = new FleetContents({ backend: new MemoryStore(), memoryBytes: 0 })
  for (const space of spaces) await contents.put(space, BYTES)
  return contents
}

test('what nobody has held for its lifetime is erased: of queries soon, keys and models late', async () => {
  const leases = new Leases(await storeOf('query-a', 'query-b', 'release-a', 'epoch-a'), LIFETIMES)
  const held = await leases.hold('query-b')
  const release = await leases.hold('release-a')
  expect(await leases.sweep(0)).toEqual([])
  expect(await leases.sweep(9)).toEqual([])
  expect(await leases.sweep(10)).toEqual(['query-a'])
  held()
  // Counted from when it was first seen to be idle.
  expect(await leases.sweep(20)).toEqual([])
  expect(await leases.sweep(30)).toEqual(['query-b'])
  expect(await leases.sweep(100)).toEqual(['epoch-a'])
  expect(await leases.sweep(1000)).toEqual([])
  release()
  expect(await leases.sweep(1000)).toEqual([])
  expect(await leases.sweep(1100)).toEqual(['release-a'])
})

test('a space that two hold is held until both have let go, each once', async () => {
  const leases = new Leases(await storeOf('query-a'), LIFETIMES)
  const [one, two] = [await leases.hold('query-a'), await leases.hold('query-a')]
  one()
  one()
  expect(await leases.sweep(0)).toEqual([])
  expect(await leases.sweep(100)).toEqual([])
  two()
  await leases.sweep(100)
  expect(await leases.sweep(110)).toEqual(['query-a'])
})

test('who holds a space that is being erased has it when it is empty, and what is put there then stays', async () => {
  const contents = await storeOf('release-a')
  const gate = Promise.withResolvers<void>()
  const slow = {
    spaces: async () => await contents.spaces(),
    clear: async (space: string) => {
      await gate.promise
      await contents.clear(space)
    }
  }
  const leases = new Leases(slow, LIFETIMES)
  await leases.sweep(0)
  const sweeping = leases.sweep(100)
  await new Promise(resolve => setImmediate(resolve))
  const holding = leases.hold('release-a').then(async () => await contents.put('release-a', BYTES))
  gate.resolve()
  await sweeping
  const hash = await holding
  expect(await contents.has('release-a', hash)).toBe(true)
  await leases.sweep(1000)
  expect(await contents.spaces()).toEqual(['release-a'])
})

test('what a worker that was given up has left is gone after a while', async () => {
  const contents = await storeOf()
  const timing = { tick: 5, sweep: 10, querySpaces: 20 }
  const options = { software: '1', answer: 'a'.repeat(64), here: true, check: 0, partSeconds: 1 }
  const fleet = await Fleet.start({ mailbox: new MemoryPost().mailbox(), contents, ...options, timing })
  try {
    const letGo = await fleet.hold('query-b')
    // Its query is over.
    await contents.put('query-a', BYTES)
    await contents.put('query-b', BYTES)
    await contents.put('release-a', BYTES)
    await vi.waitFor(async () => expect(await contents.spaces()).toEqual(['query-b', 'release-a']))
    letGo()
    await vi.waitFor(async () => expect(await contents.spaces()).toEqual(['release-a']))
  } finally {
    await fleet.close()
  }
})
