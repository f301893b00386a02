/**
 * A network with polynomial activations: every activation function replaced by its approximation on the interval that its inputs take.
 *
 * Degree 2 becomes an exact square when fused, its affine parts folded into the layers around it; degree 1 and 0 vanish; higher degrees stay Chebyshev series whose
 * argument the layer before brings to [-1, 1].
 */

import { InvalidInputError } from '../errors.js'
import type { Measure } from '../graph/agreement.js'
import type { GraphNode, NetworkGraph } from '../graph/graph.js'
import { fuse } from '../network/fuse.js'
import { type MeasuredActivation, MeasuredRanges, type RangeOwner } from '../network/measured.js'
import type { Network, PolynomialLayer } from '../network/network.js'
import { type ActivationFunction, describeActivation, ownElements, realFunction } from '../numeric/activation-functions.js'
import { type ApproximationRequest, approximateFunction, type PolynomialApproximation } from '../numeric/best-polynomial.js'
import type { Interval } from '../numeric/chebyshev.js'
import type { Coefficient } from '../numeric/elementwise-polynomial.js'
import { widen } from './intervals.js'
import { curved, definedOn, elementKey, OWN_DEGREE } from './own-functions.js'

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

/** What approximation has come to: every polynomial, the levels they take, and how well answers agree. */
export interface ApproximationReport {
  readonly activations: readonly ApproximatedActivation[]
  /** levels that the activations take together */
  readonly depth: number
  /** Where samples were given: how well answers to held-out samples stay, with the file's functions against the polynomials. */
  readonly agreement?: number
  /** what `agreement` is */
  readonly measure?: Measure
  /** so many samples it rests on */
  readonly samples?: number
}

/** A network with polynomial activations, and what became of each. */
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
  const given = [...ranges]
  const owners = graph.nodes.flatMap(({ name, operator }, node) => (operator.kind === 'activation' ? [{ name, node }] : []))
  checkNames(owners, options)
  const known = new MeasuredRanges(given, owners)
  const activations: ApproximatedActivation[] = []
  const nodes = graph.nodes.map((node, index): GraphNode => {
    if (node.operator.kind !== 'activation') return node
    const range = known.find({ name: node.name, node: index })
    if (!range)
      throw new InvalidInputError(`range of activation '${node.name}'`, 'a measured minimum and maximum', `ranges of ${known.names}`)
    const { report, coefficients } = approximateOne(node.operator.function, { ...range, layer: node.name }, options)
    activations.push(report)
    return { ...node, operator: { kind: 'polynomial', basis: 'chebyshev', coefficients, interval: report.interval } }
  })
  const approximated = { ...graph, nodes }
  const report = { activations, depth: activations.reduce((sum, { depth }) => sum + depth, 0) }
  return { graph: approximated, network: fusedOnIntervals(approximated, given, options), report }
}

/** Activations that the file writes in powers become series where their ranges are known. */
function fusedOnIntervals(graph: NetworkGraph, ranges: readonly MeasuredActivation[], options: ActivationApproximationOptions): Network {
  const network = fuse(graph)
  const powers = network.layers.filter(layer => layer.kind === 'polynomial' && layer.basis === 'power') as PolynomialLayer[]
  const known = new MeasuredRanges(ranges, powers)
  const intervals = new Map<number, Interval>()
  for (const layer of powers) {
    const range = known.find(layer)
    if (range) intervals.set(layer.node, widen(range, options.layers?.[layer.name]?.margin ?? options.margin))
  }
  return intervals.size === 0 ? network : fuse(graph, { intervals })
}

function approximateOne(
  activation: ActivationFunction,
  range: MeasuredActivation,
  options: ActivationApproximationOptions
): { readonly report: ApproximatedActivation; readonly coefficients: Coefficient[] } {
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
  const interval = widen(range, margin)
  const elements = ownElements(activation)
  if (elements === undefined) {
    const common = approximateFunction(definedOn(realFunction(activation), interval, what), interval, request, what)
    return { report: { layer, activation, range, ...common }, coefficients: [...common.chebyshev] }
  }
  // elements with functions of their own: quadratics, which fold into the layers around them whatever their coefficients are
  const quadratic: ApproximationRequest = { ...(method === undefined ? {} : { method }), degree: OWN_DEGREE }
  const found = new Map<string, PolynomialApproximation>()
  const each = Array.from({ length: elements }, (_, element) => {
    const key = elementKey(activation, element)
    const known = found.get(key)
    if (known) return known
    const f = definedOn(realFunction(activation, element), interval, what)
    const approximated = approximateFunction(f, interval, quadratic, what)
    found.set(key, approximated)
    return approximated
  })
  const worst = each.reduce((a, b) => (b.maximumError > a.maximumError ? b : a))
  const coefficients = Array.from({ length: OWN_DEGREE + 1 }, (_, k) =>
    Float64Array.from(each, ({ chebyshev }) => curved(chebyshev, interval)[k]!)
  )
  return { report: { layer, activation, range, ...worst }, coefficients }
}

function checkNames(known: readonly RangeOwner[], { layers }: ActivationApproximationOptions): void {
  const names = known.map(({ name }) => name)
  for (const layer of Object.keys(layers ?? {})) {
    const count = names.filter(name => name === layer).length
    if (count === 0) throw new InvalidInputError('options.layers', `names of activations (${names.join(', ') || 'none'})`, layer)
    if (count > 1) throw new InvalidInputError('options.layers', 'names that only one activation has', `'${layer}' of ${count}`)
  }
}
