/**
 * Fusing: every run of linear operators becomes one affine layer, every activation a polynomial of such a layer's output.
 *
 * A value of the graph is followed as p(Σ A_k·x_k + c): x_k outputs of activations and products (or the input), Σ A_k·x_k + c the output of the last operator that mixes
 * elements, p a polynomial applied element by element. Element-wise operators change p, mixing operators change A_k and c; a mixing operator that meets a p of degree two
 * or more makes an activation of it. So BatchNormalization, constants and Horner chains vanish, wherever they stand.
 *
 * Branches that meet are one map of several values: a residual sum has a term for each of its sides, a concatenation one for each of its parts, and whatever linear
 * operator follows is composed with every term. A sum whose result has been made for an activation, and is read again (a residual connection around normalised
 * activations), is taken from there instead of being computed twice.
 *
 * A quadratic c₂u² + c₁u + c₀ is exactly  sign(c₂)·(s·(u + h))² + k  with s = √|c₂|, h = c₁/(2c₂), k = c₀ - c₁²/(4c₂):
 * s and h go into the layer before, sign and k into the layer after, and the activation is a pure square.
 *
 * A polynomial of higher degree is one for all features where normalisations around it are all that makes them differ (`common-polynomial.ts`). One that is meant for an interval becomes a Chebyshev series on [-1, 1]; the map of the interval to [-1, 1] goes into the layer before.
 */

import { readsOf } from '../architecture/values.js'
import { UnapproximatedActivationError, UnsupportedTopologyError } from '../errors.js'
import { sizeOf } from '../graph/geometry.js'
import { type GraphNode, type GraphOperator, inputShape, type NetworkGraph } from '../graph/graph.js'
import { commonName } from '../graph/names.js'
import { describeActivation } from '../numeric/activation-functions.js'
import type { Interval } from '../numeric/chebyshev.js'
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
import { type Affine, apply, factorsOnly, identityAffine, isIdentityAffine, mixes, scaleShift, sumOf } from './affine-map.js'
import { completeSquare, powersOf, seriesOf } from './featurewise.js'
import { type ActivationLayer, type Layer, Network, outputsOf, type PolynomialLayer, type SquareLayer } from './network.js'
import { reading, withoutDead } from './without-dead.js'

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

/** @throws UnsupportedTopologyError for a second input and for functions of several values; UnapproximatedActivationError for an activation that is no polynomial */
export function fuse(graph: NetworkGraph, options: FuseOptions = {}): Network {
  return new Fuser(graph, options).run()
}

class Fuser {
  private readonly layers: Layer[] = []
  private readonly values: Value[] = []
  /** maps that are the result of a layer up to factors and shifts: how they follow from it */
  private readonly made = new Map<Affine, Affine>()
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
    const logits = this.mixed(graph.output)
    let [{ base }] = logits.terms
    if (!isIdentityAffine(logits) || base === 0) base = this.pushAffine(logits)
    return new Network(graph.name, inputShape(graph), withoutDead(this.layers, base), graph.final, graph.task, graph)
  }

  private inputValue(): Value {
    const size = sizeOf(inputShape(this.graph))
    return { root: identityAffine(0, size), polynomial: IDENTITY, names: [] }
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
        return this.product(node)
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
      'only sums, differences and products of different values are evaluated; use an activation of one value'
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
    const output = this.pushSeries({ name: node.name, node: own }, this.mixed(index), operator.coefficients, operator.interval)
    const { root, polynomial } = this.values[index]!
    if (degree(polynomial) <= 1) this.remember(root, polynomial)
    return asValue(output)
  }

  /** Makes a layer of a Chebyshev series on an interval of the values of `root`. */
  private pushSeries(
    { name, node }: { readonly name: string; readonly node: number },
    root: Affine,
    coefficients: readonly Coefficient[],
    [a, b]: Interval,
    inner: SquareLayer['argument'] = { scale: 1, shift: 0 }
  ): Affine {
    const features = root.bias.length
    const [stretch, centre] = [2 / (b - a), (a + b) / 2]
    const before = scaleShift(root, stretch, -stretch * centre, name)
    const argument = {
      scale: each(inner.scale, value => stretch * value),
      shift: each(inner.shift, (value, feature) => value - centre / at(inner.scale, feature))
    }
    return this.push({ kind: 'polynomial', name, node, features, basis: 'chebyshev', coefficients, argument }, [this.valueOf(before)])
  }

  /** The value of a node as an affine map, after making an activation of it when it is not one already. */
  private mixed(index: number): Affine {
    const value = this.values[index]!
    return degree(value.polynomial) > 1 ? this.activate(index) : this.linear(value, this.graph.nodes[index]!, value.root.terms.length > 1)
  }

  /** The same where branches meet. */
  private branch(index: number): Affine {
    const value = this.values[index]!
    return degree(value.polynomial) > 1 ? this.activate(index) : this.linear(value, this.graph.nodes[index]!, true)
  }

  /** @param again from the layer that has been made of it, if one has */
  private linear({ root, polynomial }: Value, node: GraphNode, again: boolean): Affine {
    const from = (again ? this.made.get(root) : undefined) ?? root
    return isIdentity(polynomial) ? from : scaleShift(from, polynomial[1] ?? 0, polynomial[0]!, node.name)
  }

  private sum(node: GraphNode, factor: number): Value {
    return asValue(sumOf(this.branch(node.inputs[0]!), this.branch(node.inputs[1]!), factor, node.name))
  }

  /** x·y, element by element; factors of either are left to what follows. */
  private product(node: GraphNode): Value {
    const [left, right] = node.inputs.map(input => this.operand(input)) as [Operand, Operand]
    const features = left.factors.length
    const { name } = node
    const reads = [left.value, right.value].sort((a, b) => b - a)
    const output =
      left.value === right.value
        ? this.push({ kind: 'square', name, node: this.values.length, features, argument: { scale: 1, shift: 0 } }, [left.value])
        : this.push({ kind: 'product', name, reads, features }, reads)
    const factors = left.factors.map((factor, feature) => factor * right.factors[feature]!)
    const [common = 1] = factors
    return asValue(scaleShift(output, factors.every(factor => factor === common) ? common : factors, 0, name))
  }

  /** A value that a layer gives, and the factors that are missing to that of the node. */
  private operand(index: number): Operand {
    const affine = this.branch(index)
    const known = factorsOnly(affine)
    if (known) return { value: known.base, factors: known.factors }
    const value = this.pushAffine(affine)
    const { root, polynomial } = this.values[index]!
    if (degree(polynomial) <= 1) this.record(root, value, polynomial, { scale: 1, shift: 0 })
    return { value, factors: new Float64Array(affine.bias.length).fill(1) }
  }

  /** What the newest layer, an activation of p(root), reads can be read again as root. @param polynomial p, of degree one */
  private remember(root: Affine, polynomial: Polynomial): void {
    const index = this.layers.length - 1
    const layer = this.layers[index] as ActivationLayer
    this.record(root, readsOf(layer, index)[0]!, polynomial, layer.argument)
  }

  /** Value = scale·(p(root) + shift). */
  private record(root: Affine, value: number, [p0, p1]: Polynomial, { scale, shift }: ActivationLayer['argument']): void {
    const features = root.bias.length
    const factors = Float64Array.from({ length: features }, (_, feature) => at(scale, feature) * at(p1 ?? 0, feature))
    if (!mixes(root) || this.made.has(root) || factors.includes(0)) return
    const constant = factors.map((_, feature) => -(at(shift, feature) + at(p0!, feature)) / at(p1!, feature))
    const inverse = factors.map(factor => 1 / factor)
    this.made.set(root, scaleShift(identityAffine(value, features), inverse, constant, root.names.at(-1) ?? 'identity'))
  }

  /** Makes a layer of p(root); returns its output as an affine map of that layer. */
  private activate(index: number): Affine {
    const known = this.activated.get(index)
    if (known) return known
    const { root, polynomial, names } = this.values[index]!
    const name = commonName(names, this.graph.nodes[index]!.name)
    const features = root.bias.length
    const interval = this.options.intervals?.get(index)
    const quadratic =
      degree(polynomial) === 2 && Array.from({ length: features }, (_, i) => at(polynomial[2]!, i)).every(value => value !== 0)
    let after: Affine
    if (quadratic) {
      const square = completeSquare(polynomial, features)
      const before = scaleShift(root, square.scale, square.offset, name)
      const layer: SquareLayer = { kind: 'square', name, node: index, features, argument: { scale: square.scale, shift: square.shift } }
      after = scaleShift(this.push(layer, [this.valueOf(before)]), square.sign, square.constant, name)
    } else after = this.pushPolynomial({ name, node: index }, root, polynomial, interval)
    this.remember(root, IDENTITY)
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
    const features = root.bias.length
    const common = commonPolynomial(polynomial, features)
    const { scale, shift, factor, constant } = common ?? { scale: 1, shift: 0, factor: 1, constant: 0 }
    const offset = typeof scale === 'number' ? scale * (shift as number) : scale.map((value, feature) => value * at(shift, feature))
    const before = scaleShift(root, scale, offset, name)
    let output: Affine
    if (interval) {
      const range = common ? argumentInterval(common, features, interval) : interval
      output = this.pushSeries(identity, before, seriesOf(common?.powers ?? polynomial, range), range, { scale, shift })
    } else {
      const coefficients = common?.powers ?? polynomial
      const layer: PolynomialLayer = { kind: 'polynomial', name, node, features, basis: 'power', coefficients, argument: { scale, shift } }
      output = this.push(layer, [this.valueOf(before)])
    }
    return scaleShift(output, factor, constant, name)
  }

  /** The value that a map is, after making a layer of it unless it is one already. */
  private valueOf(affine: Affine): number {
    return isIdentityAffine(affine) ? affine.terms[0].base : this.pushAffine(affine)
  }

  private pushAffine({ terms, bias, names, convolution }: Affine): number {
    const parts = terms.map(({ matrix, operations }) => ({
      matrix,
      operations: operations.length > 0 ? operations : [{ kind: 'elementwise' as const, features: matrix.columns }]
    }))
    const reads = terms.map(({ base }) => base)
    const name = names.join('+') || 'identity'
    if (parts.length > 1) this.push({ kind: 'sum', name, reads, parts, bias }, reads)
    else {
      const { matrix, operations } = parts[0]!
      const first = this.layers.length === 0 && convolution !== undefined
      this.push({ kind: 'affine', name, matrix, bias, operations, ...(first ? { convolution } : {}) }, reads)
    }
    return this.layers.length
  }

  /** Adds a layer; returns its result. */
  private push(layer: Layer, reads: readonly number[]): Affine {
    this.layers.push(reading(layer, reads, this.layers.length))
    return identityAffine(this.layers.length, outputsOf(layer))
  }
}

interface Operand {
  readonly value: number
  readonly factors: Float64Array
}

const namesOf = (first: Value, second: Value, node: GraphNode): string[] => [...new Set([...first.names, ...second.names, node.name])]

const each = (coefficient: Coefficient, map: (value: number, feature: number) => number): Coefficient =>
  typeof coefficient === 'number' ? map(coefficient, 0) : coefficient.map(map)

const asValue = (root: Affine): Value => ({ root, polynomial: IDENTITY, names: [] })
