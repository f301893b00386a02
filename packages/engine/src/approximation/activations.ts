/**
 * A network with polynomial activations: every activation function replaced by its approximation on the interval that its inputs take.
 *
 * Degree 2 becomes an exact square when fused, its affine parts folded into the layers around it; degree 1 and 0 vanish; higher degrees stay Chebyshev series whose
 * argument the layer before brings to [-1, 1].
 */

import { InvalidInputError } from '../errors.js'
import type { GraphNode, NetworkGraph } from '../graph/graph.js'
import type { MeasuredActivation } from '../network/calibrate.js'
import { fuse } from '../network/fuse.js'
import type { Network } from '../network/network.js'
import { type ActivationFunction, describeActivation, realFunction } from '../numeric/activation-functions.js'
import { type ApproximationRequest, approximateFunction, type PolynomialApproximation } from '../numeric/best-polynomial.js'
import type { Interval } from '../numeric/chebyshev.js'
import { widen } from './intervals.js'

export interface ActivationApproximationOptions extends ApproximationRequest {
  /** widening of every range around its centre, as a share of its half-width; default 0.2. 0 takes the ranges as intervals. */
  readonly margin?: number
  /** other wishes for single activations, by name */
  readonly layers?: Readonly<Record<string, ApproximationRequest & { readonly margin?: number }>>
}

/** One activation and the polynomial in its place. */
export interface ApproximatedActivation extends PolynomialApproximation {
  readonly layer: string
  readonly activation: ActivationFunction
  /** the range that was given, before the margin */
  readonly range: MeasuredActivation
}

export interface ApproximationReport {
  readonly activations: readonly ApproximatedActivation[]
  /** levels that the activations take together */
  readonly depth: number
  /** fitted activations of a degree that was searched for: share of held-out samples whose predicted class stayed */
  readonly agreement?: number
}

export interface ApproximatedNetwork {
  /** with polynomials in place of the activations */
  readonly graph: NetworkGraph
  /** the same, fused */
  readonly network: Network
  readonly report: ApproximationReport
}

/**
 * @param ranges of the inputs of every activation, from `measureActivations` or the model's documentation. A range for a polynomial that the file itself holds as
 *   powers, of degree above two, turns it into a Chebyshev series on that range with its margin.
 * @throws InvalidInputError when an activation has no range or the options name an unknown one; UnreachableAccuracyError; UnsupportedTopologyError (as `fuse`)
 */
export function approximateActivations(
  graph: NetworkGraph,
  ranges: Iterable<MeasuredActivation>,
  options: ActivationApproximationOptions = {}
): ApproximatedNetwork {
  const given = new Map([...ranges].map(range => [range.layer, range]))
  const activations: ApproximatedActivation[] = []
  const nodes = graph.nodes.map((node): GraphNode => {
    if (node.operator.kind !== 'activation') return node
    const range = given.get(node.name)
    if (!range) {
      const known = [...given.keys()].join(', ') || 'none'
      throw new InvalidInputError(`range of activation '${node.name}'`, 'a measured minimum and maximum', `ranges of ${known}`)
    }
    const approximated = approximateOne(node.operator.function, range, options)
    activations.push(approximated)
    const { chebyshev, interval } = approximated
    return { ...node, operator: { kind: 'polynomial', basis: 'chebyshev', coefficients: [...chebyshev], interval } }
  })
  checkNames(graph, options)
  const approximated = { ...graph, nodes }
  const intervals = new Map<string, Interval>()
  for (const range of given.values()) intervals.set(range.layer, widen(range, options.layers?.[range.layer]?.margin ?? options.margin))
  const report = { activations, depth: activations.reduce((sum, { depth }) => sum + depth, 0) }
  return { graph: approximated, network: fuse(approximated, { intervals }), report }
}

function approximateOne(
  activation: ActivationFunction,
  range: MeasuredActivation,
  options: ActivationApproximationOptions
): ApproximatedActivation {
  const { layer } = range
  const own = options.layers?.[layer] ?? {}
  const { method, degree, maximumError, relativeError, maximumDegree, margin } = { ...options, ...own }
  // a degree or an accuracy of its own replaces all of the common ones
  const replaced = own.degree !== undefined || own.maximumError !== undefined || own.relativeError !== undefined
  const wish = replaced ? own : { degree, maximumError, relativeError }
  const request: ApproximationRequest = {
    ...(method === undefined ? {} : { method }),
    ...(maximumDegree === undefined ? {} : { maximumDegree }),
    ...(wish.degree === undefined ? {} : { degree: wish.degree }),
    ...(wish.maximumError === undefined ? {} : { maximumError: wish.maximumError }),
    ...(wish.relativeError === undefined ? {} : { relativeError: wish.relativeError })
  }
  const what = `activation '${layer}' (${describeActivation(activation)})`
  return { layer, activation, range, ...approximateFunction(realFunction(activation), widen(range, margin), request, what) }
}

function checkNames(graph: NetworkGraph, { layers }: ActivationApproximationOptions): void {
  const known = graph.nodes.filter(node => node.operator.kind === 'activation').map(node => node.name)
  for (const layer of Object.keys(layers ?? {})) {
    if (!known.includes(layer)) throw new InvalidInputError('options.layers', `names of activations (${known.join(', ') || 'none'})`, layer)
  }
}
