/**
 * Intervals of activations: measured on calibration samples, widened by a margin, and how many inputs leave them.
 */

import { InvalidInputError } from '../errors.js'
import { evaluate } from '../graph/evaluate.js'
import type { NetworkGraph } from '../graph/graph.js'
import type { MeasuredActivation } from '../network/measured.js'
import { checkInterval, type Interval } from '../numeric/chebyshev.js'

/**
 * Widening of a measured range around its centre, as a share of its half-width: inputs of a trained network leave the range of its training data by a tenth to a
 * third of it, rarely, and a polynomial runs away outside its interval.
 */
export const DEFAULT_INTERVAL_MARGIN = 0.2

/** @throws InvalidInputError when the margin is negative or the range is none */
export function widen(range: MeasuredActivation, margin: number = DEFAULT_INTERVAL_MARGIN): Interval {
  if (!(margin >= 0) || !Number.isFinite(margin))
    throw new InvalidInputError('margin of an interval', 'a share of at least 0', String(margin))
  const { min, max, layer } = range
  // a constant input still needs an interval
  const half = Math.max((max - min) / 2, 1e-6 * Math.max(1, Math.abs(min), Math.abs(max))) * (1 + margin)
  const centre = (min + max) / 2
  return checkInterval([centre - half, centre + half], `activation '${layer}'`)
}

/**
 * Runs the network on samples in the clear and records the range of what enters every activation and every polynomial meant for an interval.
 * @throws InvalidInputError without samples
 */
export function measureActivations(graph: NetworkGraph, samples: Iterable<ArrayLike<number>>): MeasuredActivation[] {
  const watched = watchedNodes(graph)
  const ranges = watched.map(({ name, node }) => ({ layer: name, node, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY }))
  let count = 0
  for (const sample of samples) {
    count++
    observe(graph, sample, watched, (index, values) => {
      const range = ranges[index]!
      for (const value of values) {
        if (value < range.min) range.min = value
        if (value > range.max) range.max = value
      }
    })
  }
  if (count === 0) throw new InvalidInputError('calibration', 'at least one sample', 'none')
  return ranges
}

/** How the inputs of one approximated activation lie in its interval. */
export interface IntervalReport {
  readonly layer: string
  readonly interval: Interval
  /** inputs seen: samples × features */
  readonly inputs: number
  readonly below: number
  readonly above: number
  /** share of inputs outside */
  readonly outside: number
  /** samples with at least one input outside */
  readonly samplesOutside: number
  readonly smallest: number
  readonly largest: number
}

/**
 * Counts, over samples, the inputs that leave the interval of a polynomial, in a graph whose activations have been approximated: what encrypted evaluation would see.
 * @throws InvalidInputError without samples
 */
export function countOutOfInterval(graph: NetworkGraph, samples: Iterable<ArrayLike<number>>): IntervalReport[] {
  const watched = watchedNodes(graph).filter(({ interval }) => interval !== undefined)
  const counts = watched.map(() => ({
    inputs: 0,
    below: 0,
    above: 0,
    samplesOutside: 0,
    smallest: Number.POSITIVE_INFINITY,
    largest: Number.NEGATIVE_INFINITY
  }))
  let count = 0
  for (const sample of samples) {
    count++
    observe(graph, sample, watched, (index, values) => {
      const tally = counts[index]!
      const [low, high] = watched[index]!.interval!
      const before = tally.below + tally.above
      for (const value of values) {
        if (value < low) tally.below++
        else if (value > high) tally.above++
        if (value < tally.smallest) tally.smallest = value
        if (value > tally.largest) tally.largest = value
      }
      tally.inputs += values.length
      if (tally.below + tally.above > before) tally.samplesOutside++
    })
  }
  if (count === 0) throw new InvalidInputError('count of inputs outside the intervals', 'at least one sample', 'none')
  return watched.map(({ name, interval }, index) => {
    const tally = counts[index]!
    return { layer: name, interval: interval!, ...tally, outside: (tally.below + tally.above) / tally.inputs }
  })
}

interface Watched {
  readonly name: string
  /** index of the node */
  readonly node: number
  /** index of the node it reads */
  readonly input: number
  readonly interval?: Interval
}

function watchedNodes(graph: NetworkGraph): Watched[] {
  return graph.nodes.flatMap(({ name, operator, inputs }, node): Watched[] => {
    const [input] = inputs
    if (operator.kind === 'activation') return [{ name, node, input: input! }]
    if (operator.kind === 'polynomial' && operator.basis === 'chebyshev')
      return [{ name, node, input: input!, interval: operator.interval }]
    return []
  })
}

function observe(
  graph: NetworkGraph,
  sample: ArrayLike<number>,
  watched: readonly Watched[],
  visit: (index: number, values: Float64Array) => void
): void {
  const readers = new Map<number, number[]>()
  watched.forEach(({ input }, index) => {
    readers.set(input, [...(readers.get(input) ?? []), index])
  })
  evaluate(graph, sample, (node, values) => {
    for (const index of readers.get(node) ?? []) visit(index, values)
  })
}
