/**
 * A plan compiled: parameters, packing and exact scales of every step, order of the weights. Compiling checks every rule that a plan must keep, so that a plan from
 * another party is as good as one's own.
 */
import {
  type CiphertextMetadata,
  CkksError,
  conjugationElement,
  EvaluationRules,
  galoisElementOf,
  NoiseModel,
  PAIR_SQUARE_SCALE,
  Parameters
} from '@slytherin/ckks'
import type { AffineArchitecture, PolynomialArchitecture } from '../architecture/architecture.js'
import { parseArchitecture } from '../architecture/architecture.js'
import { patternOnce } from '../architecture/linear-operations.js'
import { InvalidPlanError } from '../errors.js'
import { DiagonalsPacking, fullDiagonals, presentOnce, rowPeriod } from '../packing/diagonals.js'
import { chunkDiagonals, chunkedLayout, type Layout, sequentialLayout } from '../packing/layout.js'
import { type SlotPacking, samplesPerSlot, slotFactor, smallestBlock } from '../packing/slots.js'
import { TapsPacking } from '../packing/taps.js'
import { bothEncrypted, factorsOf, type Operands, refreshShares } from '../steps/operands.js'
import { depthOfLayer, traceStep } from '../steps/polynomial.js'
import { minimumRefreshLevel } from '../steps/refresh.js'
import type {
  DiagonalsStep,
  GaloisKeyNeed,
  PlanCore,
  PlanStep,
  PolynomialStep,
  RefreshStep,
  SquareStep,
  TapsStep,
  WeightDescriptor
} from './plan.js'

interface Common {
  readonly index: number
  readonly name: string
  /** scale and bound on |slot| of the operands, at the step's level */
  readonly scaleIn: number
  readonly magnitudeIn: number
  readonly blocksIn: number
  readonly blocksOut: number
}

export interface CompiledTaps extends Common {
  readonly kind: 'taps'
  readonly step: TapsStep
  readonly layer: AffineArchitecture
  readonly packing: TapsPacking
  readonly firstWeight: number
}

export interface CompiledDiagonals extends Common {
  readonly kind: 'diagonals'
  readonly step: DiagonalsStep
  readonly layer: AffineArchitecture
  readonly packing: DiagonalsPacking
  readonly firstWeight: number
}

export interface CompiledSquare extends Common {
  readonly kind: 'square'
  readonly step: SquareStep
}

export interface CompiledPolynomial extends Common {
  readonly kind: 'polynomial'
  readonly step: PolynomialStep
  readonly layer: PolynomialArchitecture
  /** log2 of the error that the evaluation adds to its argument's */
  readonly noise: number
}

export interface CompiledRefresh extends Common {
  readonly kind: 'refresh'
  readonly step: RefreshStep
}

export type CompiledStep = CompiledTaps | CompiledDiagonals | CompiledSquare | CompiledPolynomial | CompiledRefresh
export type CompiledAffine = CompiledTaps | CompiledDiagonals

export interface Program {
  readonly parameters: Parameters
  readonly rules: EvaluationRules
  readonly noise: NoiseModel
  readonly operands: Operands
  readonly architecture: PlanCore['architecture']
  readonly packing: SlotPacking
  /** bound on |slot| relative to the architecture's bounds on values */
  readonly slotFactor: number
  /** slots per position: samples of a batch block, or half of them where a slot holds two */
  readonly stride: number
  /** positions per block: slots / stride */
  readonly width: number
  readonly steps: readonly CompiledStep[]
  readonly inputsPerBlock: number
  /** what each position of input `index` of a batch block holds */
  inputFeatures(index: number): Int32Array
  readonly weights: readonly WeightDescriptor[]
  /** ascending by element, each with the highest level at which a step uses it */
  readonly galoisKeys: readonly GaloisKeyNeed[]
  /** highest level at which a step relinearises; null when none does */
  readonly relinearizationLevel: number | null
  readonly output: { readonly layout: Layout; readonly level: number; readonly scale: number; readonly magnitude: number }
}

/** Bits between message and modulus: the sign. */
const HEADROOM_BITS = 1
/** The encoder makes integers below 2^98; scale and bound of what is encoded stay a bit below. */
export const ENCODABLE_BITS = 97

export interface CompileOptions {
  /** accept parameters below the security table (unit tests) */
  readonly allowInsecure?: boolean
}

/** @throws InvalidPlanError, InvalidArchitectureError, and the errors of `Parameters.fromJSON` */
export function compile(core: PlanCore, options: CompileOptions = {}): Program {
  const architecture = parseArchitecture(core.architecture)
  const parameters = Parameters.fromJSON(core.parameters, { allowInsecure: options.allowInsecure ?? false })
  const noise = new NoiseModel(parameters, core.parties)
  const rules = new EvaluationRules(parameters, noise, 'positive')
  const { batchBlock, operands, packing } = core
  if (operands.data === 'clear' && operands.weights === 'clear') throw new InvalidPlanError('operands', 'nothing is encrypted')
  const [smallest, largest] = [smallestBlock(packing), parameters.slots * samplesPerSlot(packing)]
  if (!Number.isInteger(Math.log2(batchBlock)) || batchBlock < smallest || batchBlock > largest) {
    throw new InvalidPlanError('batchBlock', `${batchBlock} is not a power of two from ${smallest} to ${largest}`)
  }
  return new Compiler(core, architecture, parameters, rules, noise).run()
}

class Compiler {
  private readonly stride: number
  private readonly width: number
  private readonly slotFactor: number
  private readonly steps: CompiledStep[] = []
  private readonly weights: WeightDescriptor[] = []
  /** level by Galois element */
  private readonly galoisLevels = new Map<number, number>()
  private relinearizationLevel: number | null = null
  private layout: Layout | undefined
  /** rows and diagonals that the next layer must use, when the layout was made for it */
  private chunk: { readonly rows: number; readonly diagonals: number } | undefined
  private level: number
  private scale: number
  private magnitude: number
  private nextLayer = 0

  constructor(
    private readonly core: PlanCore,
    private readonly architecture: PlanCore['architecture'],
    private readonly parameters: Parameters,
    private readonly rules: EvaluationRules,
    private readonly noise: NoiseModel
  ) {
    this.stride = core.batchBlock / samplesPerSlot(core.packing)
    this.width = parameters.slots / this.stride
    this.slotFactor = slotFactor(core.packing)
    this.level = core.inputLevel
    this.scale = core.inputScale
    this.magnitude = architecture.input.magnitude * this.slotFactor
    if (this.level > parameters.maxLevel)
      throw new InvalidPlanError('inputs.level', `${this.level} is above the top level ${parameters.maxLevel}`)
    this.checkFits('inputs.scale', this.level, this.scale, this.magnitude)
    this.checkEncodable('inputs.scale', this.scale, this.magnitude)
  }

  run(): Program {
    const { core, architecture } = this
    core.steps.forEach((step, index) => {
      this.steps.push(this.compileStep(step, index))
    })
    if (this.nextLayer !== architecture.layers.length) {
      throw new InvalidPlanError('steps', `end after ${this.nextLayer} of ${architecture.layers.length} layers`)
    }
    const first = this.steps[0]!
    return {
      parameters: this.parameters,
      rules: this.rules,
      noise: this.noise,
      operands: core.operands,
      architecture,
      packing: core.packing,
      slotFactor: this.slotFactor,
      stride: this.stride,
      width: this.width,
      steps: this.steps,
      ...inputsOf(first, architecture, this.width, core.operands),
      weights: this.weights,
      galoisKeys: [...this.galoisLevels].map(([element, level]) => ({ element, level })).sort((a, b) => a.element - b.element),
      relinearizationLevel: this.relinearizationLevel,
      output: { layout: this.layout!, level: this.level, scale: this.scale, magnitude: this.magnitude }
    }
  }

  private compileStep(step: PlanStep, index: number): CompiledStep {
    const path = `steps.${index}`
    if (step.level > this.level) throw new InvalidPlanError(`${path}.level`, `${step.level}, but its operand is at level ${this.level}`)
    if (step.kind === 'refresh') return this.compileRefresh(step, index, path)
    const layer = this.architecture.layers[step.layer]
    if (step.layer !== this.nextLayer || !layer) throw new InvalidPlanError(`${path}.layer`, `${step.layer}, expected ${this.nextLayer}`)
    this.nextLayer++
    if (step.rescalings > step.level) throw new InvalidPlanError(`${path}.rescalings`, `${step.rescalings} at level ${step.level}`)
    const magnitude = layer.outputMagnitude * this.slotFactor
    if (step.magnitude !== magnitude) {
      throw new InvalidPlanError(`${path}.magnitude`, `${step.magnitude}, the architecture says ${magnitude}`)
    }
    const before = { index, name: layer.name, scaleIn: this.scale, magnitudeIn: this.magnitude }
    if (step.kind === 'square') {
      if (layer.kind !== 'square') throw new InvalidPlanError(path, `a square for the ${layer.kind} layer '${layer.name}'`)
      this.layout ??= sequentialLayout(layer.features, this.width)
      const blocks = this.layout.blocks.length
      const paired = this.core.packing === 'complex'
      this.advance(path, step, this.scale * this.scale * (paired ? PAIR_SQUARE_SCALE : 1))
      this.needRelinearization(step.level)
      if (paired) this.needGaloisKey(conjugationElement(this.parameters.N), step.level)
      return { ...before, kind: 'square', step, blocksIn: blocks, blocksOut: blocks }
    }
    if (step.kind === 'polynomial') {
      if (layer.kind !== 'polynomial') throw new InvalidPlanError(path, `a polynomial for the ${layer.kind} layer '${layer.name}'`)
      this.layout ??= sequentialLayout(layer.features, this.width)
      const blocks = this.layout.blocks.length
      const noise = this.polynomial(path, step, layer)
      this.needRelinearization(step.level)
      if (this.core.packing === 'complex') this.needGaloisKey(conjugationElement(this.parameters.N), step.level)
      return { ...before, kind: 'polynomial', step, layer, noise, blocksIn: blocks, blocksOut: blocks }
    }
    if (layer.kind !== 'affine') throw new InvalidPlanError(path, `${step.kind} for the ${layer.kind} layer '${layer.name}'`)
    const firstWeight = this.weights.length
    if (step.kind === 'taps') {
      const packing = this.tapsPacking(step, layer, path)
      const blocksOut = packing.outputBlocks
      this.affine(step, layer, path, packing.items)
      this.layout = packing.output
      return { ...before, kind: 'taps', step, layer, packing, firstWeight, blocksIn: blocksOut, blocksOut }
    }
    const packing = this.diagonalsPacking(step, layer, path)
    this.affine(step, layer, path, packing.items)
    for (const rotation of packing.rotations(factorsOf(this.core.operands, step.layer).input))
      this.needGaloisKey(galoisElementOf(rotation * this.stride, this.parameters.N), step.level)
    this.layout = packing.output
    this.chunk = undefined
    return {
      ...before,
      kind: 'diagonals',
      step,
      layer,
      packing,
      firstWeight,
      blocksIn: packing.inputBlocks,
      blocksOut: packing.outputBlocks
    }
  }

  /** Rotates or conjugates ciphertexts of this level. */
  private needGaloisKey(element: number, level: number): void {
    this.galoisLevels.set(element, Math.max(level, this.galoisLevels.get(element) ?? 0))
  }

  /** Relinearises products of this level. */
  private needRelinearization(level: number): void {
    this.relinearizationLevel = Math.max(level, this.relinearizationLevel ?? 0)
  }

  private tapsPacking(step: TapsStep, layer: AffineArchitecture, path: string): TapsPacking {
    if (step.layer !== 0 || !layer.convolution) throw new InvalidPlanError(path, `layer '${layer.name}' is not a convolution of the input`)
    if (step.arrangement.kind === 'chunks') {
      const { rows, diagonals } = step.arrangement
      if (chunkDiagonals(layer.outputs, this.width, rows) !== diagonals)
        throw new InvalidPlanError(`${path}.arrangement`, 'chunks that do not fit')
      this.chunk = { rows, diagonals }
    }
    return new TapsPacking(layer.convolution, this.width, step.arrangement)
  }

  private diagonalsPacking(step: DiagonalsStep, layer: AffineArchitecture, path: string): DiagonalsPacking {
    const rows = rowPeriod(layer.outputs, this.width)
    if (step.chunked) {
      if (step.layer !== 0) throw new InvalidPlanError(`${path}.chunked`, 'only the input can be laid out in chunks')
      const diagonals = chunkDiagonals(layer.inputs, this.width, rows)
      if (diagonals === undefined) throw new InvalidPlanError(`${path}.chunked`, 'the input does not fit one block')
      this.layout = chunkedLayout(layer.inputs, this.width, rows, diagonals)
      this.chunk = { rows, diagonals }
    }
    this.layout ??= sequentialLayout(layer.inputs, this.width)
    if (this.chunk && this.chunk.rows !== rows) throw new InvalidPlanError(path, `a layout made for ${this.chunk.rows} rows, not ${rows}`)
    const diagonals = this.chunk?.diagonals ?? fullDiagonals(layer.outputs, this.layout)
    if (step.diagonals !== diagonals) throw new InvalidPlanError(`${path}.diagonals`, `${step.diagonals}, expected ${diagonals}`)
    if (step.babySteps > diagonals) throw new InvalidPlanError(`${path}.babySteps`, `${step.babySteps} of ${diagonals} diagonals`)
    const pattern = patternOnce(layer.operations)
    const present = pattern && presentOnce(pattern, this.layout, diagonals)
    return new DiagonalsPacking({ outputs: layer.outputs, input: this.layout, diagonals, babySteps: step.babySteps, present })
  }

  /** Scales and weight descriptors of an affine step. */
  private affine(
    step: TapsStep | DiagonalsStep,
    layer: AffineArchitecture,
    path: string,
    items: readonly { readonly kind: string }[]
  ): void {
    this.checkFits(`${path}.weightScale`, step.level, step.weightScale, layer.weightMagnitude)
    this.advance(path, step, this.scale * step.weightScale)
    this.checkEncodable(`${path}.weightScale`, step.weightScale, layer.weightMagnitude)
    const biasMagnitude = layer.biasMagnitude * this.slotFactor
    this.checkEncodable(`${path}.scale`, this.scale, biasMagnitude)
    if (bothEncrypted(factorsOf(this.core.operands, step.layer))) this.needRelinearization(step.level)
    const weight = { layer: step.layer, level: step.level, scale: step.weightScale, magnitude: layer.weightMagnitude }
    const bias = { layer: step.layer, level: this.level, scale: this.scale, magnitude: biasMagnitude }
    for (const item of items) this.weights.push(item.kind === 'bias' ? bias : weight)
  }

  /** What the evaluation of the scheme makes of level and scale; returns the error it adds. */
  private polynomial(path: string, step: PolynomialStep, layer: PolynomialArchitecture): number {
    const depth = depthOfLayer(layer)
    if (step.rescalings !== depth)
      throw new InvalidPlanError(`${path}.rescalings`, `${step.rescalings}, a polynomial of this degree takes ${depth}`)
    this.checkFits(`${path}.level`, step.level, this.scale, this.magnitude)
    const { scale: scaleIn, magnitude: magnitudeIn } = this
    let result: CiphertextMetadata
    try {
      result = traceStep(this.parameters, this.rules, layer, { ...step, slots: this.core.packing, scaleIn, magnitudeIn }).result
    } catch (error) {
      if (error instanceof CkksError) throw new InvalidPlanError(`${path}.target`, error.message)
      throw error
    }
    this.level = result.level
    this.scale = result.scale
    this.magnitude = step.magnitude
    this.checkFits(`${path}.scale`, this.level, this.scale, this.magnitude)
    if (step.scale !== this.scale) throw new InvalidPlanError(`${path}.scale`, `${step.scale}, the evaluation gives ${this.scale}`)
    return result.noise
  }

  /** Rescales the product of a step, as the evaluator does, and checks what the plan says of it. */
  private advance(path: string, step: Exclude<PlanStep, RefreshStep | PolynomialStep>, product: number): void {
    this.checkFits(`${path}.level`, step.level, this.scale, this.magnitude)
    let scale = product
    this.checkFits(`${path}.scale`, step.level, scale, step.magnitude)
    for (let dropped = 0; dropped < step.rescalings; dropped++) scale /= this.parameters.primes[step.level - dropped]!.number
    this.level = step.level - step.rescalings
    this.scale = scale
    this.magnitude = step.magnitude
    this.checkFits(`${path}.scale`, this.level, scale, step.magnitude)
    if (scale !== step.scale) throw new InvalidPlanError(`${path}.scale`, `${step.scale}, rescaling gives ${scale}`)
  }

  private compileRefresh(step: RefreshStep, index: number, path: string): CompiledRefresh {
    const { layout } = this
    if (!layout) throw new InvalidPlanError(path, 'a refresh of the input')
    const blocks = layout.blocks.length
    const expected = { scale: this.scale, magnitude: this.magnitude, ciphertextsPerBlock: blocks }
    for (const [field, value] of Object.entries(expected)) {
      if (step[field as keyof typeof expected] !== value) throw new InvalidPlanError(`${path}.${field}`, `differs from ${value}`)
    }
    const shares = refreshShares(this.core.parties, this.core.operands)
    const minimum = minimumRefreshLevel(this.parameters, shares, step.scale, step.magnitude)
    if (minimum === undefined || step.level < minimum) {
      throw new InvalidPlanError(`${path}.level`, `${step.level} is too low for the masks, which need ${minimum ?? 'more primes'}`)
    }
    this.level = this.parameters.maxLevel
    const name = this.architecture.layers[this.nextLayer - 1]!.name
    return { index, name, kind: 'refresh', step, scaleIn: step.scale, magnitudeIn: step.magnitude, blocksIn: blocks, blocksOut: blocks }
  }

  private checkEncodable(path: string, scale: number, magnitude: number): void {
    const needed = Math.log2(scale) + Math.log2(magnitude)
    if (!(needed <= ENCODABLE_BITS))
      throw new InvalidPlanError(path, `${needed.toFixed(1)} bits cannot be encoded, at most ${ENCODABLE_BITS}`)
  }

  private checkFits(path: string, level: number, scale: number, magnitude: number): void {
    const needed = Math.log2(scale) + Math.max(0, Math.log2(magnitude)) + HEADROOM_BITS
    if (!(needed <= this.parameters.logModulus(level))) {
      throw new InvalidPlanError(
        path,
        `${needed.toFixed(1)} bits do not fit level ${level} (${this.parameters.logModulus(level).toFixed(1)} bits)`
      )
    }
  }
}

/** How many slot vectors a batch block starts from, and what they hold. */
function inputsOf(
  first: CompiledStep,
  architecture: PlanCore['architecture'],
  width: number,
  { data }: Operands
): { inputsPerBlock: number; inputFeatures: (index: number) => Int32Array } {
  if (first.kind === 'taps') return { inputsPerBlock: first.packing.inputCount, inputFeatures: index => first.packing.inputFeatures(index) }
  if (first.kind === 'diagonals') {
    const { packing } = first
    if (data === 'encrypted') return { inputsPerBlock: packing.inputBlocks, inputFeatures: index => packing.input.blocks[index]! }
    const turns = packing.turns()
    return { inputsPerBlock: turns.length, inputFeatures: index => packing.turnedFeatures(turns[index]!.inputBlock, turns[index]!.baby) }
  }
  if (data === 'clear') throw new InvalidPlanError('steps.0', 'an activation of clear data, which its owner can compute in the clear')
  const features = architecture.input.shape.reduce((product, dimension) => product * dimension, 1)
  const layout = sequentialLayout(features, width)
  return { inputsPerBlock: layout.blocks.length, inputFeatures: index => layout.blocks[index]! }
}
