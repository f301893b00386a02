/** One simulated stretch of a service, and what came of it. */
import { SeededRandom } from '../service/random.js'
import type { Asked, Simulation } from './description.js'
import { Fleet } from './fleet.js'

export interface Outcome {
  readonly queriesPerDay: number
  readonly simulatedSeconds: number
  readonly asked: number
  readonly answered: number
  readonly predictions: number
  /** Answered in a second. */
  readonly throughput: { readonly queries: number; readonly predictions: number }
  /** Seconds from asking to the answer. */
  readonly latency: { readonly median: number; readonly p95: number; readonly p99: number; readonly worst: number }
  readonly longestQueue: number
  /** Asked in the stretch and not answered at its end. */
  readonly open: number
  readonly repeatedRounds: number
  readonly lostBlocks: number
  /** Part of its capacity that was used, by resource. */
  readonly utilisation: Readonly<Record<string, number>>
  readonly costPerThousandPredictions: number
}

const DAY = 86_400

export function simulate(simulation: Simulation): Outcome {
  const fleet = new Fleet(simulation)
  const random = new SeededRandom(simulation.seed)
  const end = simulation.hours * 3600
  arrivals(fleet, simulation, random, end)
  failures(fleet, simulation, random, end)
  fleet.clock.run(end)
  return outcomeOf(fleet, simulation, end)
}

/** The resource that is used most, and how much of it. */
export function busiest({ utilisation }: Outcome): readonly [string, number] {
  return Object.entries(utilisation).reduce((a, b) => (b[1] > a[1] ? b : a))
}

/** All at once, and until the last is answered: what a run with a given number of queries is compared with. @returns seconds */
export function simulateTogether(simulation: Simulation, queries: number): number {
  const fleet = new Fleet(simulation)
  for (let index = 0; index < queries; index++) fleet.ask(simulation.profiles[index % simulation.profiles.length]!, index)
  fleet.clock.run()
  return fleet.clock.now
}

/** A Poisson process whose rate rises and falls once over the stretch, by thinning (Lewis & Shedler 1979). */
function arrivals(fleet: Fleet, { queriesPerDay, peak, profiles }: Simulation, random: SeededRandom, end: number): void {
  const highest = (queriesPerDay / DAY) * peak
  const rate = (time: number): number => (queriesPerDay / DAY) * (1 + (peak - 1) * Math.sin((2 * Math.PI * time) / end))
  const weights = profiles.reduce((sum, { weight }) => sum + weight, 0)
  const pick = (): Asked => {
    let left = random.next() * weights
    for (const asked of profiles) {
      left -= asked.weight
      if (left < 0) return asked
    }
    return profiles.at(-1)!
  }
  let count = 0
  const next = (): void => {
    fleet.clock.after(random.exponential(1 / highest), () => {
      if (fleet.clock.now > end) return
      if (random.next() * highest < rate(fleet.clock.now)) fleet.ask(pick(), count++)
      next()
    })
  }
  next()
}

function failures(
  fleet: Fleet,
  { failures: { workerHours, holderHours, restartSeconds }, holders }: Simulation,
  random: SeededRandom,
  end: number
): void {
  const again = (mean: number, fail: () => void): void => {
    fleet.clock.after(random.exponential(mean), () => {
      if (fleet.clock.now > end) return
      fail()
      again(mean, fail)
    })
  }
  if (workerHours !== undefined) {
    for (const worker of fleet.workers) {
      again(workerHours * 3600, () => {
        if (worker.alive) fleet.failWorker(worker)
      })
    }
  }
  if (holderHours === undefined) return
  for (let index = 0; index < holders.count; index++) {
    again(holderHours * 3600, () => {
      fleet.holders.fail(index)
      fleet.clock.after(restartSeconds, () => fleet.holders.restart(index))
    })
  }
}

function outcomeOf(fleet: Fleet, simulation: Simulation, seconds: number): Outcome {
  const { latencies, predictions, coordinator, store, holders, workers, asked } = fleet
  const sorted = [...latencies].sort((a, b) => a - b)
  const quantile = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
  const busy = workers.reduce((sum, { machine }) => sum + machine.utilisation(seconds), 0) / workers.length
  const cores = workers.length * simulation.workers.threads + simulation.coordinator.cores
  const gigabytes = (coordinator.in.bytes + coordinator.out.bytes + store.bytes) / 1e9
  const { prices } = simulation
  const cost = (cores * prices.coreHour * seconds) / 3600 + gigabytes * prices.gigabyte
  return {
    queriesPerDay: simulation.queriesPerDay,
    simulatedSeconds: seconds,
    asked,
    answered: latencies.length,
    predictions,
    throughput: { queries: latencies.length / seconds, predictions: predictions / seconds },
    latency: { median: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), worst: sorted.at(-1) ?? 0 },
    longestQueue: fleet.longestQueue,
    open: fleet.open,
    repeatedRounds: holders.repeated,
    lostBlocks: fleet.lostBlocks,
    utilisation: {
      workers: busy,
      coordinator: coordinator.machine.utilisation(seconds),
      'coordinator link in': coordinator.in.utilisation(seconds),
      'coordinator link out': coordinator.out.utilisation(seconds),
      'key holders': holders.machineUtilisation(seconds),
      "key holders' links": holders.linkUtilisation(seconds),
      store: store.utilisation(seconds)
    },
    costPerThousandPredictions: predictions === 0 ? 0 : (1000 * cost) / predictions
  }
}
