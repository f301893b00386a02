/** What `npm run fleet -- --json FILE` writes, as far as a simulation is compared with it. */
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import type { Machine } from '../machine.js'
import { ProfileError } from './profile.js'

const seconds = z.number().nonnegative()

const runSchema = z.looseObject({
  workers: z.number().int().positive(),
  seconds: z.number().positive(),
  secondsOfHolders: seconds.default(0),
  /** Of all threads of the coordinator's process, key holders included. */
  coordinatorCoreSeconds: seconds.optional(),
  /** Of all threads of all workers' processes. */
  workerCoreSeconds: seconds.optional()
})

const entrySchema = z.looseObject({
  what: z.string(),
  /** Passes of all queries: evaluated apart from each other, all there from the start. */
  parts: z.number().int().positive(),
  queries: z.number().int().positive().optional(),
  /** Of each query: passes are divided by them among workers that no other query needs. */
  blocks: z.number().int().positive().default(1),
  refreshes: z.number().int().nonnegative(),
  /** Where workers had a share of a core each: they were machines of their own, and shared none. */
  coresPerWorker: z.number().positive().optional(),
  runs: z.array(runSchema).optional(),
  /** Of files without `runs`: with one worker, and with all of them; the key holders' in both. */
  seconds: z.tuple([z.number().positive(), z.number().positive()]).optional(),
  secondsOfHolders: seconds.default(0)
})

const fleetSchema = z.looseObject({
  workers: z.number().int().positive().optional(),
  model: z.string(),
  machine: z.looseObject({ processor: z.string().default('unknown'), cores: z.number().int().positive() }),
  measured: z.array(entrySchema).min(1)
})

export type MeasuredRun = z.infer<typeof runSchema>

export interface MeasuredEntry {
  readonly what: string
  readonly parts: number
  readonly queries: number
  readonly blocks: number
  readonly refreshes: number
  readonly runs: readonly MeasuredRun[]
}

export interface MeasuredFleet {
  readonly model: string
  readonly cores: number
  readonly machine: Pick<Machine, 'processor' | 'cores'>
  readonly entries: readonly MeasuredEntry[]
}

/** @throws ProfileError when the file is none of a measured fleet */
export async function readFleet(file: string): Promise<MeasuredFleet> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new ProfileError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const checked = fleetSchema.safeParse(json)
  if (!checked.success)
    throw new ProfileError(`${file}: no fleet as \`npm run fleet -- --json FILE\` measures it: ${z.prettifyError(checked.error)}`)
  const { model, machine, measured, workers } = checked.data
  const shared = measured.filter(({ coresPerWorker }) => coresPerWorker === undefined)
  if (shared.length === 0) throw new ProfileError(`${file}: every measurement has a share of a core for each worker (--cores-per-worker)`)
  const entries = shared.map(({ what, parts, queries = parts, blocks, refreshes, runs, seconds: both, secondsOfHolders }) => {
    const entry = { what, parts, queries, blocks, refreshes }
    if (runs !== undefined) return { ...entry, runs }
    if (both === undefined || workers === undefined)
      throw new ProfileError(`${file}: ${what}: neither runs nor seconds with one worker and with all`)
    const [one, all] = both
    const half = secondsOfHolders / 2
    const first = { workers: 1, seconds: one, secondsOfHolders: half }
    return { ...entry, runs: workers === 1 ? [first] : [first, { workers, seconds: all, secondsOfHolders: half }] }
  })
  return { model, cores: machine.cores, machine, entries }
}
