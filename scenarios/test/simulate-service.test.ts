/** The simulated service against queueing theory, and against what must not get lost. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededRandom } from '../src/service/random.js'
import { renderSweep } from '../src/simulate-service/chart.js'
import { Clock } from '../src/simulate-service/clock.js'
import { compare } from '../src/simulate-service/compare.js'
import { loadSimulation, type Simulation } from '../src/simulate-service/description.js'
import { Fleet } from '../src/simulate-service/fleet.js'
import { Link } from '../src/simulate-service/link.js'
import { Machine } from '../src/simulate-service/machine.js'
import { simulate, simulateTogether } from '../src/simulate-service/outcome.js'
import type { QueryProfile } from '../src/simulate-service/profile.js'
import { readProfile } from '../src/simulate-service/profile.js'
import { sweep } from '../src/simulate-service/sweep.js'

const report = (name: string): string => fileURLToPath(new URL(`../../docs/reports/${name}.json`, import.meta.url))
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

const PROFILE: QueryProfile = {
  name: 'two layers',
  samples: 10,
  inputBytes: 1000,
  resultBytes: 100,
  segments: [{ coreSeconds: 1 }, { coreSeconds: 1 }],
  refreshes: [{ requestBytes: 100, shareBytes: 100, coreSeconds: 0.01 }],
  result: { requestBytes: 100, shareBytes: 100, coreSeconds: 0.01 },
  coldBytes: 1e6
}

const SIMULATION: Simulation = {
  name: 'small',
  description: '',
  seed: 7,
  profiles: [{ profile: PROFILE, weight: 1, blocks: 1 }],
  queriesPerDay: 20_000,
  peak: 1,
  hours: 2,
  workers: { count: 2, threads: 1, blocks: 1, memoryGigabytes: 1, link: { roundTripMilliseconds: 1 } },
  store: { roundTripMilliseconds: 1 },
  coordinator: { cores: 2, link: { roundTripMilliseconds: 0 }, secondsPerQuery: 0.001, secondsPerShare: 0.001 },
  holders: { count: 3, threshold: 2, cores: 1, link: { roundTripMilliseconds: 40 } },
  queriers: { count: 4, link: { roundTripMilliseconds: 40 } },
  failures: { detectionSeconds: 5, restartSeconds: 10 },
  prices: { currency: 'USD', coreHour: 1, gigabyte: 0 },
  latencyLimitSeconds: 30
}

describe('queueing theory', () => {
  /** Mean time in a system that Poisson arrivals of this rate enter. */
  function sojourn(rate: number, count: number, enter: (clock: Clock, random: SeededRandom) => (done: () => void) => void): number {
    const clock = new Clock()
    const random = new SeededRandom(1)
    const serve = enter(clock, random)
    const times: number[] = []
    const next = (left: number): void => {
      if (left === 0) return
      clock.after(random.exponential(1 / rate), () => {
        const at = clock.now
        serve(() => times.push(clock.now - at))
        next(left - 1)
      })
    }
    next(count)
    clock.run()
    expect(times).toHaveLength(count)
    return mean(times)
  }

  test('a machine is M/M/1 with processor sharing: 1/(μ − λ)', () => {
    const time = sojourn(0.7, 200_000, (clock, random) => {
      const machine = new Machine('one core', clock, 1)
      return done => machine.compute(random.exponential(1), 1, done)
    })
    expect(time / (1 / (1 - 0.7))).toBeCloseTo(1, 1)
  })

  test('a link is M/D/1: transfer and wait by Pollaczek and Khinchine, and the latency', () => {
    const load = 0.6
    const time = sojourn(load, 200_000, clock => {
      const link = new Link('one byte a second', clock, 1, 5)
      return done => link.send(1, done)
    })
    expect(time / (5 + 1 + load / (2 * (1 - load)))).toBeCloseTo(1, 2)
  })

  test('cores are shared evenly when there are too few, and one computation of two threads takes half as long as one of one', () => {
    const ends = (cores: number, threads: readonly number[]): readonly number[] => {
      const clock = new Clock()
      const machine = new Machine('m', clock, cores)
      const at: number[] = []
      for (const [index, count] of threads.entries()) machine.compute(6, count, () => (at[index] = clock.now))
      clock.run()
      return at
    }
    expect(ends(2, [1, 1, 1])).toEqual([9, 9, 9])
    expect(ends(2, [2])).toEqual([3])
    expect(ends(4, [1, 2])).toEqual([6, 3])
  })

  test('what is cancelled leaves its cores to the others, and never ends', () => {
    const clock = new Clock()
    const machine = new Machine('m', clock, 1)
    const ended: string[] = []
    const first = machine.compute(10, 1, () => ended.push('first'))
    machine.compute(2, 1, () => ended.push(`second at ${clock.now}`))
    clock.after(1, () => first.cancel())
    clock.run()
    expect(ended).toEqual(['second at 2.5'])
  })
})

describe('a fleet', () => {
  test('answers every query: half as fast with one worker as with two, as two take turns while they wait for holders', () => {
    const one = simulateTogether({ ...SIMULATION, workers: { ...SIMULATION.workers, count: 1 } }, 40)
    const two = simulateTogether(SIMULATION, 40)
    expect(one / two).toBeGreaterThan(1.9)
    expect(one / two).toBeLessThan(2.01)
    const overlapping = simulateTogether({ ...SIMULATION, workers: { ...SIMULATION.workers, count: 1, blocks: 2 } }, 40)
    expect(overlapping).toBeLessThan(one)
    expect(overlapping).toBeGreaterThanOrEqual(80)
  })

  test('on one machine of two cores, four workers are no faster than two', () => {
    const on = (count: number): number =>
      simulateTogether({ ...SIMULATION, oneMachineCores: 2, workers: { ...SIMULATION.workers, count } }, 40)
    expect(on(4) / on(2)).toBeGreaterThan(0.93)
    expect(on(1) / on(2)).toBeGreaterThan(1.8)
  })

  test('workers and holders that die cost time, and no query', () => {
    const fleet = new Fleet(SIMULATION)
    for (let index = 0; index < 30; index++) fleet.ask(SIMULATION.profiles[0]!, index)
    for (const at of [3.5, 11.2, 20.9]) fleet.clock.after(at, () => fleet.failWorker(fleet.workers[0]!))
    fleet.clock.after(2.2, () => fleet.holders.fail(0))
    fleet.clock.after(2.3, () => fleet.holders.fail(1))
    fleet.clock.after(8, () => fleet.holders.restart(1))
    fleet.clock.after(9, () => fleet.holders.restart(0))
    fleet.clock.run()
    expect(fleet.latencies).toHaveLength(30)
    expect(fleet.open).toBe(0)
    expect(fleet.lostBlocks).toBeGreaterThan(0)
    expect(fleet.clock.now).toBeGreaterThan(simulateTogether(SIMULATION, 30))
  })

  test('a holder that dies in the middle of a round costs an attempt', () => {
    const fleet = new Fleet({ ...SIMULATION, workers: { ...SIMULATION.workers, count: 1 } })
    fleet.ask(SIMULATION.profiles[0]!, 0)
    // After 20 ms to the coordinator, the first segment and 20 ms to the holder: it computes.
    fleet.clock.after(1.05, () => fleet.holders.fail(0))
    fleet.clock.run()
    expect(fleet.holders.repeated).toBe(1)
    expect(fleet.latencies).toHaveLength(1)
  })

  test('small queries do not wait for the blocks of a large one', () => {
    const fleet = new Fleet(SIMULATION)
    fleet.ask({ profile: PROFILE, weight: 1, blocks: 50 }, 0)
    fleet.clock.after(5, () => fleet.ask(SIMULATION.profiles[0]!, 1))
    fleet.clock.run()
    const [small, large] = fleet.latencies
    expect(small).toBeLessThan(6)
    expect(large).toBeGreaterThan(50)
  })

  test('is the same again with its seed, and another with another', () => {
    expect(simulate(SIMULATION)).toEqual(simulate(SIMULATION))
    expect(simulate({ ...SIMULATION, seed: 8 })).not.toEqual(simulate(SIMULATION))
  })

  test('uses what its queries need: workers busy by arrivals times seconds', () => {
    const { utilisation, answered, simulatedSeconds } = simulate({ ...SIMULATION, hours: 20 })
    expect(utilisation['workers']! / ((2 * answered) / simulatedSeconds / 2)).toBeCloseTo(1, 2)
  })
})

test('more and more queries: what it takes lies below the capacity of its workers, which break first', () => {
  const { mostQueriesPerDay, breaksFirst, outcomes, capacity } = sweep(SIMULATION)
  expect(breaksFirst.resource).toBe('workers')
  // Two seconds of one core for a query, two cores, a tenth of the time waiting for holders.
  expect(mostQueriesPerDay).toBeGreaterThan(0.8 * 86_400)
  expect(mostQueriesPerDay).toBeLessThan(86_400)
  expect(capacity['workers']! / 86_400).toBeCloseTo(1, 1)
  const svg = renderSweep({ outcomes })
  expect(svg).toContain('queries a day')
  expect(svg.match(/<svg/g)).toHaveLength(3)
})

describe('files', () => {
  let folder: string
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slytherin-simulation-'))
  })
  afterAll(() => rm(folder, { recursive: true }))

  test('a kept report says what a query costs', async () => {
    const profile = await readProfile(report('nn20-square-both-292'))
    expect(profile.refreshes.length).toBeGreaterThan(0)
    expect(profile.segments).toHaveLength(profile.refreshes.length + 1)
    expect(profile.samples).toBe(292)
    for (const { requestBytes, shareBytes } of profile.refreshes) expect(Math.min(requestBytes, shareBytes)).toBeGreaterThan(1000)
    const without = await readProfile(report('suite-100'))
    expect(without.refreshes).toEqual([])
    expect(without.inputBytes).toBeGreaterThan(1e6)
  })

  test('the simulation that is kept is read; what is wrong in one is named', async () => {
    const file = fileURLToPath(new URL('../simulation.yaml', import.meta.url))
    expect((await loadSimulation(file)).workers.count).toBe(100)
    const wrong = join(folder, 'wrong.yaml')
    await writeFile(wrong, 'kind: simulation\nname: x\nqueries: []\nqueriesPerDay: 1\nworkers: { count: 0 }\n')
    await expect(loadSimulation(wrong)).rejects.toThrow(/workers/)
    await writeFile(join(folder, 'other.json'), '{}')
    await expect(readProfile(join(folder, 'other.json'))).rejects.toThrow('no report of a scenario')
  })

  test('several runs of a fleet are compared: cores that share, and a coordinator beside the workers, slow all of them', async () => {
    const file = join(folder, 'runs.json')
    const run = (workers: number, seconds: number, coordinatorCoreSeconds: number): object => ({ workers, seconds, coordinatorCoreSeconds })
    const write = async (refreshes: number, ...runs: object[]): Promise<void> =>
      await writeFile(file, JSON.stringify({ model: 'm', machine: { cores: 2 }, measured: [{ what: 'ten', parts: 12, refreshes, runs }] }))
    const simulatedOf = async (most?: number): Promise<number[]> =>
      (await compare(file, most)).map(({ simulatedSeconds }) => simulatedSeconds)
    await write(0, run(4, 8, 0), run(1, 12, 0), run(2, 7, 0))
    expect((await compare(file)).map(({ workers, calibrated }) => [workers, calibrated])).toEqual([
      [1, true],
      [2, false],
      [4, false]
    ])
    for (const [k, expected] of [12, 6, 6].entries()) expect((await simulatedOf())[k]).toBeCloseTo(expected, 1)
    // Both cores together do one and a half times as much as one.
    for (const [k, expected] of [12, 8, 8].entries()) expect((await simulatedOf(1.5))[k]).toBeCloseTo(expected, 1)
    // One query of eight blocks in a pass is divided among two workers; four of them find no more cores.
    const large = { what: 'large', parts: 1, queries: 1, blocks: 8, refreshes: 0, runs: [run(1, 8, 0), run(2, 4, 0), run(4, 4, 0)] }
    // a worker that works on more than its thread: two of them have no more than two cores
    const busy = { workers: 1, seconds: 20, workerCoreSeconds: 30, coordinatorCoreSeconds: 2 }
    const measured = [{ what: 'busy', parts: 10, refreshes: 0, runs: [busy, { workers: 2, seconds: 17 }] }]
    await writeFile(file, JSON.stringify({ model: 'x', machine: { cores: 2 }, measured }))
    expect((await compare(file))[1]!.simulatedSeconds).toBeCloseTo(16, 6)
    await writeFile(file, JSON.stringify({ model: 'm', machine: { cores: 2 }, measured: [large] }))
    for (const [k, expected] of [8, 4, 4].entries()) expect((await simulatedOf())[k]).toBeCloseTo(expected, 1)
    // Of 15 core seconds that 12 took with one worker, two cores take at least 7.5.
    await write(1, run(1, 12, 3), run(2, 8, 3))
    const [one, two] = await simulatedOf()
    expect(one).toBeCloseTo(12, 1)
    expect(two).toBeGreaterThan(7)
    expect(two).toBeLessThan(8.5)
  })

  test('a measured fleet is simulated: two workers are as fast as the cores and the key holders beside them allow', async () => {
    const file = join(folder, 'fleet.json')
    const entry = { what: 'ten', parts: 10, refreshes: 0, seconds: [20, 10.1], secondsOfHolders: 0 }
    const write = async (workers: number, ...measured: object[]): Promise<void> =>
      await writeFile(file, JSON.stringify({ workers, model: 'm', machine: { cores: 2 }, measured }))
    await write(2, entry)
    expect((await compare(file))[1]!.ratio).toBeCloseTo(10 / 10.1, 3)
    // Workers with a share of a core each were machines of their own, which this simulation has none of.
    await write(2, entry, { ...entry, what: 'limited', coresPerWorker: 0.2 })
    expect(await compare(file)).toHaveLength(2)
    await write(2, { ...entry, coresPerWorker: 0.2 })
    await expect(compare(file)).rejects.toThrow(/cores-per-worker/)
    // Four are no faster on two cores.
    await write(4, entry)
    expect((await compare(file))[1]!.simulatedSeconds).toBeCloseTo(10, 0)
    // Holders that are busy all the time leave nothing to gain.
    await write(2, { ...entry, refreshes: 1, secondsOfHolders: 38 })
    expect((await compare(file))[1]!.simulatedSeconds).toBeGreaterThan(18)
    await write(2)
    await expect(compare(file)).rejects.toThrow('no fleet')
    await write(2, { ...entry, runs: [{ workers: 2, seconds: 10 }] })
    await expect(compare(file)).rejects.toThrow('no run with one worker')
  })
})
