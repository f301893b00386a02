/** More and more queries a day, until the service is too slow: how much it takes, and what breaks first. */
import type { Simulation } from './description.js'
import { busiest, type Outcome, simulate } from './outcome.js'

export interface Sweep {
  /** From few queries to too many. */
  readonly outcomes: readonly Outcome[]
  /** Of the load that was asked about. */
  readonly atLoad: Outcome
  /** The most queries a day that are answered in time. */
  readonly mostQueriesPerDay: number
  /** The resource that is busiest where they are no longer, and how busy. */
  readonly breaksFirst: { readonly resource: string; readonly utilisation: number; readonly queriesPerDay: number }
  /** Queries a day at which each resource alone would be busy all the time. */
  readonly capacity: Readonly<Record<string, number>>
}

const FIRST = 1 / 8
const STEPS = 5
const MOST_DOUBLINGS = 12

/** @param progress is told every outcome */
export function sweep(simulation: Simulation, progress: (outcome: Outcome) => void = () => {}): Sweep {
  const at = (queriesPerDay: number): Outcome => {
    const outcome = simulate({ ...simulation, queriesPerDay })
    progress(outcome)
    return outcome
  }
  const outcomes: Outcome[] = []
  let rate = simulation.queriesPerDay * FIRST
  let good: Outcome | undefined
  let bad: Outcome | undefined
  const atLoad = at(simulation.queriesPerDay)
  for (let step = 0; step < MOST_DOUBLINGS && bad === undefined; step++, rate *= 2) {
    const outcome = rate === atLoad.queriesPerDay ? atLoad : at(rate)
    outcomes.push(outcome)
    if (inTime(outcome, simulation)) good = outcome
    else bad = outcome
  }
  for (let step = 0; step < STEPS && good !== undefined && bad !== undefined; step++) {
    const outcome = at(Math.sqrt(good.queriesPerDay * bad.queriesPerDay))
    outcomes.push(outcome)
    if (inTime(outcome, simulation)) good = outcome
    else bad = outcome
  }
  const last = bad ?? outcomes.at(-1)!
  const [resource, utilisation] = busiest(last)
  return {
    atLoad,
    outcomes: outcomes.sort((a, b) => a.queriesPerDay - b.queriesPerDay),
    mostQueriesPerDay: good?.queriesPerDay ?? 0,
    breaksFirst: { resource, utilisation, queriesPerDay: last.queriesPerDay },
    capacity: capacityOf(good ?? last)
  }
}

/** Whether 95 of 100 were answered within the limit, and no backlog was left beyond what arrives within it. */
export function inTime({ latency, open, asked, simulatedSeconds }: Outcome, { latencyLimitSeconds }: Simulation): boolean {
  return latency.p95 <= latencyLimitSeconds && open <= 3 + (asked / simulatedSeconds) * latencyLimitSeconds
}

function capacityOf({ queriesPerDay, utilisation, answered, asked }: Outcome): Readonly<Record<string, number>> {
  const served = queriesPerDay * (asked === 0 ? 1 : answered / asked)
  return Object.fromEntries(
    Object.entries(utilisation).flatMap(([resource, part]) => (part > 0 ? [[resource, Math.round(served / part)]] : []))
  )
}
