/**
 * The planner: from an architecture and who encrypts what to the cheapest plan that keeps security, capacity and precision.
 *
 * Candidates are (ring degree, number of primes, one or two samples to a slot, batch block). For each, the packing follows from the shapes (`choose-packing.ts`), scales from the error budget and
 * levels and refreshes from a shortest path (`error-budget.ts`, `placement.ts`). Everything is deterministic: same inputs, same plan.
 */
import { type Architecture, parseArchitecture } from '../architecture/architecture.js'
import { formatBytes } from '../costs/byte-size.js'
import { InfeasiblePlanError } from '../errors.js'
import type { Plan } from '../plan/plan.js'
import { ChainSearch } from './chain-search.js'
import { describeBlockage, diagnose } from './diagnosis.js'
import { planIntoEpoch } from './into-epoch.js'
import { checkOptions, LEAST_DISTANCE_BITS, type PlanOptions, type Settings } from './options.js'
import { Preparation } from './preparation.js'

/** Bits of distance that are not searched for: that there is no plan takes longest to find. */
const DISTANCE_STEP_BITS = 3
/**
 * @throws InfeasiblePlanError when nothing within the security table reaches the precision, naming what blocks and what would help; EpochPlanError when nothing on the
 *   epoch's chain does; InvalidInputError for options out of range
 */
export function plan(architecture: Architecture, options: PlanOptions): Plan {
  const parsed = parseArchitecture(architecture)
  const settings = checkOptions(options, parsed.output.largest)
  const { epoch } = settings
  if (epoch) {
    const { epoch: _, logN: __, ...free } = options
    const { maximumDecryptions } = settings
    return planIntoEpoch(parsed, settings, epoch, () => plan(parsed, { ...free, maximumDecryptions }))
  }
  return planFreely(parsed, settings)
}

function planFreely(parsed: Architecture, settings: Settings): Plan {
  const preparation = new Preparation(parsed, settings)
  const possible = mostFlooding(preparation, settings)
  const made = possible && new ChainSearch(preparation, possible).run()
  if (made) return made.costs.bytes.keysPerParty <= settings.maximumKeyBytes ? made : withFewerKeys(parsed, possible, made)
  const least = leastFlooding(settings)
  const planner = new ChainSearch(preparation, least)
  planner.feasible()
  throw diagnose(parsed, least, planner.blockage, (changed, other) => new ChainSearch(preparation.of(changed), other).feasible())
}

/** Where keys are more than there may be they are made to count so many times as much, again and again, until every query bears this many times what making them costs. */
const KEY_STEP = 1.5
const LARGEST_KEY_SHARE = 64
/** Where they count for nothing, or nearly, this is what is begun with. */
const LEAST_KEY_SHARE = 0.01

/** The plan that costs least of those that have as few keys as there may be, or nearly so. @throws InfeasiblePlanError */
function withFewerKeys(parsed: Architecture, settings: Settings, { costs }: Plan): Plan {
  let least = costs.bytes.keysPerParty
  for (let keyShare = Math.max(LEAST_KEY_SHARE, KEY_STEP * settings.keyShare); keyShare < LARGEST_KEY_SHARE; keyShare *= KEY_STEP) {
    const weighed = { ...settings, keyShare }
    const made = new ChainSearch(new Preparation(parsed, weighed), weighed).run()
    if (!made) continue
    const { keysPerParty } = made.costs.bytes
    if (keysPerParty <= settings.maximumKeyBytes) return made
    least = Math.min(least, keysPerParty)
  }
  throw new InfeasiblePlanError(
    parsed.name,
    `it takes ${formatBytes(least)} of evaluation keys, and may have ${formatBytes(settings.maximumKeyBytes)}`,
    'allow more of them'
  )
}

/** What is asked for, with as little flooding as there may be where its amount is free. */
const leastFlooding = (settings: Settings): Settings =>
  settings.floodingBits === undefined ? { ...settings, floodingDistanceBits: LEAST_DISTANCE_BITS } : settings

/**
 * The settings with the flooding to plan for: as they are where its amount is fixed, otherwise with the distance that is wanted or, where that has no plan, the greatest below
 * it that has one, to within some bits. Undefined where none has.
 */
function mostFlooding(preparation: Preparation, settings: Settings): Settings | undefined {
  if (settings.floodingBits !== undefined) return settings
  const at = (floodingDistanceBits: number): Settings => ({ ...settings, floodingDistanceBits })
  // where there was a plan with less flooding there is likely to be one with more
  let ring: number | undefined
  const feasible = (distance: number): boolean => {
    const planner = new ChainSearch(preparation, at(distance))
    const found = planner.feasible(ring)
    if (found) ring = planner.ring
    return found
  }
  if (feasible(settings.floodingDistanceBits)) return settings
  if (settings.floodingDistanceBits <= LEAST_DISTANCE_BITS || !feasible(LEAST_DISTANCE_BITS)) return undefined
  let [possible, impossible] = [LEAST_DISTANCE_BITS, Math.ceil(settings.floodingDistanceBits)]
  while (impossible - possible > DISTANCE_STEP_BITS) {
    const middle = (possible + impossible) >> 1
    if (feasible(middle)) possible = middle
    else impossible = middle
  }
  return at(possible)
}

/**
 * What stands in the way of a plan, in words; undefined when there is one. Far quicker than `plan`, since any plan will do.
 * @throws InvalidInputError for options out of range
 */
export function obstacleToPlan(architecture: Architecture, options: PlanOptions): string | undefined {
  const parsed = parseArchitecture(architecture)
  const settings = leastFlooding(checkOptions(options, parsed.output.largest))
  const planner = new ChainSearch(new Preparation(parsed, settings), settings)
  return planner.feasible() ? undefined : describeBlockage(parsed, settings, planner.blockage)
}
