/** From a graph as a file writes it to the network that is evaluated: one function, so that everybody who needs that network gets the same one. */

import { InvalidInputError } from '../errors.js'
import { agreementOf, measureOf } from '../graph/agreement.js'
import { evaluate } from '../graph/evaluate.js'
import type { NetworkGraph } from '../graph/graph.js'
import { fuse } from '../network/fuse.js'
import type { MeasuredActivation } from '../network/measured.js'
import { type Network, readsOf } from '../network/network.js'
import type { Interval } from '../numeric/chebyshev.js'
import { at } from '../numeric/elementwise-polynomial.js'
import { type ApproximatedNetwork, approximateActivations } from './activations.js'
import { type FitOptions, fitActivations } from './fit.js'
import { measureActivations, widen } from './intervals.js'

/** How activations become polynomials. */
export interface ApproximationOptions extends FitOptions {
  /**
   * fit (default with samples): least squares where inputs are, degree from the agreement asked for; minimax (default without samples), chebyshev: uniformly on the
   * interval, degree from the relative error
   */
  readonly method?: 'fit' | 'minimax' | 'chebyshev'
  /** minimax and chebyshev: largest error as a share of half the interval's length; default 0.01 */
  readonly relativeError?: number
}

/** What is known of the inputs of activations: samples of the network's input, or ranges measured before. */
export type ApproximationSource =
  | { readonly samples: readonly ArrayLike<number>[]; readonly ranges?: undefined }
  | { readonly ranges: readonly MeasuredActivation[]; readonly samples?: undefined }

/** What networks of twenty layers bear. */
const DEFAULT_NETWORK_ERROR = 0.01

/**
 * Activations that are no polynomials are approximated; polynomials of the file, of degree above two, become Chebyshev series on the interval of their inputs. The same
 * inputs give the same network.
 * @throws as `fitActivations` or `approximateActivations`; InvalidInputError for a fit without samples
 */
export function approximate(graph: NetworkGraph, source: ApproximationSource, options: ApproximationOptions = {}): ApproximatedNetwork {
  const { samples } = source
  const { method = samples ? 'fit' : 'minimax', degree, relativeError = DEFAULT_NETWORK_ERROR, maximumDegree, margin } = options
  if (method === 'fit') {
    if (!samples) throw new InvalidInputError('approximation by fit', 'samples', 'ranges only')
    const { obstacle } = options
    const fitOptions: FitOptions =
      obstacle === undefined ? options : { ...options, obstacle: fitted => obstacle(onMeasuredIntervals(fitted, samples, margin)) }
    return onMeasuredIntervals(fitActivations(graph, samples, fitOptions), samples, margin)
  }
  const ranges = samples ? measureActivations(graph, samples) : source.ranges
  const onRanges = (measured: readonly MeasuredActivation[]): ApproximatedNetwork =>
    approximateActivations(graph, measured, {
      method,
      relativeError,
      ...(degree === undefined ? {} : { degree }),
      ...(maximumDegree === undefined ? {} : { maximumDegree }),
      ...(margin === undefined ? {} : { margin })
    })
  const approximated = onRanges(ranges)
  if (!samples || approximated.report.activations.length === 0) {
    return samples ? onMeasuredIntervals(approximated, samples, margin) : approximated
  }
  const within = (some: readonly ArrayLike<number>[]): Network =>
    onMeasuredIntervals(onRanges(measureActivations(graph, some)), some, margin).network
  return { ...onMeasuredIntervals(approximated, samples, margin), report: { ...approximated.report, ...judged(graph, samples, within) } }
}

/**
 * The agreement of answers. Each half of the samples is judged on intervals that the other half gave: on its own, no input would ever leave them. A single sample is judged by
 * nothing.
 */
function judged(
  graph: NetworkGraph,
  samples: readonly ArrayLike<number>[],
  within: (samples: readonly ArrayLike<number>[]) => Network
): Pick<ApproximatedNetwork['report'], 'agreement' | 'measure' | 'samples'> {
  if (samples.length < 2) return {}
  const networks = [1, 0].map(other => within(samples.filter((_, k) => k % 2 === other)))
  const agreement = agreementOf(
    graph,
    samples.map(sample => evaluate(graph, sample)),
    samples.map((sample, k) => networks[k % 2]!.forward(sample))
  )
  return { agreement, measure: measureOf(graph), samples: samples.length }
}

/** Polynomials in powers, fused once more on the intervals that samples give them. */
function onMeasuredIntervals(
  approximated: ApproximatedNetwork,
  samples: readonly ArrayLike<number>[],
  margin: number | undefined
): ApproximatedNetwork {
  const { graph, network } = approximated
  const ranges = measurePowers(network, samples)
  if (ranges.length === 0) return approximated
  const intervals = new Map<number, Interval>(ranges.map(range => [range.node, widen(range, margin)]))
  return { ...approximated, network: fuse(graph, { intervals }) }
}

/** Ranges of the inputs of activations in powers, as the file writes them, padding included. */
function measurePowers(network: Network, samples: readonly ArrayLike<number>[]): (MeasuredActivation & { readonly node: number })[] {
  const powers = network.layers.flatMap((layer, index) =>
    layer.kind === 'polynomial' && layer.basis === 'power' ? [{ layer, index }] : []
  )
  if (powers.length === 0) return []
  const ranges = powers.map(({ layer: { name, node } }) => ({
    layer: name,
    node,
    min: Number.POSITIVE_INFINITY,
    max: Number.NEGATIVE_INFINITY
  }))
  for (const sample of [...samples, new Float64Array(network.inputs)]) {
    const outputs: Float64Array[] = []
    network.forward(sample, (_, values) => outputs.push(values))
    powers.forEach(({ layer, index }, k) => {
      const range = ranges[k]!
      const { scale, shift } = layer.argument
      const [value] = readsOf(network.layers[index]!, index)
      const read = value === 0 ? Float64Array.from(sample) : outputs[value! - 1]!
      read.forEach((argument, feature) => {
        const value = argument / at(scale, feature) - at(shift, feature)
        range.min = Math.min(range.min, value)
        range.max = Math.max(range.max, value)
      })
    })
  }
  return ranges
}
