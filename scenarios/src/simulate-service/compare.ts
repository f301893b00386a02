/** Measured fleets beside their simulation: what says whether the model may be believed. */
import type { Simulation } from './description.js'
import { type MeasuredEntry, type MeasuredFleet, type MeasuredRun, readFleet } from './measured.js'
import { simulateTogether } from './outcome.js'
import { ProfileError, type QueryProfile } from './profile.js'

export interface Compared {
  readonly what: string
  readonly model: string
  readonly workers: number
  /** Whether the costs of a part were taken from this very run: its ratio says nothing. */
  readonly calibrated: boolean
  readonly measuredSeconds: number
  readonly simulatedSeconds: number
  /** Simulated by measured. */
  readonly ratio: number
}

/** Seconds of one core, each; a part is evaluated between refreshes, the coordinator works at every round of its key holders. */
interface PartCosts {
  readonly segment: number
  readonly holder: number
  readonly coordinator: number
}

/**
 * What a part costs is taken from the run with one worker: the coordinator's and the key holders' core seconds as they were counted, the worker's so that the simulated run takes as long as the real one. What is
 * compared are the runs with more of them, on a machine where worker processes, key holders and coordinator share the cores.
 *
 * @param most how many times as much as one core all cores of that machine do together (`together.ts`); as many as there are when not given
 * @throws ProfileError when the file is none of a measured fleet, or has no run with one worker
 */
export async function compare(file: string, most?: number): Promise<readonly Compared[]> {
  const fleet = await readFleet(file)
  const cores = Math.min(fleet.cores, most ?? fleet.cores)
  return fleet.entries.flatMap(entry => comparedEntry(entry, { ...fleet, cores }, file))
}

function comparedEntry(entry: MeasuredEntry, fleet: MeasuredFleet, file: string): Compared[] {
  const base = entry.runs.find(({ workers }) => workers === 1)
  if (base === undefined) throw new ProfileError(`${file}: ${entry.what}: no run with one worker, from which a part's costs are taken`)
  const costs = costsOf(entry, base, fleet)
  return [...entry.runs]
    .sort((a, b) => a.workers - b.workers)
    .map(run => {
      const onCores = run === base ? 0 : coreSeconds(base) / fleet.cores
      const simulatedSeconds = Math.max(simulated(entry, costs, fleet, run.workers), onCores)
      const { workers, seconds: measuredSeconds } = run
      const ratio = simulatedSeconds / measuredSeconds
      return { what: entry.what, model: fleet.model, workers, calibrated: run === base, measuredSeconds, simulatedSeconds, ratio }
    })
}

/** What all processes worked in a run. A worker of one thread works on more than one core: it fetches, decodes and hashes beside. No other run of the same takes less than these on all cores. */
const coreSeconds = ({ workerCoreSeconds = 0, coordinatorCoreSeconds = 0 }: MeasuredRun): number =>
  workerCoreSeconds + coordinatorCoreSeconds

function simulated(entry: MeasuredEntry, { segment, holder, coordinator }: PartCosts, fleet: MeasuredFleet, workers: number): number {
  const parts = partsWith(entry, workers)
  const share = entry.parts / parts
  const costs = { segment: share * segment, holder: share * holder, coordinator: share * coordinator }
  return simulateTogether(oneMachine(entry, costs, fleet, workers), parts)
}

/** A pass is divided among workers that no other needs, where there are any. */
function partsWith({ parts, queries, blocks }: MeasuredEntry, workers: number): number {
  const passes = Math.max(1, Math.round(parts / queries))
  const blocksOfPass = Math.ceil(blocks / passes)
  return parts * Math.max(1, Math.min(blocksOfPass, Math.floor(workers / parts)))
}

/** By bisection of the worker's core seconds. */
function costsOf(entry: MeasuredEntry, base: MeasuredRun, fleet: MeasuredFleet): PartCosts {
  const { parts, refreshes } = entry
  const rounds = refreshes + 1
  const beside = Math.max(0, (base.coordinatorCoreSeconds ?? base.secondsOfHolders) - base.secondsOfHolders)
  const coordinator = beside / parts / rounds
  const holder = refreshes === 0 ? 0 : base.secondsOfHolders / parts / refreshes
  let [low, high] = [0, base.seconds / parts]
  for (let step = 0; step < 40; step++) {
    const segment = (low + high) / 2
    if (simulated(entry, { segment, holder, coordinator }, fleet, 1) < base.seconds) low = segment
    else high = segment
  }
  return { segment: low, holder, coordinator }
}

/** Bytes on the same machine take no time that is not in the seconds of the run with one worker. */
function oneMachine(
  { parts, refreshes }: MeasuredEntry,
  { segment, holder, coordinator }: PartCosts,
  { model, cores }: MeasuredFleet,
  workers: number
): Simulation {
  const link = { roundTripMilliseconds: 0 }
  const round = { requestBytes: 0, shareBytes: 0, coreSeconds: holder }
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
    coordinator: { cores: 1, link, secondsPerQuery: 0, secondsPerShare: coordinator },
    holders: { count: 1, threshold: 1, cores: 1, link },
    queriers: { count: 1, link },
    failures: { detectionSeconds: 1, restartSeconds: 1 },
    prices: { currency: '', coreHour: 0, gigabyte: 0 },
    oneMachineCores: cores,
    latencyLimitSeconds: 1
  }
}
