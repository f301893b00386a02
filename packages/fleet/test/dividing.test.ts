/** A query is divided among the places that no other needs when it is its turn, and its parts are put together as they were. */
import { type Fleet, PartFailedError } from '@slytherin/fleet'
import { describe, expect, test, vi } from 'vitest'
import {
  askDivided,
  type Compute,
  counting,
  fleetInMemory,
  hooks,
  jobOf,
  never,
  resultOf,
  stretchOf,
  TIMING
} from './support/fleet-in-memory.js'

const memory = fleetInMemory()
const { coordinator, worker } = memory

describe('a query', () => {
  async function workers(count: number, gate?: Promise<void>): Promise<Fleet> {
    const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000, expected: 500 } })
    for (let k = 0; k < count; k++) await worker(counting(gate))
    await vi.waitFor(() => expect(fleet.slots).toBe(count))
    return fleet
  }

  test('is divided among all places where no other wants one, in the order of its blocks', async () => {
    const fleet = await workers(3)
    expect(await askDivided(fleet, 'q', 8)).toEqual([3, 3, 2])
    expect(await askDivided(fleet, 'r', 2)).toEqual([1, 1])
    expect(await askDivided(fleet, 's', 1)).toEqual([1])
  })

  test('stays whole where as many others wait as there are places, and when its turn comes', async () => {
    const gate = Promise.withResolvers<void>()
    const fleet = await workers(2, gate.promise)
    const asked = ['q', 'r', 's', 't'].map(async query => await askDivided(fleet, query, 8))
    await vi.waitFor(() => expect(fleet.status().waiting).toBe(2))
    gate.resolve()
    expect(await Promise.all(asked)).toEqual([[8], [8], [8], [8]])
  })

  test('is divided among the places alone that are free when its turn comes', async () => {
    const [gate, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000 } })
    for (const each of [gate, gate, other]) await worker(counting(each.promise))
    await vi.waitFor(() => expect(fleet.slots).toBe(3))
    const busy = ['q', 'r', 's'].map(async query => await askDivided(fleet, query, 1))
    await vi.waitFor(() => expect(fleet.status().waiting).toBe(0))
    other.resolve()
    expect(await Promise.race(busy)).toEqual([1])
    // Two of three places are busy.
    expect(await askDivided(fleet, 't', 8)).toEqual([8])
    gate.resolve()
    await Promise.all(busy)
    expect(await askDivided(fleet, 'u', 8)).toEqual([3, 3, 2])
  })

  test('leaves places to others that are about to come, for a while', async () => {
    const fleet = await workers(2)
    const come = fleet.expect()
    expect(await askDivided(fleet, 'q', 8)).toEqual([8])
    come()
    expect(await askDivided(fleet, 'r', 8)).toEqual([4, 4])
    fleet.expect()
    await new Promise(resolve => setTimeout(resolve, 600))
    expect(await askDivided(fleet, 's', 8)).toEqual([4, 4])
  })

  test('that is divided has the part of a worker that leaves done by another', async () => {
    const fleet = await workers(1)
    const leaving = await worker(never)
    await vi.waitFor(() => expect(fleet.slots).toBe(2))
    const asked = askDivided(fleet, 'q', 8)
    await vi.waitFor(() => expect(leaving.jobs).toHaveLength(1))
    await leaving.worker.stop()
    expect(await asked).toEqual([4, 4])
  })

  test('that was begun whole stays whole, though all that have failed at it are free again', async () => {
    const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000 } })
    const failingFirst = (): Compute => {
      let failed = false
      return async job => {
        if (failed) return await counting()(job, new AbortController().signal)
        failed = true
        throw new RangeError('no room')
      }
    }
    for (let k = 0; k < 2; k++) await worker(failingFirst())
    await vi.waitFor(() => expect(fleet.slots).toBe(2))
    const come = fleet.expect()
    const asked = askDivided(fleet, 'q', 8)
    await vi.waitFor(() => expect(memory.events.some(({ event }) => event === 'again')).toBe(true))
    come()
    expect(await asked).toEqual([8])
  })

  test('that is divided fails as a whole where a part of it fails everywhere', async () => {
    const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000 } })
    for (let k = 0; k < 2; k++)
      await worker(async job => {
        if (job.blocks[0] > 0) throw new RangeError('no room')
        return resultOf(job)
      })
    await vi.waitFor(() => expect(fleet.slots).toBe(2))
    await expect(askDivided(fleet, 'q', 8)).rejects.toThrow(PartFailedError)
    expect(fleet.status().waiting).toBe(0)
  })

  test('that is divided is withdrawn as a whole', async () => {
    const fleet = await coordinator({ timing: { ...TIMING, patience: 60_000 } })
    const given = [await worker(never), await worker(never)]
    await vi.waitFor(() => expect(fleet.slots).toBe(2))
    const abort = new AbortController()
    const asked = fleet.run(stretchOf('q', 8), { name: 'q', seconds: 1 }, hooks(jobOf('q'), { signal: abort.signal }))
    await vi.waitFor(() => expect(given.map(({ jobs }) => jobs.length)).toEqual([1, 1]))
    abort.abort(new Error('cancelled'))
    await expect(asked).rejects.toThrow('cancelled')
    expect(fleet.status().waiting).toBe(0)
  })
})
