/** What is simulated: load, workers, key holders, links, failures, prices. */
import { dirname, resolve } from 'node:path'
import * as z from 'zod'
import { readScenarioFile } from '../scenario.js'
import { type QueryProfile, readProfile } from './profile.js'

const positive = z.number().positive()
const natural = z.number().int().positive()

const link = z.strictObject({
  /** There and back. */
  roundTripMilliseconds: z.number().nonnegative().default(0),
  megabitsPerSecond: positive.optional()
})

const schema = z.strictObject({
  kind: z.literal('simulation'),
  name: z.string().min(1),
  description: z.string().default(''),
  seed: z.number().int().default(1),
  /** A report of a run for each kind of query, how often it is asked compared with the others, and of how many blocks of the report's samples it is. */
  queries: z.array(z.strictObject({ report: z.string().min(1), weight: positive.default(1), blocks: natural.default(1) })).min(1),
  queriesPerDay: positive,
  /** The busiest hour against the mean; 1: the same all day. */
  peak: z.number().min(1).max(2).default(1),
  /** Simulated hours. */
  hours: positive.default(1),
  workers: z.strictObject({
    count: natural,
    threads: natural.default(1),
    /** Blocks that a worker has at once: one computes while another waits for the key holders. */
    blocks: natural.default(2),
    memoryGigabytes: positive.default(16),
    link: link.default({ roundTripMilliseconds: 1 })
  }),
  /** Bytes of cold keys and models come from there. */
  store: link.default({ roundTripMilliseconds: 1 }),
  coordinator: z.strictObject({
    cores: natural.default(2),
    link: link.default({ roundTripMilliseconds: 0 }),
    secondsPerQuery: z.number().nonnegative().default(0.02),
    secondsPerShare: z.number().nonnegative().default(0.002)
  }),
  holders: z.strictObject({
    count: natural,
    threshold: natural,
    cores: natural.default(2),
    link: link.default({ roundTripMilliseconds: 0 })
  }),
  queriers: z
    .strictObject({ count: natural.default(10), link: link.default({ roundTripMilliseconds: 0 }) })
    .default({ count: 10, link: { roundTripMilliseconds: 0 } }),
  failures: z
    .strictObject({
      /** Mean hours between two failures of one worker; none: never. */
      workerHours: positive.optional(),
      holderHours: positive.optional(),
      /** Until a block of a silent worker is given to another. */
      detectionSeconds: positive.default(30),
      restartSeconds: positive.default(10)
    })
    .default({ detectionSeconds: 30, restartSeconds: 10 }),
  prices: z
    .strictObject({
      currency: z.string().default('USD'),
      coreHour: z.number().nonnegative().default(0.04),
      gigabyte: z.number().nonnegative().default(0.01)
    })
    .default({ currency: 'USD', coreHour: 0.04, gigabyte: 0.01 }),
  /** All parties on one machine that does so many times as much as one core, as when a run on one machine is compared. */
  oneMachineCores: positive.optional(),
  /** 95 of 100 queries are to be answered in so many seconds. */
  latencyLimitSeconds: positive.default(30)
})

type File = z.infer<typeof schema>

export interface Asked {
  readonly profile: QueryProfile
  readonly weight: number
  /** Evaluated apart from each other, by one worker or several. */
  readonly blocks: number
}

export interface Simulation extends Omit<File, 'queries' | 'kind'> {
  readonly profiles: readonly Asked[]
}

/** @throws ScenarioFileError naming file, key, what was expected; ProfileError */
export async function loadSimulation(file: string): Promise<Simulation> {
  const { queries, kind: _kind, ...others } = await readScenarioFile(file, schema)
  const folder = dirname(resolve(file))
  const profiles = await Promise.all(
    queries.map(async ({ report, ...asked }) => ({ profile: await readProfile(resolve(folder, report)), ...asked }))
  )
  return { ...others, profiles }
}
