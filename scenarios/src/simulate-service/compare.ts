/** Measured fleets beside their simulation: what says whether the model may be believed. */
import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import type { Simulation } from './description.js'
import { simulateTogether } from './outcome.js'
import { ProfileError, type QueryProfile } from './profile.js'

/** What `npm run fleet -- --json FILE` writes, as far as it is needed here. */
const measuredSchema = z.looseObject({
  workers: z.number().int().positive(),
  model: z.string(),
  machine: z.looseObject({ cores: z.number().int().positive() }),
  measured: z
    .array(
      z.looseObject({
        what: z.string(),
        /** Evaluated apart from each other, all there from the start. */
        parts: z.number().int().positive(),
        refreshes: z.number().int().nonnegative(),
        /** With one worker, and with all of them. */
        seconds: z.tuple([z.number().positive(), z.number().positive()]),
        /** In both. */
        secondsOfHolders: z.number().nonnegative()
      })
    )
    .min(1)
})

type Entry = z.infer<typeof measuredSchema>['measured'][number]

interface Place {
  readonly workers: number
  readonly model: string
  readonly cores: number
}

export interface Compared {
  readonly what: string
  readonly workers: number
  readonly measuredSeconds: number
  readonly simulatedSeconds: number
  /** Simulated by measured. */
  readonly ratio: number
}

/**
 * The costs of a part are taken from the run with one worker; what is compared is the run with more of them, on a machine where worker processes, key holders and coordinator
 * share the cores.
 *
 * @throws ProfileError when the file is none of a measured fleet
 */
export async function compare(file: string): Promise<readonly Compared[]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new ProfileError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  const checked = measuredSchema.safeParse(json)
  if (!checked.success)
    throw new ProfileError(`${file}: no fleet as \`npm run fleet -- --json FILE\` measures it: ${z.prettifyError(checked.error)}`)
  const { workers, machine, measured, model } = checked.data
  const place = { workers, model, cores: machine.cores }
  return measured.map(entry => {
    const simulatedSeconds = simulateTogether(oneMachine(segmentOf(entry, place), entry, place), entry.parts)
    const measuredSeconds = entry.seconds[1]
    return { what: entry.what, workers, measuredSeconds, simulatedSeconds, ratio: simulatedSeconds / measuredSeconds }
  })
}

/** Bytes on the same machine take no time that is not in the seconds of the run with one worker. */
function oneMachine(segment: number, { parts, refreshes, secondsOfHolders }: Entry, { model, workers, cores }: Place): Simulation {
  const link = { roundTripMilliseconds: 0 }
  const round = { requestBytes: 0, shareBytes: 0, coreSeconds: refreshes === 0 ? 0 : secondsOfHolders / 2 / parts / refreshes }
  const profile: QueryProfile = {
    name: model,
    samples: 1,
    inputBytes: 0,
    resultBytes: 0,
    segments: Array.from({ length: refreshes + 1 }, () => ({ coreSeconds: segment })),
    refreshes: Array.from({ length: refreshes }, () => round),
    result: { ...round, coreSeconds: 0 },
    coldBytes: 0
  }
  return {
    name: model,
    description: '',
    seed: 1,
    profiles: [{ profile, weight: 1, blocks: 1 }],
    queriesPerDay: 1,
    peak: 1,
    hours: 1,
    // Between two refreshes a worker is free for others.
    workers: { count: workers, threads: 1, blocks: parts, memoryGigabytes: 1, link },
    store: link,
    coordinator: { cores, link, secondsPerQuery: 0, secondsPerShare: 0 },
    holders: { count: 1, threshold: 1, cores: 1, link },
    queriers: { count: 1, link },
    failures: { detectionSeconds: 1, restartSeconds: 1 },
    prices: { currency: '', coreHour: 0, gigabyte: 0 },
    oneMachineCores: cores,
    latencyLimitSeconds: 1
  }
}

/** Core seconds between two refreshes with which one worker takes as long as it did, by bisection. */
function segmentOf(entry: Entry, place: Place): number {
  let [low, high] = [0, entry.seconds[0] / entry.parts]
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (simulateTogether(oneMachine(middle, entry, { ...place, workers: 1 }), entry.parts) < entry.seconds[0]) low = middle
    else high = middle
  }
  return low
}
