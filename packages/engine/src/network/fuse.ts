/**
 * Fusing: every run of linear operators becomes one affine layer, every activation a polynomial of such a layer's output.
 *
 * A value of the graph is followed as p(A·x + c): x the output of the last activation (or the input), A·x + c the output of the last operator that mixes elements,
 * p a polynomial applied element by element. Element-wise operators change p, mixing operators change A and c; a mixing operator that meets a p of degree two or
 * more makes an activation of it. So BatchNormalization, constants and Horner chains vanish, wherever they stand.
 *
 * A quadratic c₂u² + c₁u + c₀ is exactly  sign(c₂)·(s·(u + h))² + k  with s = √|c₂|, h = c₁/(2c₂), k = c₀ - c₁²/(4c₂):
 * s and h go into the layer before, sign and k into the layer after, and the activation is a pure square.
 *
 * A polynomial of higher degree is one for all features where normalisations around it are all that makes them differ (`common-polynomial.ts`). One that is meant for an interval becomes a Chebyshev series on [-1, 1]; the map of the interval to [-1, 1] goes into the layer before.
 */

import type { LinearOperation } from '../architecture/linear-operations.js'
import { UnapproximatedActivationError, UnsupportedTopologyError } from '../errors.js'
import { sizeOf } from '../graph/geometry.js'
import { type GraphNode, type GraphOperator, inputShape, type NetworkGraph } from '../graph/graph.js'
import { commonName } from '../graph/names.js'
import { describeActivation } from '../numeric/activation-functions.js'
import { chebyshevToPower, type Interval, powerToChebyshev } from '../numeric/chebyshev.js'
import { argumentInterval, commonPolynomial } from '../numeric/common-polynomial.js'
import {
  add,
  at,
  type Coefficient,
  degree,
  evaluateAt,
  IDENTITY,
  isIdentity,
  multiply,
  type Polynomial,
  power
} from '../numeric/elementwise-polynomial.js'
import { describeExpression } from '../numeric/expression.js'
import { type Affine, apply, identityAffine, isIdentityAffine, scaleShift } from './affine-map.js'
import { type AffineLayer, type Layer, Network, type SquareLayer } from './network.js'

/** p(root), p element by element */
interface Value {
  readonly root: Affine
  readonly polynomial: Polynomial
  /** names of the element-wise nodes that made p */
  readonly names: readonly string[]
}

/** What fusing needs to know beside the graph. */
export interface FuseOptions {
  /** intervals of activations that the graph writes as powers of degree above two, by the `node` of their layer: the layers become Chebyshev series on them */
  readonly intervals?: ReadonlyMap<number, Interval>
}

/** @throws UnsupportedTopologyError when values of different activations meet; UnapproximatedActivationError for an activation that is no polynomial */
export function fuse(graph: NetworkGraph, options: FuseOptions = {}): Network {
  return new Fuser(graph, options).run()
}

class Fuser {
  private readonly layers: Layer[] = []
  private readonly values: Value[] = []
  /** index of the last activation, -1 before the first */
  private last = -1
  /** what an activation of a node gives, so that two readers share it */
  private readonly activated = new Map<number, Affine>()

  constructor(
    private readonly graph: NetworkGraph,
    private readonly options: FuseOptions
  ) {}

  run(): Network {
    const { graph } = this
    graph.nodes.forEach((node, index) => {
      this.values.push(index === 0 ? this.inputValue() : this.step(node))
    })
    const output = this.values[graph.output]!
    const logits = degree(output.polynomial) > 1 ? this.activate(graph.output) : this.linear(output, graph.nodes[graph.output]!)
    if (logits.base !== this.last) {
      throw new UnsupportedTopologyError(
        graph.nodes[graph.output]!.name,
        'the output does not depend on the last activation',
        'remove unused layers'
      )
    }
    if (!isIdentityAffine(logits) || this.layers.length === 0) this.pushAffine(logits)
    return new Network(graph.name, inputShape(graph), this.layers, graph.final, graph.task)
  }

  private inputValue(): Value {
    const size = sizeOf(inputShape(this.graph))
    return { root: identityAffine(-1, size), polynomial: IDENTITY, names: [] }
  }

  private step(node: GraphNode): Value {
    const { operator } = node
    const first = this.values[node.inputs[0]!]!
    switch (operator.kind) {
      case 'input':
        throw new UnsupportedTopologyError(node.name, 'a second input', 'export a model with one input')
      case 'reshape':
        return first
      case 'scaleShift':
        return {
          ...first,
          polynomial: add(multiply(first.polynomial, [operator.scale]), [operator.shift]),
          names: [...first.names, node.name]
        }
      case 'power':
        return { ...first, polynomial: power(first.polynomial, operator.exponent), names: [...first.names, node.name] }
      case 'activation':
        throw new UnapproximatedActivationError(node.name, describeActivation(operator.function))
      case 'elementwise':
        throw this.unrecognised(node, operator)
      case 'polynomial':
        return this.polynomial(node, operator)
      case 'multiply': {
        const second = this.values[node.inputs[1]!]!
        if (first.root === second.root)
          return { ...first, polynomial: multiply(first.polynomial, second.polynomial), names: namesOf(first, second, node) }
        throw new UnsupportedTopologyError(node.name, 'a product of two different values', 'multiply a value by itself or by a constant')
      }
      case 'add':
      case 'subtract': {
        const second = this.values[node.inputs[1]!]!
        const factor = operator.kind === 'add' ? 1 : -1
        if (first.root === second.root)
          return { ...first, polynomial: add(first.polynomial, second.polynomial, factor), names: namesOf(first, second, node) }
        return this.sum(node, factor)
      }
      default:
        return { root: apply(operator, this.mixed(node.inputs[0]!), node), polynomial: IDENTITY, names: [] }
    }
  }

  private unrecognised(node: GraphNode, { expression }: Extract<GraphOperator, { kind: 'elementwise' }>): Error {
    const formula = describeExpression(expression)
    if (new Set(node.inputs).size === 1) return new UnapproximatedActivationError(node.name, formula)
    return new UnsupportedTopologyError(
      node.name,
      `${formula} of two different values`,
      'only sums and differences of different values are evaluated; use an activation of one value'
    )
  }

  private polynomial(node: GraphNode, operator: Extract<GraphOperator, { kind: 'polynomial' }>): Value {
    const [index] = node.inputs as readonly [number]
    if (operator.basis === 'power' || operator.coefficients.length <= 3) {
      const powers = operator.basis === 'power' ? operator.coefficients : powersOf(operator.coefficients, operator.interval)
      const inner = this.values[index]!
      const first = powers.length > 2 && degree(inner.polynomial) > 1 ? asValue(this.activate(index)) : inner
      return { ...first, polynomial: evaluateAt(powers, first.polynomial), names: [...first.names, node.name] }
    }
    const own = this.values.length
    return asValue(this.pushSeries({ name: node.name, node: own }, this.mixed(index), operator.coefficients, operator.interval))
  }

  /** Makes a layer of a Chebyshev series on an interval of the values of `root`. */
  private pushSeries(
    { name, node }: { readonly name: string; readonly node: number },
    root: Affine,
    coefficients: readonly Coefficient[],
    [a, b]: Interval,
    inner: SquareLayer['argument'] = { scale: 1, shift: 0 }
  ): Affine {
    this.checkOrder(name, root)
    const features = root.matrix.rows
    const [stretch, centre] = [2 / (b - a), (a + b) / 2]
    const before = scaleShift(root, stretch, -stretch * centre, name)
    const argument = {
      scale: each(inner.scale, value => stretch * value),
      shift: each(inner.shift, (value, feature) => value - centre / at(inner.scale, feature))
    }
    if (!isIdentityAffine(before)) this.pushAffine(before)
    this.layers.push({ kind: 'polynomial', name, node, features, basis: 'chebyshev', coefficients, argument })
    this.last++
    return identityAffine(this.last, features)
  }

  private checkOrder(name: string, root: Affine): void {
    if (root.base !== this.last) {
      throw new UnsupportedTopologyError(name, 'two activations side by side', 'let every activation follow the one before it')
    }
  }

  /** The value of a node as an affine map, after making an activation of it when it is not one already. */
  private mixed(index: number): Affine {
    const value = this.values[index]!
    return degree(value.polynomial) > 1 ? this.activate(index) : this.linear(value, this.graph.nodes[index]!)
  }

  private linear(value: Value, node: GraphNode): Affine {
    const { root, polynomial } = value
    if (isIdentity(polynomial)) return root
    return scaleShift(root, polynomial[1] ?? 0, polynomial[0]!, node.name)
  }

  private sum(node: GraphNode, factor: number): Value {
    const [left, right] = [this.mixed(node.inputs[0]!), this.mixed(node.inputs[1]!)]
    if (left.base !== right.base) {
      throw new UnsupportedTopologyError(
        node.name,
        'a sum of values from before and after an activation (a residual connection)',
        'remove the connection, or put it around linear layers only'
      )
    }
    const features = left.matrix.columns
    const branch = (affine: Affine): readonly LinearOperation[] =>
      affine.operations.length > 0 ? affine.operations : [{ kind: 'elementwise', features }]
    const root: Affine = {
      base: left.base,
      matrix: left.matrix.add(right.matrix, factor),
      bias: left.bias.map((value, row) => value + factor * right.bias[row]!),
      operations: [{ kind: 'sum', branches: [branch(left), branch(right)] }],
      names: [...left.names, ...right.names, node.name]
    }
    return { root, polynomial: IDENTITY, names: [] }
  }

  /** Makes a layer of p(root); returns its output as an affine map of that layer. */
  private activate(index: number): Affine {
    const known = this.activated.get(index)
    if (known) return known
    const { root, polynomial, names } = this.values[index]!
    const name = commonName(names, this.graph.nodes[index]!.name)
    this.checkOrder(name, root)
    const features = root.matrix.rows
    const interval = this.options.intervals?.get(index)
    const quadratic =
      degree(polynomial) === 2 && Array.from({ length: features }, (_, i) => at(polynomial[2]!, i)).every(value => value !== 0)
    let after: Affine
    if (quadratic) {
      const square = completeSquare(polynomial, features)
      const before = scaleShift(root, square.scale, square.offset, name)
      if (!isIdentityAffine(before)) this.pushAffine(before)
      const layer: SquareLayer = { kind: 'square', name, node: index, features, argument: { scale: square.scale, shift: square.shift } }
      this.layers.push(layer)
      this.last++
      after = scaleShift(identityAffine(this.last, features), square.sign, square.constant, name)
    } else after = this.pushPolynomial({ name, node: index }, root, polynomial, interval)
    this.activated.set(index, after)
    return after
  }

  /** Makes a layer of p(root), of degree above two: one polynomial for all features where that is possible, what makes them differ in the layers around it. */
  private pushPolynomial(
    identity: { readonly name: string; readonly node: number },
    root: Affine,
    polynomial: Polynomial,
    interval: Interval | undefined
  ): Affine {
    const { name, node } = identity
    const features = root.matrix.rows
    const common = commonPolynomial(polynomial, features)
    const { scale, shift, factor, constant } = common ?? { scale: 1, shift: 0, factor: 1, constant: 0 }
    const offset = typeof scale === 'number' ? scale * (shift as number) : scale.map((value, feature) => value * at(shift, feature))
    const before = scaleShift(root, scale, offset, name)
    let output: Affine
    if (interval) {
      const range = common ? argumentInterval(common, features, interval) : interval
      output = this.pushSeries(identity, before, seriesOf(common?.powers ?? polynomial, range), range, { scale, shift })
    } else {
      if (!isIdentityAffine(before)) this.pushAffine(before)
      this.layers.push({
        kind: 'polynomial',
        name,
        node,
        features,
        basis: 'power',
        coefficients: common?.powers ?? polynomial,
        argument: { scale, shift }
      })
      this.last++
      output = identityAffine(this.last, features)
    }
    return scaleShift(output, factor, constant, name)
  }

  private pushAffine(affine: Affine): void {
    const { matrix, bias, convolution } = affine
    const operations = affine.operations.length > 0 ? affine.operations : [{ kind: 'elementwise' as const, features: matrix.columns }]
    const name = affine.names.join('+') || 'identity'
    const layer: AffineLayer = { kind: 'affine', name, matrix, bias, operations }
    this.layers.push(convolution && affine.base === -1 ? { ...layer, convolution } : layer)
  }
}

const namesOf = (first: Value, second: Value, node: GraphNode): string[] => [...new Set([...first.names, ...second.names, node.name])]

const each = (coefficient: Coefficient, map: (value: number, feature: number) => number): Coefficient =>
  typeof coefficient === 'number' ? map(coefficient, 0) : coefficient.map(map)

const asValue = (root: Affine): Value => ({ root, polynomial: IDENTITY, names: [] })

/** Powers of x of a series on an interval, for each feature its own when the coefficients differ. */
const powersOf = (series: readonly Coefficient[], interval: Interval): Polynomial =>
  featurewise(series, coefficients => chebyshevToPower(coefficients, interval))

/** Chebyshev coefficients on an interval, for each feature its own when the powers differ. */
const seriesOf = (polynomial: Polynomial, interval: Interval): readonly Coefficient[] =>
  featurewise(polynomial, powers => powerToChebyshev(powers, interval))

/** A map of coefficients, done for every feature where they differ. */
function featurewise(coefficients: readonly Coefficient[], map: (coefficients: number[]) => ArrayLike<number>): Coefficient[] {
  const vector = coefficients.find(coefficient => typeof coefficient !== 'number')
  if (vector === undefined) return Array.from(map(coefficients as number[]))
  const features = (vector as Float64Array).length
  const out = coefficients.map(() => new Float64Array(features))
  for (let feature = 0; feature < features; feature++) {
    const mapped = map(coefficients.map(coefficient => at(coefficient, feature)))
    out.forEach((values, k) => {
      values[feature] = mapped[k] ?? 0
    })
  }
  return out
}

function completeSquare(polynomial: Polynomial, features: number) {
  const map = (formula: (c0: number, c1: number, c2: number) => number): Coefficient => {
    const uniform = polynomial.every(coefficient => typeof coefficient === 'number')
    const value = (index: number) => formula(at(polynomial[0]!, index), at(polynomial[1]!, index), at(polynomial[2]!, index))
    return uniform ? value(0) : Float64Array.from({ length: features }, (_, index) => value(index))
  }
  return {
    scale: map((_, __, c2) => Math.sqrt(Math.abs(c2))),
    shift: map((_, c1, c2) => c1 / (2 * c2)),
    offset: map((_, c1, c2) => (Math.sqrt(Math.abs(c2)) * c1) / (2 * c2)),
    sign: map((_, __, c2) => Math.sign(c2)),
    constant: map((c0, c1, c2) => c0 - (c1 * c1) / (4 * c2))
  }
}
