/** A plan on the ring and chain of a key epoch, or why it takes another epoch. */
import type { Parameters } from '@slytherin/ckks'
import type { Architecture } from '../architecture/architecture.js'
import { EpochPlanError, type FreshParameters, InfeasiblePlanError } from '../errors.js'
import { programOf } from '../plan/compiled.js'
import { type EpochKeys, missingKeys } from '../plan/epoch-keys.js'
import type { Plan } from '../plan/plan.js'
import { ChainSearch } from './chain-search.js'
import { describeBlockage } from './diagnosis.js'
import type { Settings } from './options.js'
import type { PlannedInto } from './planned-into.js'
import { Preparation } from './preparation.js'

/**
 * @param fresh makes a plan without the epoch, for what is said where there is none in it
 * @throws EpochPlanError
 */
export function planIntoEpoch(architecture: Architecture, settings: Settings, { keys, parameters }: PlannedInto, fresh: () => Plan): Plan {
  const search = new ChainSearch(new Preparation(architecture, settings), settings)
  const made = search.run()
  if (made) return lacksNone(made, keys) ? made : (withoutCeremony(architecture, settings, keys, search.total) ?? made)
  const { blockage } = search
  const own = alternative(fresh)
  const remedy =
    'none' in own
      ? `it has no plan of its own either: ${own.none}`
      : `plan it into an epoch of ${describeChain(own)}, where this one has ${describeChain(chainOf(parameters, keys.floodingBits))}`
  throw new EpochPlanError(
    architecture.name,
    blockage?.kind ?? 'ring',
    describeBlockage(architecture, settings, blockage),
    'none' in own ? undefined : own,
    remedy,
    blockage && architecture.layers[blockage.operation]?.name
  )
}

/** How much more may be paid for a plan that lacks no key: what lacks one takes a ceremony of all holders. */
const WITHOUT_CEREMONY = 1.1

const lacksNone = (made: Plan, keys: EpochKeys): boolean => {
  const { galois, relinearizationLevel } = missingKeys(programOf(made), keys)
  return galois.length === 0 && relinearizationLevel === null
}

/** With packings as a network has them alone: what the epoch's keys were made for is found again. @param total of the plan that lacks some */
function withoutCeremony(architecture: Architecture, settings: Settings, keys: EpochKeys, total: number): Plan | undefined {
  const search = new ChainSearch(new Preparation(architecture, { ...settings, epoch: undefined }), settings)
  const made = search.run()
  return made && lacksNone(made, keys) && search.total <= WITHOUT_CEREMONY * total ? made : undefined
}

function alternative(fresh: () => Plan): FreshParameters | { readonly none: string } {
  try {
    const made = fresh()
    return chainOf(programOf(made).parameters, made.floodingBits)
  } catch (error) {
    if (error instanceof InfeasiblePlanError) return { none: `${error.reason}; ${error.remedy}` }
    throw error
  }
}

const chainOf = ({ logN, primes }: Parameters, floodingBits: number): FreshParameters => ({
  logN,
  primes: primes.length,
  primeBits: Math.round(primes.at(-1)!.log2),
  floodingBits
})

const describeChain = ({ logN, primes, primeBits, floodingBits }: FreshParameters): string =>
  `2^${logN} coefficients, ${primes} primes of ${primeBits} bits and ${floodingBits} bits of flooding`
