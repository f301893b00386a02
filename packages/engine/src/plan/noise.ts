/**
 * Noise of a program from public bounds alone, before anything is computed.
 *
 * Two views are taken and the smaller one counts. The evaluators' own rules bound every product by the largest |slot| of its factors. The *norm* view sums what a layer
 * does to errors over its features: an output Σ_j W_ij·x_j has, per slot,
 *
 *   σ² = ‖W_i‖²·σ_x² + ‖x‖²·σ_W²            (Δ's left out)
 *
 * with the row norm of the architecture and the input norm of its calibration; and when x = p(u) elementwise, p a square or another polynomial, the error of u arrives as ‖(W_ij·p'(u_j))_j‖·σ_u, the
 * measured gain, instead of max|p'(u)|·‖W_i‖·σ_u. Both are bounds of a standard deviation, not of a worst case; without them networks of many layers would seem to drown in
 * noise. For the logits there is a third view: what enters at every step, times the measured sensitivity of the logits to it. The runner lowers the tracked noise of every affine layer's result to what is found here (`claims`); measured noise stays below it in tests.
 */
import { type CiphertextMetadata, combineNoise, ERROR_SIGMA, type PlaintextMetadata, squarePairsState } from '@slytherin/ckks'
import { summedTerms } from '../steps/gains.js'
import { factorsOf, type OperandKind, refreshShares, rerandomizes } from '../steps/operands.js'
import { slopeBound } from '../steps/polynomial.js'
import type { CompiledAffine, CompiledPolynomial, CompiledSquare, CompiledStep, Program } from './program.js'

/** log2 of the error that the shares of a refresh leave: two errors per share. */
const refreshNoise = (shares: number): number => 0.5 * Math.log2(2 * shares * ERROR_SIGMA ** 2)

/** What is known of a ciphertext that flows. */
interface Flow {
  readonly metadata: CiphertextMetadata
  /** after an activation: the error of its argument apart from what came in since */
  readonly activation?: {
    /** log2 of the error that the argument's error makes per unit of the activation's derivative */
    readonly unit: number
    /** log2 of all other error */
    readonly rest: number
  }
}

type Factor = { readonly kind: 'encrypted'; readonly flow: Flow } | { readonly kind: 'clear'; readonly metadata: PlaintextMetadata }

export interface NoiseWalk {
  /** log2 of the error after every step, in the evaluator */
  readonly claims: readonly number[]
  /** the logits as they are switched, with what is added to them before */
  readonly sent: CiphertextMetadata
}

/** @param input level, scale and bound of the inputs */
export function walkNoise(program: Program, parties: number, input: PlaintextMetadata): NoiseWalk {
  return new Walk(program, parties).run(input)
}

class Walk {
  constructor(
    private readonly program: Program,
    private readonly parties: number
  ) {}

  run(input: PlaintextMetadata): NoiseWalk {
    let state = this.made(this.program.operands.data, input)
    const { steps } = this.program
    const claims = steps.map((step, index) => {
      let flow = this.step(step, state)
      if (index === steps.length - 1) flow = lowered(flow, this.throughout(input, flow.metadata.scale))
      state = { kind: 'encrypted', flow }
      return flow.metadata.noise
    })
    return { claims, sent: this.sent(encrypted(state)).metadata }
  }

  /**
   * log2 of the error of the logits as the sum of what enters at every step, each by its measured sensitivity; infinite when those are not known.
   * @param scale of the logits
   */
  private throughout(input: PlaintextMetadata, scale: number): number {
    const { architecture, steps, operands } = this.program
    const reach = (noise: number, from: number, sensitivity: number | undefined): number =>
      noise - Math.log2(from) + Math.log2(sensitivity ?? Number.POSITIVE_INFINITY)
    const parts: number[] = []
    let state = this.made(operands.data, input)
    if (state.kind === 'encrypted') parts.push(reach(state.flow.metadata.noise, input.scale, architecture.input.sensitivity))
    let sensitivity: number | undefined
    for (const step of steps) {
      if (step.kind !== 'refresh') sensitivity = architecture.layers[step.step.layer]!.sensitivity
      const flow = this.step(step, state.kind === 'clear' ? state : { kind: 'encrypted', flow: { metadata: silent(state.flow.metadata) } })
      parts.push(reach(flow.metadata.noise, flow.metadata.scale, sensitivity))
      state = { kind: 'encrypted', flow }
    }
    return combineNoise(...parts) + Math.log2(scale)
  }

  /** As key holders are sent it: with a fresh encryption of zero where operands or the number of parties call for it. */
  private sent(flow: Flow): Flow {
    const { noise, operands } = this.program
    if (!rerandomizes(this.parties, operands)) return flow
    return added(flow, noise.fresh(), this.encoding({ ...flow.metadata, magnitude: 0 }))
  }

  /** A factor as its owner makes it. */
  private made(kind: OperandKind, metadata: PlaintextMetadata): Factor {
    if (kind === 'clear') return { kind, metadata }
    const noise = combineNoise(this.program.noise.fresh(), this.encoding(metadata))
    return { kind, flow: { metadata: { ...metadata, degree: 1, noise } } }
  }

  private encoding(metadata: PlaintextMetadata): number {
    return this.program.noise.encoding(metadata.scale, metadata.magnitude)
  }

  private step(step: CompiledStep, state: Factor): Flow {
    const { parameters, operands } = this.program
    if (step.kind === 'refresh') {
      const flow = added(this.sent(encrypted(state)), refreshNoise(refreshShares(this.parties, operands)))
      return { ...flow, metadata: { ...flow.metadata, level: parameters.maxLevel } }
    }
    if (step.kind === 'square') return this.square(step, atLevel(encrypted(state), step.step.level))
    if (step.kind === 'polynomial') return this.polynomial(step, encrypted(state))
    const operand: Factor =
      state.kind === 'clear'
        ? { kind: 'clear', metadata: { ...state.metadata, level: step.step.level } }
        : { kind: 'encrypted', flow: atLevel(state.flow, step.step.level) }
    const result = this.rescaled(this.affine(step, operand), step.step.rescalings)
    const { level, scale } = result
    const bias = this.made(operands.weights, { level, scale, magnitude: step.layer.biasMagnitude * this.program.slotFactor })
    const biasNoise = bias.kind === 'encrypted' ? bias.flow.metadata.noise : this.encoding(bias.metadata)
    return added({ metadata: { ...result, magnitude: step.step.magnitude } }, biasNoise)
  }

  private rescaled(metadata: CiphertextMetadata, times: number): CiphertextMetadata {
    let result = metadata
    for (let dropped = 0; dropped < times; dropped++) result = this.program.rules.rescale(result)
    return result
  }

  private square(step: CompiledSquare, { metadata }: Flow): Flow {
    const { rules, parameters, packing } = this.program
    const { level, rescalings, magnitude } = step.step
    let product: CiphertextMetadata
    let unit: number
    if (packing === 'complex') {
      const { conjugate, square } = squarePairsState(rules, metadata, step.magnitudeIn / this.program.slotFactor)
      product = square
      // 2·scale for each half, and both halves of a slot have an error of their own in real and imaginary part
      unit = Math.log2(4 * metadata.scale) + conjugate.noise
    } else {
      product = rules.multiply('square', metadata, metadata, true)
      unit = Math.log2(metadata.scale) + metadata.noise
    }
    const whole = this.rescaled(rules.relinearize(product, undefined), rescalings)
    const rest = this.rescaled(rules.relinearize(silent(product), undefined), rescalings)
    for (let dropped = 0; dropped < rescalings; dropped++) unit -= parameters.primes[level - dropped]!.log2
    return { metadata: { ...whole, magnitude }, activation: { unit, rest: rest.noise } }
  }

  /** The error of its argument by the derivative, and its own. */
  private polynomial({ step, layer, magnitudeIn, noise: rest }: CompiledPolynomial, { metadata }: Flow): Flow {
    const { level, rescalings, scale, magnitude } = step
    const unit = metadata.noise + Math.log2(scale) - Math.log2(metadata.scale)
    const noise = combineNoise(rest, unit + Math.log2(slopeBound(layer, magnitudeIn / this.program.slotFactor)))
    return { metadata: { level: level - rescalings, scale, degree: 1, noise, magnitude }, activation: { unit, rest } }
  }

  /** Before rescaling. */
  private affine(step: CompiledAffine, state: Factor): CiphertextMetadata {
    const { rules, operands } = this.program
    const { layer } = step
    const weight = this.made(operands.weights, { level: step.step.level, scale: step.step.weightScale, magnitude: layer.weightMagnitude })
    const { packing } = step
    if (packing.kind === 'taps') {
      const product = this.product(state, weight)
      return this.relinearized({ ...product, noise: this.sum(step, state, weight, product) })
    }
    const turned = packing.babySteps > 1 && factorsOf(operands, step.step.layer).input === 'encrypted'
    const operand: Factor = turned ? { kind: 'encrypted', flow: this.turned(encrypted(state)) } : state
    const product = this.product(operand, weight)
    const relinearization = this.relinearized(silent(product)).noise
    const rotation = rules.automorphism('rotate', { ...silent(product), degree: 1 }, undefined).noise
    // each fold doubles the variance: what the whole sum has, divided among the folds
    const noise = this.sum(step, operand, weight, product) - 0.5 * packing.folds.length
    let sum: CiphertextMetadata = { ...product, degree: 1, noise }
    sum = { ...sum, noise: combineNoise(sum.noise, relinearization + 0.5 * Math.log2(packing.giantSteps)) }
    if (packing.giantSteps > 1) sum = { ...sum, noise: combineNoise(sum.noise, rotation + 0.5 * Math.log2(packing.giantSteps - 1)) }
    for (let fold = 0; fold < packing.folds.length; fold++) sum = { ...sum, noise: combineNoise(sum.noise + 0.5, rotation) }
    return sum
  }

  private turned(flow: Flow): Flow {
    const { rules } = this.program
    const rotation = rules.automorphism('rotate', silent(flow.metadata), undefined).noise
    return added(flow, rotation)
  }

  /** log2 of the error of the whole sum of products, folds included: the smaller one of the two views. */
  private sum(step: CompiledAffine, x: Factor, weight: Factor, product: CiphertextMetadata): number {
    const { layer } = step
    const terms = summedTerms(step.packing)
    const bounded = product.noise + 0.5 * Math.log2(terms)
    const input = step.kind === 'taps' ? (layer.norms?.window ?? layer.norms?.input) : layer.norms?.input
    const parts: number[] = []
    if (x.kind === 'encrypted') {
      const { metadata, activation } = x.flow
      const weightBits = Math.log2(step.step.weightScale)
      const row = weightBits + Math.log2(layer.rowNorm ?? layer.weightMagnitude * Math.sqrt(terms))
      const gain = layer.norms?.gain
      if (activation && gain !== undefined) parts.push(row + activation.rest, weightBits + Math.log2(gain) + activation.unit)
      else parts.push(row + metadata.noise)
    }
    const { scale } = x.kind === 'encrypted' ? x.flow.metadata : x.metadata
    const magnitude = input === undefined ? step.magnitudeIn * Math.sqrt(terms) : input * this.program.slotFactor
    const weightNoise = weight.kind === 'encrypted' ? weight.flow.metadata.noise : this.encoding(weight.metadata)
    parts.push(Math.log2(scale) + Math.log2(magnitude) + weightNoise)
    const both = this.crossNoise(x, weight, terms)
    return Math.min(bounded, combineNoise(...parts, both))
  }

  /** Error times error. */
  private crossNoise(x: Factor, weight: Factor, terms: number): number {
    const noiseOf = (factor: Factor): number => (factor.kind === 'encrypted' ? factor.flow.metadata.noise : this.encoding(factor.metadata))
    return 0.5 * (this.program.parameters.logN + Math.log2(terms)) + noiseOf(x) + noiseOf(weight)
  }

  private product(a: Factor, b: Factor): CiphertextMetadata {
    const { rules } = this.program
    if (a.kind === 'clear') return rules.multiplyPlain('product', encrypted(b).metadata, a.metadata)
    return b.kind === 'clear'
      ? rules.multiplyPlain('product', a.flow.metadata, b.metadata)
      : rules.multiply('product', a.flow.metadata, b.flow.metadata, false)
  }

  private relinearized(product: CiphertextMetadata): CiphertextMetadata {
    return product.degree === 1 ? product : this.program.rules.relinearize(product, undefined)
  }
}

const lowered = (flow: Flow, noise: number): Flow => (flow.metadata.noise <= noise ? flow : { metadata: { ...flow.metadata, noise } })

const silent = (metadata: CiphertextMetadata): CiphertextMetadata => ({ ...metadata, noise: Number.NEGATIVE_INFINITY })

const atLevel = (flow: Flow, level: number): Flow => ({ ...flow, metadata: { ...flow.metadata, level } })

/** Independent errors come in. */
function added(flow: Flow, ...noises: number[]): Flow {
  const metadata = { ...flow.metadata, noise: combineNoise(flow.metadata.noise, ...noises) }
  if (!flow.activation) return { metadata }
  return { metadata, activation: { ...flow.activation, rest: combineNoise(flow.activation.rest, ...noises) } }
}

function encrypted(factor: Factor): Flow {
  if (factor.kind === 'clear') throw new RangeError('both factors are clear')
  return factor.flow
}
