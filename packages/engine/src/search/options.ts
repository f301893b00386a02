/** What a planner may be asked. */
import { type Flooding, securityBitsFor } from '@slytherin/ckks'
import { type CostModel, DEFAULT_LINK, KERNEL_COSTS, type Link } from '../costs/cost-model.js'
import { InvalidInputError } from '../errors.js'
import type { SlotPacking } from '../packing/slots.js'
import { PRECISION_TARGET } from '../plan/derive.js'
import type { EpochKeys } from '../plan/epoch-keys.js'
import { type FloodingBounds, WANTED_DISTANCE_BITS } from '../plan/plan.js'
import type { OperandKind } from '../steps/operands.js'
import { type PlannedInto, plannedInto } from './planned-into.js'

/**
 * How exact logits are asked to be, the worst of a batch: their error as a share of the largest logit, the bits of it that are right (2^-bits of the largest logit), or
 * an absolute error, which for a regression without final operators is in the units of its data.
 */
export type Precision = number | { readonly bits: number } | { readonly logitError: number }

/** What a planner may be asked. */
export interface PlanOptions {
  /** number of samples */
  readonly batch: number
  /** who encrypts what; not both clear */
  readonly data: OperandKind
  readonly weights: OperandKind
  /** n: key holders, whose secrets the key sums */
  readonly parties: number
  /** whether whoever encrypts inputs holds the whole key, and does so with it: half the bytes (default false) */
  readonly seededInputs?: boolean
  /** t: key holders that a refresh or a switch takes (default: all of them) */
  readonly threshold?: number
  /** collective refreshes that the program must contain at least, as far as there are places for them, between two operations (default 0) */
  readonly minimumRefreshes?: number
  /** whether values may be refreshed, which takes key holders while a query is evaluated (default true) */
  readonly refreshing?: boolean
  /** s: bits of security of flooding; by default those of `floodingDistanceBits`, at least 30 */
  readonly floodingBits?: number | undefined
  /**
   * minus log2 of the statistical distance over a session that flooding is to have (default 40; where one key holder has the whole key what 30 bits of security give); where no plan of the precision has it, the most that one has, which the plan
   * says
   */
  readonly floodingDistanceBits?: number
  /** what flooding rests on (default `magnitudes`; `norms` where the weights are clear at their owner, or one party has the whole key and the data are clear: there the key is the model owner's, as a rule) */
  readonly floodingBounds?: FloodingBounds
  /** ciphertexts that the session allows to be decrypted (default 2^20); each doubling costs half a bit of precision or modulus */
  readonly maximumDecryptions?: number
  readonly costModel?: CostModel
  /** way between the parties that the cheapest plan is looked for with (default: 100 Mbit/s and 20 ms); what a plan says that it costs is by the cost model's own */
  readonly link?: Link
  /**
   * queries that keys and encrypted weights are made for once: each bears that share of what making them costs (default: what the cost model says, a quarter of it). Many queries make worth it
   * to have more keys and weights for fewer inputs
   */
  readonly expectedQueries?: number
  /**
   * bytes of evaluation keys that a key holder makes at most (default: as many as pay). A plan within them may take longer. Not for plans into an epoch, whose keys are there
   */
  readonly maximumKeyBytes?: number
  /**
   * workers of a fleet, each like the machine of the cost model, that evaluate batch blocks of a query side by side (default 1): a plan with more, smaller blocks is chosen where
   * all of them together are done sooner with it, and the work of all of them is at most half as much again as that of the plan for one. Clear data are evaluated by the evaluator alone, whatever is said here
   */
  readonly workers?: number
  /** bytes of ciphertexts that the evaluator may hold at a time (default 3 GiB) */
  readonly evaluatorMemory?: number
  /** fixes the ring degree instead of searching it */
  readonly logN?: number
  /** fixes how samples share slots instead of trying both */
  readonly packing?: SlotPacking
  /** ignores the security table: for unit tests with small rings */
  readonly insecure?: boolean
  /** how exact the logits must be (default: an error of 0.005 of the largest) */
  readonly precision?: Precision
  /** plans into this key epoch: on its ring and chain, with its flooding, and with the keys that it has where they are about as good as others */
  readonly epoch?: EpochKeys
}

/** So little distance that only the least number of bits counts. */
export const LEAST_DISTANCE_BITS = 8
/** Fewer than this no session takes. */
export const LEAST_FLOODING_BITS = 30
/** Enough for a party that serves for months; against one decryption it costs ten bits. */
const DEFAULT_MAXIMUM_DECRYPTIONS = 2 ** 20
const DEFAULT_EVALUATOR_MEMORY = 3 * 2 ** 30

/** Options with every default filled in; precision as a share of the largest logit. */
export type Settings = Required<
  Omit<PlanOptions, 'logN' | 'packing' | 'precision' | 'floodingBits' | 'epoch' | 'link' | 'expectedQueries' | 'maximumKeyBytes'>
> & {
  /** infinite where nothing is said */
  readonly maximumKeyBytes: number
  /** how much what a key costs counts: the share of preparation, and more where there are to be fewer of them */
  readonly keyShare: number
  /** what the search counts with: the cost model with the link in it, and the share of preparation */
  readonly searched: CostModel
  readonly precision: number
  readonly logN: number | undefined
  readonly packing: SlotPacking | undefined
  readonly floodingBits: number | undefined
  readonly epoch: PlannedInto | undefined
}

/** @param largestLogit what precision is relative to @throws InvalidInputError for an option out of range */
export function checkOptions(options: PlanOptions, largestLogit: number): Settings {
  const whole = (name: keyof PlanOptions, value: number, minimum: number): number => {
    if (!Number.isSafeInteger(value) || value < minimum)
      throw new InvalidInputError(`plan option ${name}`, `a whole number of at least ${minimum}`, String(value))
    return value
  }
  // with the whole key at one party the rounding of encodings is flooded, too, which no plan can afford for so small a distance
  const parties = whole('parties', options.parties, 1)
  const threshold = whole('threshold', options.threshold ?? parties, 1)
  if (threshold > parties) throw new InvalidInputError('plan option threshold', `at most the ${parties} key holders`, String(threshold))
  if (options.refreshing === false && (options.minimumRefreshes ?? 0) > 0)
    throw new InvalidInputError('plan option minimumRefreshes', '0 where nothing may be refreshed', String(options.minimumRefreshes))
  const { costModel = KERNEL_COSTS, link = DEFAULT_LINK } = options
  if (!(link.bandwidth > 0 && Number.isFinite(link.bandwidth)))
    throw new InvalidInputError('plan option link.bandwidth', 'bytes per second above 0', String(link.bandwidth))
  if (!(link.roundTrip >= 0 && Number.isFinite(link.roundTrip)))
    throw new InvalidInputError('plan option link.roundTrip', 'seconds of at least 0', String(link.roundTrip))
  const preparation =
    options.expectedQueries === undefined ? costModel.preparation : 1 / whole('expectedQueries', options.expectedQueries, 1)
  if (options.maximumKeyBytes !== undefined && options.epoch)
    throw new InvalidInputError(
      'plan option maximumKeyBytes',
      'nothing where a plan is made into an epoch',
      String(options.maximumKeyBytes)
    )
  const usual = threshold === 1 ? LEAST_DISTANCE_BITS : WANTED_DISTANCE_BITS
  const epoch = options.epoch && plannedInto(options, options.epoch)
  const { floodingBits = epoch?.keys.floodingBits, floodingDistanceBits = usual } = options
  if (floodingBits !== undefined && !(floodingBits >= 1 && floodingBits <= 256))
    throw new InvalidInputError('plan option floodingBits', 'from 1 to 256', String(floodingBits))
  if (!(floodingDistanceBits >= 1 && floodingDistanceBits <= 100))
    throw new InvalidInputError('plan option floodingDistanceBits', 'from 1 to 100', String(floodingDistanceBits))
  const precision = relativePrecision(options.precision ?? PRECISION_TARGET, largestLogit)
  if (options.data === 'clear' && options.weights === 'clear')
    throw new InvalidInputError('plan options data and weights', 'one of them encrypted', 'both clear')
  const { seededInputs = false } = options
  if (seededInputs && (parties > 1 || options.data === 'clear'))
    throw new InvalidInputError('plan option seededInputs', 'false unless one party has the whole key, and encrypts its data', 'true')
  return {
    batch: whole('batch', options.batch, 1),
    data: options.data,
    weights: options.weights,
    parties,
    threshold,
    seededInputs,
    refreshing: options.refreshing ?? true,
    minimumRefreshes: whole('minimumRefreshes', options.minimumRefreshes ?? 0, 0),
    floodingBits,
    floodingDistanceBits,
    floodingBounds:
      options.floodingBounds ?? (options.weights === 'clear' || (threshold === 1 && options.data === 'clear') ? 'norms' : 'magnitudes'),
    maximumDecryptions: whole(
      'maximumDecryptions',
      options.maximumDecryptions ?? epoch?.keys.maximumDecryptions ?? DEFAULT_MAXIMUM_DECRYPTIONS,
      1
    ),
    costModel,
    workers: options.data === 'clear' ? 1 : whole('workers', options.workers ?? 1, 1),
    searched: { ...costModel, ...link, preparation },
    maximumKeyBytes:
      options.maximumKeyBytes === undefined ? Number.POSITIVE_INFINITY : whole('maximumKeyBytes', options.maximumKeyBytes, 1),
    keyShare: preparation,
    evaluatorMemory: whole('evaluatorMemory', options.evaluatorMemory ?? DEFAULT_EVALUATOR_MEMORY, 1),
    logN: options.logN ?? epoch?.parameters.logN,
    packing: options.packing,
    insecure: options.insecure ?? false,
    precision,
    epoch
  }
}

/** What results are flooded with in a ring of this degree. */
export const floodingIn = ({ floodingBits, floodingDistanceBits, maximumDecryptions }: Settings, N: number): Flooding => ({
  securityBits: floodingBits ?? Math.max(LEAST_FLOODING_BITS, securityBitsFor(floodingDistanceBits, N)),
  maximumDecryptions
})

function relativePrecision(precision: Precision, largestLogit: number): number {
  if (typeof precision === 'number') return checkedShare(precision, String(precision))
  if ('bits' in precision) return checkedShare(2 ** -precision.bits, `${precision.bits} bits`)
  const { logitError } = precision
  if (!(logitError > 0 && Number.isFinite(logitError)))
    throw new InvalidInputError('plan option precision', 'an absolute error above 0', String(logitError))
  return Math.min(1, logitError / largestLogit)
}

function checkedShare(share: number, got: string): number {
  if (!(share > 0 && share <= 1))
    throw new InvalidInputError('plan option precision', 'a share above 0 and up to 1, or bits of at least 0', got)
  return share
}
