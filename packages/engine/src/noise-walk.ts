/**
 * Noise of the result from the metadata alone: the rules of the evaluators applied to one representative of every sum, counted as often as it is added. It is never
 * below what an evaluator tracks when it runs the program.
 */
import { type CiphertextMetadata, combineNoise, ERROR_SIGMA, type PlaintextMetadata } from '@slytherin/ckks'
import { factorsOf, type OperandKind, refreshShares, rerandomizes } from './operands.js'
import type { CompiledAffine, CompiledStep, Program } from './program.js'

/** log2 of the error that the shares of a refresh leave: two errors per share. */
const refreshNoise = (shares: number): number => 0.5 * Math.log2(2 * shares * ERROR_SIGMA ** 2)

type Factor =
  | { readonly kind: 'encrypted'; readonly metadata: CiphertextMetadata }
  | { readonly kind: 'clear'; readonly metadata: PlaintextMetadata }

/** @returns the metadata of the ciphertexts after each step; the last one's are the logits', as they are switched */
export function walkNoise(program: Program, parties: number, input: PlaintextMetadata): CiphertextMetadata[] {
  return new Walk(program, parties).run(input)
}

class Walk {
  constructor(
    private readonly program: Program,
    private readonly parties: number
  ) {}

  run(input: PlaintextMetadata): CiphertextMetadata[] {
    let state = this.made(this.program.operands.data, input)
    const { steps } = this.program
    return steps.map((step, index) => {
      const metadata = this.step(step, state)
      state = { kind: 'encrypted', metadata }
      return index === steps.length - 1 ? this.sent(metadata) : metadata
    })
  }

  /** As key holders are sent it: with a fresh encryption of zero where operands or the number of parties call for it. */
  private sent(metadata: CiphertextMetadata): CiphertextMetadata {
    const { noise, operands } = this.program
    if (!rerandomizes(this.parties, operands)) return metadata
    return added(metadata, noise.fresh(), this.encoding({ ...metadata, magnitude: 0 }))
  }

  /** A factor as its owner makes it. */
  private made(kind: OperandKind, metadata: PlaintextMetadata): Factor {
    if (kind === 'clear') return { kind, metadata }
    return { kind, metadata: { ...metadata, degree: 1, noise: combineNoise(this.program.noise.fresh(), this.encoding(metadata)) } }
  }

  private encoding(metadata: PlaintextMetadata): number {
    return this.program.noise.encoding(metadata.scale, metadata.magnitude)
  }

  private step(step: CompiledStep, state: Factor): CiphertextMetadata {
    const { rules, parameters, operands } = this.program
    const { level } = step.step
    if (step.kind === 'refresh') {
      const noise = refreshNoise(refreshShares(this.parties, operands))
      return { ...added(this.sent(encrypted(state)), noise), level: parameters.maxLevel }
    }
    let result: CiphertextMetadata
    if (step.kind === 'square') {
      const operand = { ...encrypted(state), level }
      result = rules.relinearize(rules.multiply('square', operand, operand, true), undefined)
    } else result = this.affine(step, { ...state, metadata: { ...state.metadata, level } } as Factor)
    for (let dropped = 0; dropped < step.step.rescalings; dropped++) result = rules.rescale(result)
    result = { ...result, magnitude: step.step.magnitude }
    if (step.kind === 'square') return result
    const bias = this.made(operands.weights, { level: result.level, scale: result.scale, magnitude: step.layer.biasMagnitude })
    return added(result, bias.kind === 'encrypted' ? bias.metadata.noise : this.encoding(bias.metadata))
  }

  private affine(step: CompiledAffine, state: Factor): CiphertextMetadata {
    const { rules } = this.program
    const { level, weightScale } = step.step
    const weight = this.made(this.program.operands.weights, { level, scale: weightScale, magnitude: step.layer.weightMagnitude })
    if (step.kind === 'taps') {
      const product = this.product(state, weight)
      return this.relinearized({ ...product, noise: product.noise + 0.5 * Math.log2(step.packing.taps) })
    }
    const { packing } = step
    const turned = packing.babySteps > 1 && factorsOf(this.program.operands, step.step.layer).input === 'encrypted'
    const operand: Factor = turned ? { kind: 'encrypted', metadata: rules.automorphism('rotate', encrypted(state), undefined) } : state
    const product = this.product(operand, weight)
    const terms = Math.ceil(packing.products / packing.outputBlocks)
    const silent = { ...product, noise: Number.NEGATIVE_INFINITY }
    const relinearization = this.relinearized(silent).noise
    const rotation = rules.automorphism('rotate', { ...silent, degree: 1 }, undefined).noise
    let sum: CiphertextMetadata = { ...product, degree: 1, noise: product.noise + 0.5 * Math.log2(terms) }
    sum = added(sum, relinearization + 0.5 * Math.log2(packing.giantSteps))
    if (packing.giantSteps > 1) sum = added(sum, rotation + 0.5 * Math.log2(packing.giantSteps - 1))
    for (let fold = 0; fold < packing.folds.length; fold++) sum = added(sum, sum.noise, rotation)
    return sum
  }

  private product(a: Factor, b: Factor): CiphertextMetadata {
    const { rules } = this.program
    if (a.kind === 'clear') return rules.multiplyPlain('product', encrypted(b), a.metadata)
    return b.kind === 'clear'
      ? rules.multiplyPlain('product', a.metadata, b.metadata)
      : rules.multiply('product', a.metadata, b.metadata, false)
  }

  private relinearized(product: CiphertextMetadata): CiphertextMetadata {
    return product.degree === 1 ? product : this.program.rules.relinearize(product, undefined)
  }
}

const added = (state: CiphertextMetadata, ...noises: number[]): CiphertextMetadata => ({
  ...state,
  noise: combineNoise(state.noise, ...noises)
})

function encrypted(factor: Factor): CiphertextMetadata {
  if (factor.kind === 'clear') throw new RangeError('both factors are clear')
  return factor.metadata
}
