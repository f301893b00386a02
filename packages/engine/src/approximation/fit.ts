/**
 * Activations replaced by the polynomials that are best where their inputs really are: least squares over calibration samples, activation after activation, each fitted to
 * the values that the network had with its own functions, on the inputs that the polynomials before it leave. So later ones make up for what earlier ones miss, and a
 * degree does that no polynomial of it reaches uniformly on the interval.
 *
 *   min Σ (f(u_i) - Σ a_k·T_k(v_i))²     u_i the input with the functions of the file, v_i with polynomials before it, mapped to [-1, 1]
 *
 * plus a thousandth of weight spread evenly over the interval, so that the polynomial stays near the function where samples are rare. A quadratic is fitted for every
 * feature (every channel of a convolution) by itself, drawn a little to the common one: as squares fold into the layers around them, that costs nothing.
 */
import { InvalidInputError } from '../errors.js'
import { agreementOf, measureOf } from '../graph/agreement.js'
import { outputSize } from '../graph/geometry.js'
import type { GraphNode, NetworkGraph } from '../graph/graph.js'
import { isNumeric } from '../graph/task.js'
import { fuse } from '../network/fuse.js'
import { applyLayer, type Layer, type PolynomialLayer, readersOf, readsOf } from '../network/network.js'
import {
  type ActivationFunction,
  describeActivation,
  elementFunction,
  ownElements,
  type RealFunction,
  realFunction
} from '../numeric/activation-functions.js'
import { measuredApproximation } from '../numeric/best-polynomial.js'
import { type Interval, toUnit } from '../numeric/chebyshev.js'
import type { Coefficient } from '../numeric/elementwise-polynomial.js'
import { NormalEquations } from '../numeric/normal-equations.js'
import type { ApproximatedActivation, ApproximatedNetwork } from './activations.js'
import { chooseDegree, type DegreeFits, type Validation } from './choose-degree.js'
import { widen } from './intervals.js'
import { curved, isCurved, OWN_DEGREE, sharedWithin } from './own-functions.js'
import { evaluateSeries, rangeOf, rmsOf, type Series } from './series.js'

/** How polynomials are fitted, and how well answers must stay. */
export interface FitOptions {
  /** the degree of all polynomials; when left out, the smallest that keeps the predictions and has no obstacle */
  readonly degree?: number
  /**
   * How well the answers to held-out samples must stay, by the measure of the task: share of the classes or labels that stay (default 0.99), R² against what the file's
   * network gives (default 0.999). Not asked for where no logit moves by more than `LOGIT_TOLERANCE` of the largest, unless the task is a regression.
   */
  readonly agreement?: number
  /** where the search for a degree ends; default 31 */
  readonly maximumDegree?: number
  /** widening of every range around its centre, as a share of its half-width; default 0.2 */
  readonly margin?: number
  /**
   * Why a network cannot be evaluated under encryption as is wanted; undefined when it can. Degrees whose networks have such an obstacle are left out. When all have one, the
   * smallest degree that keeps the predictions is taken, for whoever plans it to say what blocks.
   */
  readonly obstacle?: (approximated: ApproximatedNetwork) => string | undefined
}

/** Share of classes or labels that approximation must leave as they are. */
export const DEFAULT_AGREEMENT = 0.99
/** Of a regression: errors of 3 % of the spread of its outputs. */
export const DEFAULT_DETERMINATION = 0.999
/** With fewer held-out samples a share of them says little: it is told with a warning. */
export const FEW_SAMPLES = 100
const DEFAULT_MAXIMUM_DEGREE = 31
const LARGEST_DEGREE = 63
/** Samples that are looked at; of more, evenly spaced ones. */
const MAXIMUM_SAMPLES = 1024
/** Weight of the interval against that of the samples, and points that carry it. */
const INTERVAL_WEIGHT = 1e-3
const INTERVAL_POINTS = 401
/** Weight of the interval where every feature has a function, and few samples, of its own. */
const OWN_INTERVAL_WEIGHT = 1e-2
/** Weight of all features against a feature's own samples. */
const COMMON_WEIGHT = 0.1

/**
 * @param samples inputs like those that will be asked about
 * @throws InvalidInputError without samples or for options out of range; UnreachableAgreementError when no degree keeps the predictions,
 *   UnplannableAgreementError when those that do have an obstacle that others have not; UnsupportedTopologyError (as `fuse`)
 */
export function fitActivations(graph: NetworkGraph, samples: Iterable<ArrayLike<number>>, options: FitOptions = {}): ApproximatedNetwork {
  const fitter = new Fitter(graph, thinned([...samples]), options.margin)
  const regression = isNumeric(graph)
  const { degree, agreement = regression ? DEFAULT_DETERMINATION : DEFAULT_AGREEMENT, maximumDegree = DEFAULT_MAXIMUM_DEGREE } = options
  for (const [name, value] of [
    ['degree', degree ?? 1],
    ['maximumDegree', maximumDegree]
  ] as const) {
    if (!Number.isInteger(value) || value < 1 || value > LARGEST_DEGREE)
      throw new InvalidInputError(`${name} of fitted activations`, `a whole number from 1 to ${LARGEST_DEGREE}`, String(value))
  }
  if (!(agreement > 0 && agreement <= 1))
    throw new InvalidInputError('agreement of fitted activations', 'above 0 and up to 1', String(agreement))
  if (!fitter.needed) return { graph, network: fuse(graph), report: { activations: [], depth: 0 } }
  if (degree !== undefined) return fitter.result(degree, fitter.crossValidate(degree, false)?.agreement)
  return chooseDegree(graph, fitter, { agreement, maximumDegree, obstacle: options.obstacle })
}

interface Pass {
  /** by the node of the activation */
  readonly series: ReadonlyMap<number, Series>
  /** logits of every sample */
  readonly polynomial: readonly Float64Array[]
  readonly curved: boolean
}

class Fitter implements DegreeFits {
  /** by node: names of files repeat */
  private readonly functions: ReadonlyMap<number, ActivationFunction>
  private readonly layers: readonly Layer[]
  /** what every activation should give, by its layer, and the logits: by the file's functions, for every sample */
  private readonly targets = new Map<number, readonly Float64Array[]>()
  private readonly logits: readonly Float64Array[]

  constructor(
    private readonly graph: NetworkGraph,
    private readonly samples: readonly Float64Array[],
    private readonly margin: number | undefined
  ) {
    if (samples.length === 0) throw new InvalidInputError('calibration', 'at least one sample', 'none')
    this.functions = new Map(
      graph.nodes.flatMap(({ operator }, node) => (operator.kind === 'activation' ? [[node, operator.function]] : []))
    )
    // layers as they will be, with something of high degree where the activations are
    this.layers = fuse(this.replaced(() => ({ interval: [-1, 1], coefficients: [0, 0, 0, 0, 1] }))).layers
    // by value, then by sample
    const values: (readonly Float64Array[])[] = [samples]
    this.layers.forEach((layer, index) => {
      const activation = this.activationOf(layer)
      const f = activation && elementFunction(activation)
      const reads = readsOf(layer, index).map(value => values[value]!)
      const results = samples.map((_, sample) => {
        const read = reads.map(rows => rows[sample]!)
        return f ? read[0]!.map(f) : applyLayer(layer, read)
      })
      values.push(results)
      forget(values, this.layers, index)
      if (!activation) return
      this.targets.set(index, results)
      checkDefined(layer.name, activation, results)
    })
    this.logits = values.at(-1)!
  }

  get needed(): boolean {
    return this.functions.size > 0
  }

  /**
   * How answers to samples stay that the polynomials were not fitted to; undefined where quadratics would be lines.
   * @param curved whether they must not be
   */
  crossValidate(degree: number, curved = true): Validation | undefined {
    const folds = this.samples.length < 2 ? 1 : 2
    const heldOut: Float64Array[] = new Array(this.samples.length)
    for (let fold = 0; fold < folds; fold++) {
      const held = (sample: number): boolean => folds === 1 || sample % folds === fold
      const pass = this.pass(degree, sample => folds === 1 || !held(sample))
      if (curved && !pass.curved) return undefined
      pass.polynomial.forEach((logits, sample) => {
        if (held(sample)) heldOut[sample] = logits
      })
    }
    let [worst, largest] = [0, 0]
    this.logits.forEach((logits, sample) => {
      logits.forEach((value, k) => {
        largest = Math.max(largest, Math.abs(value))
        worst = Math.max(worst, Math.abs(value - heldOut[sample]![k]!))
      })
    })
    return { agreement: agreementOf(this.graph, this.logits, heldOut), worst: worst / largest }
  }

  result(degree: number, agreement?: number): ApproximatedNetwork {
    const { series } = this.pass(degree, () => true)
    const approximated = this.replaced(node => series.get(node)!)
    const activations = [...this.functions].map(([node, activation]): ApproximatedActivation => {
      const { interval, common, range, rms } = series.get(node)!
      const layer = this.graph.nodes[node]!.name
      const fitted = measuredApproximation(realFunction(activation), interval, 'fit', { coefficients: common })
      return { layer, activation, range: { layer, node, ...range }, ...fitted, rmsError: rms }
    })
    const report = {
      activations,
      depth: activations.reduce((sum, { depth }) => sum + depth, 0),
      ...(agreement === undefined ? {} : { agreement, measure: measureOf(this.graph), samples: this.samples.length })
    }
    return { graph: approximated, network: fuse(approximated), report }
  }

  private replaced(seriesOf: (node: number) => Pick<Series, 'interval' | 'coefficients'>): NetworkGraph {
    const nodes = this.graph.nodes.map((node, index): GraphNode => {
      if (node.operator.kind !== 'activation') return node
      return { ...node, operator: { kind: 'polynomial', basis: 'chebyshev', ...seriesOf(index) } }
    })
    return { ...this.graph, nodes }
  }

  /** Fits activation after activation to the samples that are for training. */
  private pass(degree: number, training: (sample: number) => boolean): Pass {
    const series = new Map<number, Series>()
    let curved = true
    // by value, then by sample; the last row is what pads the last batch block
    const values: (readonly Float64Array[])[] = [[...this.samples, new Float64Array(this.samples[0]!.length)]]
    this.layers.forEach((layer, index) => {
      const reads = readsOf(layer, index)
      const rows = reads.map(value => values[value]!)
      const activation = this.activationOf(layer)
      if (!activation) {
        values.push(
          rows[0]!.map((_, row) =>
            applyLayer(
              layer,
              rows.map(read => read[row]!)
            )
          )
        )
        forget(values, this.layers, index)
        return
      }
      const targets = this.targets.get(index)!
      const group = groupOf(this.layers[reads[0]! - 1])
      const { name, node } = layer as PolynomialLayer
      const [polynomial, padding] = [rows[0]!.slice(0, -1), rows[0]!.at(-1)!]
      const fitted = this.fit(activation, degree, group, { targets, polynomial, padding, training, name })
      if (degree === 2 && ownElements(activation) === undefined && !isCurved(fitted.common)) curved = false
      series.set(node, fitted)
      values.push(rows[0]!.map(row => evaluateSeries(fitted, row)))
      forget(values, this.layers, index)
    })
    const polynomial = values.at(-1)!.slice(0, -1)
    return { series, polynomial, curved }
  }

  private activationOf(layer: Layer): ActivationFunction | undefined {
    return layer.kind === 'polynomial' ? this.functions.get(layer.node) : undefined
  }

  private fit(
    activation: ActivationFunction,
    wanted: number,
    largestGroup: number,
    values: {
      readonly targets: readonly Float64Array[]
      readonly polynomial: readonly Float64Array[]
      readonly padding: Float64Array
      readonly training: (sample: number) => boolean
      readonly name: string
    }
  ): Series {
    const { targets, polynomial, padding, training, name } = values
    const range = rangeOf([...polynomial, padding])
    const interval = widen({ layer: name, ...range }, this.margin)
    const features = padding.length
    const individual = ownElements(activation) !== undefined
    // functions of their own are quadratics, whatever the others are
    const degree = individual ? OWN_DEGREE : wanted
    const group = individual && !sharedWithin(activation, features, largestGroup) ? 1 : largestGroup
    const own = degree === 2 ? Array.from({ length: Math.ceil(features / group) }, () => new NormalEquations(degree)) : []
    const common = new NormalEquations(degree)
    let count = 0
    polynomial.forEach((inputs, sample) => {
      if (!training(sample)) return
      const exact = targets[sample]!
      inputs.forEach((input, feature) => {
        const [t, target] = [toUnit(interval, input), exact[feature]!]
        common.add(t, target, 1)
        own[Math.floor(feature / group)]?.add(t, target, 1)
        count++
      })
    })
    if (individual) {
      own.forEach((equations, index) => {
        const weight = (OWN_INTERVAL_WEIGHT * count * group) / features
        spread(equations, realFunction(activation, index * group), interval, weight)
      })
    }
    spread(common, realFunction(activation), interval, INTERVAL_WEIGHT * count)
    const shared = common.solve()
    const solved = individual
      ? own.map(equations => curved(equations.solve(), interval))
      : ownCoefficients(own, common, shared, features, group)
    const coefficients = own.length > 0 ? perFeature(solved, features, group) : [...shared]
    return { interval, coefficients, common: shared, range, rms: rmsOf({ interval, coefficients }, targets, polynomial) }
  }
}

/** A quadratic for every group; the common one where a group's own would be a line. */
function ownCoefficients(
  own: readonly NormalEquations[],
  common: NormalEquations,
  shared: Float64Array,
  features: number,
  group: number
): Float64Array[] {
  return own.map(equations => {
    const coefficients = equations.plus(common, (COMMON_WEIGHT * group) / features).solve()
    return isCurved(coefficients) ? coefficients : shared
  })
}

const perFeature = (solved: readonly Float64Array[], features: number, group: number): Coefficient[] =>
  Array.from({ length: solved[0]!.length }, (_, k) =>
    Float64Array.from({ length: features }, (__, feature) => solved[Math.floor(feature / group)]![k]!)
  )

/** A little weight evenly over the interval, where the function has values. */
function spread(equations: NormalEquations, f: RealFunction, interval: Interval, weight: number): void {
  for (let k = 0; k < INTERVAL_POINTS; k++) {
    const t = (2 * k) / (INTERVAL_POINTS - 1) - 1
    const value = f.evaluate((interval[0] + interval[1] + t * (interval[1] - interval[0])) / 2)
    if (Number.isFinite(value)) equations.add(t, value, weight / INTERVAL_POINTS)
  }
}

/** Lets go of the values that no layer after this one reads. */
function forget(values: (readonly Float64Array[])[], layers: readonly Layer[], index: number): void {
  const readers = readersOf(layers)
  for (const value of readsOf(layers[index]!, index)) if (readers[value]!.at(-1) === index) values[value] = []
}

/** @throws InvalidInputError when a sample reaches a value that the function does not have, as a logarithm below zero */
function checkDefined(name: string, activation: ActivationFunction, values: readonly Float64Array[]): void {
  const sample = values.findIndex(row => !row.every(Number.isFinite))
  if (sample < 0) return
  throw new InvalidInputError(
    `activation '${name}' (${describeActivation(activation)})`,
    'a function that has values on all calibration samples',
    `none for sample ${sample}`
  )
}

/** Features that must have the same polynomial: those of one channel, so that a convolution stays one. */
function groupOf(before: Layer | undefined): number {
  if (before?.kind !== 'affine' || !before.convolution) return 1
  const [rows, columns] = outputSize(before.convolution.geometry)
  return rows * columns
}

function thinned(samples: readonly ArrayLike<number>[]): Float64Array[] {
  const count = Math.min(samples.length, MAXIMUM_SAMPLES)
  return Array.from({ length: count }, (_, k) => Float64Array.from(samples[Math.floor((k * samples.length) / count)]!))
}
