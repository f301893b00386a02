/** Why there is no plan: the layer that blocks, what it needs against what there is, and which of the things that can be asked for otherwise would make one possible. */
import { floodingGrowth } from '@slytherin/ckks'
import type { Architecture, ArchitectureLayer } from '../architecture/architecture.js'
import { formatBytes } from '../costs/byte-size.js'
import { InfeasiblePlanError } from '../errors.js'
import { PRECISION_TARGET } from '../plan/derive.js'
import { switchShares } from '../steps/operands.js'
import { floodingIn, LEAST_FLOODING_BITS, type Settings } from './options.js'
import type { Blockage } from './schedule.js'

/** Whether there is any plan for other wishes. */
export type Feasible = (architecture: Architecture, settings: Settings) => boolean

/** log2 of the degree that blockages are told for where the ring is free. */
const LARGEST_RING = 16
/** Degrees that activations are imagined to have. */
const LOWER_DEGREES = [31, 15, 7, 3] as const
/** Decryptions and shares of the flooding bits that are tried when there is too much of either. */
const FEWER_DECRYPTIONS = [2 ** 14, 2 ** 10, 2 ** 6] as const
const FEWER_BITS = [0.8, 0.6, 0.4] as const
/** Factors on the evaluator's memory that are tried. */
const MORE_MEMORY = [2, 4, 16, 64] as const

/** Whether `blockage` is nearer to a plan than `other`. */
export function isCloser(blockage: Blockage, other: Blockage): boolean {
  if (blockage.operation !== other.operation) return blockage.operation > other.operation
  const [rank, otherRank] = [KINDS.indexOf(blockage.kind), KINDS.indexOf(other.kind)]
  return rank !== otherRank ? rank > otherRank : blockage.needed - blockage.available < other.needed - other.available
}

/** From what is missed first to what is missed last. */
const KINDS: readonly Blockage['kind'][] = ['levels', 'scale', 'refreshes', 'flooding', 'precision', 'memory']

/** What blocks, in words. */
export function describeBlockage(architecture: Architecture, settings: Settings, blockage: Blockage | undefined): string {
  if (!blockage) return `rings of 2^${settings.logN} coefficients are too small for any chain of primes`
  const { operation, kind, needed, available } = blockage
  const layer = architecture.layers[operation]
  const where = layer ? `layer '${layer.name}' (${kindOf(layer)})` : 'the result'
  const bits = (value: number): string => value.toFixed(1)
  switch (kind) {
    case 'levels':
      return `${where} takes ${needed} levels, of which the largest chain leaves ${available}`
    case 'scale':
      return `${where} needs a scale of ${bits(needed)} bits for the precision that the result must have, where ${bits(available)} bits fit`
    case 'refreshes':
      return `${needed} refreshes are asked for, and ${available} have a place`
    case 'flooding': {
      const flooding = floodingIn(settings, 2 ** (settings.logN ?? LARGEST_RING))
      const growth = floodingGrowth(flooding, switchShares(settings.threshold, settings))
      return (
        `${where} takes ${bits(needed)} bits once it is flooded, where ${bits(available)} are left: ${bits(growth)} of them are flooding ` +
        `(${flooding.securityBits} bits of security, ${settings.maximumDecryptions} decryptions)`
      )
    }
    case 'memory':
      return `the evaluator would hold ${formatBytes(needed)} of ciphertexts at a time, and may hold ${formatBytes(available)}`
    case 'precision':
      return `the error of the result misses ${(100 * settings.precision).toPrecision(2)} % of the largest value in it by ${bits(needed)} bits`
  }
}

function kindOf(layer: ArchitectureLayer): string {
  if (layer.kind === 'affine') return layer.convolution ? 'convolution' : 'dense'
  if (layer.kind === 'sum') return `sum of ${layer.reads.length} branches`
  return layer.kind !== 'polynomial' ? layer.kind : `polynomial of degree ${layer.coefficients.length - 1}`
}

/** @param feasible tells of every remedy whether it is one */
export function diagnose(
  architecture: Architecture,
  settings: Settings,
  blockage: Blockage | undefined,
  feasible: Feasible
): InfeasiblePlanError {
  const remedies = [...remediesFor(architecture, settings, feasible)]
  const remedy =
    remedies.length > 0
      ? `any of these would help: ${remedies.join('; ')}`
      : 'no single change of what was asked for helps: use fewer layers, narrower ranges of the activations, or activations that are squares'
  return new InfeasiblePlanError(
    architecture.name,
    describeBlockage(architecture, settings, blockage),
    remedy,
    blockage && architecture.layers[blockage.operation]?.name
  )
}

function* remediesFor(architecture: Architecture, settings: Settings, feasible: Feasible): Generator<string> {
  const { logN, packing, floodingBits, floodingBounds, maximumDecryptions, minimumRefreshes, evaluatorMemory, precision } = settings
  const helps = (change: Partial<Settings>): boolean => feasible(architecture, { ...settings, ...change })
  if (logN !== undefined && helps({ logN: undefined })) yield 'a larger ring (leave its degree free)'
  if (packing !== undefined && helps({ packing: undefined })) yield 'samples packed otherwise (leave the packing free)'
  const degree = mildest(lowerDegrees(architecture), value => feasible(ofDegree(architecture, value), settings))
  if (degree !== undefined) yield `activations of degree ${degree} or less (ask for that degree, or for less agreement or accuracy)`
  const fewer = FEWER_DECRYPTIONS.filter(value => value < maximumDecryptions)
  const decryptions = mildest(fewer, value => helps({ maximumDecryptions: value }))
  if (decryptions !== undefined) yield `at most ${decryptions} decryptions`
  const asked = floodingBits ?? LEAST_FLOODING_BITS
  const lower = [...FEWER_BITS.map(share => Math.floor(share * asked)), LEAST_FLOODING_BITS].filter(
    value => value < asked && value >= LEAST_FLOODING_BITS
  )
  const bits = mildest(lower, value => helps({ floodingBits: value }))
  if (bits !== undefined) yield `${bits} bits of flooding`
  if (floodingBounds === 'magnitudes' && helps({ floodingBounds: 'norms' }))
    yield 'flooding that rests on the norms that the model owner publishes (floodingBounds: norms, at every key holder)'
  if (minimumRefreshes > 0 && helps({ minimumRefreshes: 0 })) yield 'no least number of refreshes'
  const memory = mildest(
    MORE_MEMORY.map(factor => factor * evaluatorMemory),
    value => helps({ evaluatorMemory: value })
  )
  if (memory !== undefined) yield `${formatBytes(memory)} of memory for the evaluator's ciphertexts`
  if (precision < PRECISION_TARGET && helps({ precision: PRECISION_TARGET }))
    yield `less precision (an error of ${100 * PRECISION_TARGET} % of the largest value)`
}

/** The first that helps, if the last does: they are in order, and those that do not help take longest to try. */
function mildest<T>(values: readonly T[], helps: (value: T) => boolean): T | undefined {
  const last = values.at(-1)
  return last === undefined || !helps(last) ? undefined : (values.slice(0, -1).find(helps) ?? last)
}

/** Lower degrees than the highest of the activations. */
function lowerDegrees({ layers }: Architecture): readonly number[] {
  const highest = Math.max(0, ...layers.map(layer => (layer.kind === 'polynomial' ? layer.coefficients.length - 1 : 0)))
  return LOWER_DEGREES.filter(degree => degree < highest)
}

/** The same network with polynomials cut to a degree, as a guess of what it would be with polynomials of that degree. */
function ofDegree(architecture: Architecture, degree: number): Architecture {
  const layers = architecture.layers.map(layer =>
    layer.kind === 'polynomial' ? { ...layer, coefficients: layer.coefficients.slice(0, degree + 1) } : layer
  )
  return { ...architecture, layers }
}
