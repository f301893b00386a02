/**
 * Parameters for a key epoch that is to serve several models: the ring and chain on which all of them have a plan and together cost least, and the evaluation keys that
 * their plans use.
 *
 * Every model is planned alone first. Candidates are the rings, numbers and sizes of primes that came out, combined as the security table allows; where all models have a plan
 * on none of them, longer chains and larger rings. On each candidate the models are planned one after another, each into what the ones before it have made, so that they share
 * keys where they can.
 */
import { MAXIMUM_PRIME_BITS, securityBitsFor } from '@slytherin/ckks'
import { type Architecture, parseArchitecture } from '../architecture/architecture.js'
import { InfeasibleEpochError, InvalidInputError } from '../errors.js'
import { coreOf, programOf } from '../plan/compiled.js'
import { derivePlan } from '../plan/derive.js'
import { type EpochKeys, joinKeys, NO_KEYS } from '../plan/epoch-keys.js'
import type { Plan } from '../plan/plan.js'
import { type Chain, parametersFor } from './chain.js'
import { ChainSearch, MAXIMUM_PRIMES, RING_DEGREES, widestPrimes } from './chain-search.js'
import { describeBlockage } from './diagnosis.js'
import { checkOptions, LEAST_FLOODING_BITS, type PlanOptions } from './options.js'
import { plan } from './planner.js'
import { Preparation } from './preparation.js'

/** What the epoch has for all of its models. */
export type EpochOptions = Pick<
  PlanOptions,
  'parties' | 'threshold' | 'floodingBits' | 'floodingDistanceBits' | 'maximumDecryptions' | 'costModel' | 'insecure' | 'logN'
>

/** A model that the epoch is to serve, and what may differ from model to model. */
export interface EpochModel extends Omit<PlanOptions, keyof EpochOptions | 'epoch' | 'maximumKeyBytes'> {
  readonly architecture: Architecture
}

/** Keys for several models, and their plans. */
export interface PlannedEpoch {
  readonly epoch: EpochKeys
  /** of the models in their order; the epoch has every key of theirs */
  readonly plans: readonly Plan[]
}

/** What a distance may differ by when the bits of security that it takes are told back from it. */
const DISTANCE_TOLERANCE = 1e-6

type Ring = Pick<Chain, 'logN' | 'primes' | 'primeBits' | 'specialPrimes'>

/** How far the models got on one ring. */
interface Attempt {
  readonly planned: PlannedEpoch | undefined
  readonly total: number
  /** models that have a plan */
  readonly reached: number
  readonly reason: string
}

/**
 * @throws InfeasiblePlanError for a model that has no plan even alone; InfeasibleEpochError where no one chain serves all; InvalidInputError
 */
export function planEpoch(models: readonly EpochModel[], options: EpochOptions): PlannedEpoch {
  if (models.length === 0) throw new InvalidInputError('models of a key epoch', 'at least one', 'none')
  const parsed = models.map(({ architecture, ...own }) => ({ ...own, ...options, architecture: parseArchitecture(architecture) }))
  const alone = parsed.map(({ architecture, ...own }) => plan(architecture, own))
  const wanted = checkOptions({ ...parsed[0]!, ...options }, parsed[0]!.architecture.output.largest).floodingDistanceBits
  // as much as every one of them has alone
  const distance = Math.min(...alone.map(made => made.floodingDistanceBits - DISTANCE_TOLERANCE), wanted)
  const { maximumDecryptions } = alone[0]!
  const attempt = (ring: Ring, bound: number): Attempt => {
    const floodingBits = options.floodingBits ?? Math.max(LEAST_FLOODING_BITS, securityBitsFor(distance, 2 ** ring.logN))
    const parameters = parametersFor(
      { ...ring, specialPrimeBits: MAXIMUM_PRIME_BITS, packing: 'real', batchBlock: 1 },
      options.insecure ?? false
    )
    let epoch: EpochKeys = { ...NO_KEYS, parameters: parameters.toJSON(), floodingBits, maximumDecryptions }
    let total = 0
    const plans: Plan[] = []
    for (const { architecture, ...own } of parsed) {
      const settings = checkOptions({ ...own, logN: ring.logN, floodingBits, maximumDecryptions, epoch }, architecture.output.largest)
      const search = new ChainSearch(new Preparation(architecture, settings), settings)
      const made = search.run()
      const reached = plans.length
      if (!made)
        return {
          planned: undefined,
          total,
          reached,
          reason: `'${architecture.name}': ${describeBlockage(architecture, settings, search.blockage)}`
        }
      total += search.total
      if (total >= bound) return { planned: undefined, total, reached, reason: 'costs more' }
      plans.push(made)
      epoch = { ...epoch, ...joinKeys(epoch, { relinearizationLevel: made.relinearizationLevel, galois: made.galoisKeys }) }
    }
    return { planned: { epoch, plans }, total, reached: plans.length, reason: '' }
  }
  let best: Attempt | undefined
  let closest: Attempt | undefined
  const consider = (ring: Ring): void => {
    const made = attempt(ring, best?.total ?? Number.POSITIVE_INFINITY)
    if (made.planned) best = made
    else if (closest === undefined || made.reached > closest.reached) closest = made
  }
  for (const ring of combined(alone, options.insecure ?? false)) consider(ring)
  for (const ring of beyond(alone, options)) {
    if (best) break
    consider(ring)
  }
  const made = best?.planned
  if (!made)
    throw new InfeasibleEpochError(
      parsed.map(({ architecture }) => architecture.name),
      closest?.reason ?? 'nothing could be tried'
    )
  const { epoch } = made
  return {
    epoch,
    plans: made.plans.map(each => derivePlan(coreOf(each), options.costModel, { allowInsecure: options.insecure ?? false, held: epoch }))
  }
}

const ringOf = (made: Plan): Ring => {
  const { logN, primes, alpha } = programOf(made).parameters
  return { logN, primes: primes.length, primeBits: primes[0]!.bits, specialPrimes: alpha }
}

const distinct = (values: readonly number[]): number[] => [...new Set(values)].sort((a, b) => a - b)

/** Every ring of a model with every number and size of primes of one and every number of special primes, as wide as security lets them be at most. */
function* combined(alone: readonly Plan[], insecure: boolean): Generator<Ring> {
  const rings = alone.map(ringOf)
  for (const logN of distinct(rings.map(ring => ring.logN))) {
    for (const primes of distinct(rings.map(ring => ring.primes))) {
      for (const specialPrimes of distinct(rings.map(ring => ring.specialPrimes))) {
        const widest = widestPrimes(logN, primes, insecure, specialPrimes)
        if (widest === undefined) continue
        for (const primeBits of distinct([...rings.map(ring => Math.min(widest, ring.primeBits)), widest]))
          yield { logN, primes, primeBits, specialPrimes }
      }
    }
  }
}

/** Longer chains than any model has alone, in its ring and larger ones. */
function* beyond(alone: readonly Plan[], { logN: fixed, insecure = false }: EpochOptions): Generator<Ring> {
  const rings = alone.map(ringOf)
  const [least, longest] = [Math.min(...rings.map(ring => ring.logN)), Math.min(...rings.map(ring => ring.primes))]
  for (const logN of fixed === undefined ? RING_DEGREES.filter(degree => degree >= least) : [fixed]) {
    for (let primes = longest; primes <= MAXIMUM_PRIMES; primes++) {
      const primeBits = widestPrimes(logN, primes, insecure)
      if (primeBits === undefined) break
      yield { logN, primes, primeBits, specialPrimes: 1 }
    }
  }
}
