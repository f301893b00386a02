/**
 * An evaluator without cryptography: slots in the clear, with the levels, scales, noise and magnitudes that the rules of encryption give them. Programs run on it to be
 * checked against clear references, to learn their noise, and to prove that they neither leak ciphertexts nor need keys that the plan does not name.
 */
import type { Ciphertext, CiphertextMetadata } from '../ciphertext.js'
import type { EncodeOptions, SlotValues } from '../encoder.js'
import { EmptySumError, SimulationError } from '../errors.js'
import { EvaluationRules } from '../evaluation-rules.js'
import {
  type EvaluationKeys,
  type Evaluator,
  type EvaluatorCiphertext,
  type EvaluatorPair,
  type EvaluatorPlaintext,
  isCiphertext,
  type LinearCombination,
  type LinearCombiner
} from '../evaluator.js'
import { checkGaloisElement, conjugationElement, galoisElementOf } from '../galois.js'
import { demandKey } from '../key-demand.js'
import type { KeySwitchKey } from '../keys.js'
import { combineNoise, NoiseModel } from '../noise.js'
import type { Parameters } from '../parameters.js'
import { addProduct, combine, monomialSlots, product, type Slots } from './slots.js'

/** Slots in the clear with the metadata of a ciphertext. */
export class SimulatedCiphertext implements EvaluatorCiphertext {
  readonly level: number
  readonly degree: number
  #scale: number
  #noise: number
  #magnitude: number
  #slots: Slots | undefined

  constructor(
    slots: Slots,
    metadata: CiphertextMetadata,
    private readonly onDispose: () => void
  ) {
    this.#slots = slots
    this.level = metadata.level
    this.#scale = metadata.scale
    this.degree = metadata.degree
    this.#noise = metadata.noise
    this.#magnitude = metadata.magnitude
  }

  get scale(): number {
    return this.#scale
  }

  get noise(): number {
    return this.#noise
  }

  get magnitude(): number {
    return this.#magnitude
  }

  /** @throws SimulationError after dispose */
  get slots(): Slots {
    if (!this.#slots) throw new SimulationError('read', 'the ciphertext has been disposed')
    return this.#slots
  }

  /** For the simulator only: what an operation in place leaves. */
  replace(slots: Slots, noise: number, magnitude: number, scale: number = this.#scale): void {
    this.#slots = slots
    this.#noise = noise
    this.#magnitude = magnitude
    this.#scale = scale
  }

  dispose(): void {
    if (!this.#slots) return
    this.#slots = undefined
    this.onDispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

class SimulatedPlaintext implements EvaluatorPlaintext {
  constructor(
    readonly slots: Slots,
    readonly level: number,
    readonly scale: number,
    readonly magnitude: number
  ) {}

  dispose(): void {}

  [Symbol.dispose](): void {}
}

/** Which keys a simulated evaluator has. */
export interface SimulatorOptions {
  /** key holders, for the noise model (default 1) */
  readonly parties?: number
  /** Galois keys that there are; all, for every level, when left out */
  readonly galoisKeys?: Iterable<{ readonly element: number; readonly level: number }>
  /** level of the relinearisation key, null for none; every level when left out */
  readonly relinearizationLevel?: number | null
}

type Operand = EvaluatorCiphertext | EvaluatorPlaintext

export class SimulatorEvaluator implements Evaluator, LinearCombiner {
  readonly name = 'simulator'
  readonly slots: number
  /** Slots are ordinary objects. */
  readonly bytesFree = Number.POSITIVE_INFINITY
  /** operations done, by name */
  readonly counts = new Map<string, number>()
  #live = 0
  private readonly rules: EvaluationRules
  private readonly noise: NoiseModel
  /** all that there may be when undefined */
  private galoisKeys: Map<number, { readonly level: number }> | undefined
  private relinearizationKey: { readonly level: number } | undefined

  constructor(
    readonly parameters: Parameters,
    options: SimulatorOptions = {}
  ) {
    this.slots = parameters.slots
    this.noise = new NoiseModel(parameters, options.parties ?? 1)
    this.rules = new EvaluationRules(parameters, this.noise, 'positive')
    if (options.galoisKeys) this.galoisKeys = new Map([...options.galoisKeys].map(key => [key.element, key]))
    const { relinearizationLevel: level = parameters.maxLevel } = options
    this.relinearizationKey = level === null ? undefined : { level }
  }

  /** Ciphertexts made and not yet disposed. */
  get live(): number {
    return this.#live
  }

  /** A simulated fresh encryption. @param options magnitude: bound on |slot| when a public one is to be used */
  encrypt(values: SlotValues, options: EncodeOptions & { readonly magnitude?: number }): SimulatedCiphertext {
    const { slots, largest } = this.copyIn(values)
    const magnitude = options.magnitude ?? largest
    const noise = combineNoise(this.noise.fresh(), this.noise.encoding(options.scale, magnitude))
    return this.make('encrypt', slots, { level: options.level, scale: options.scale, degree: 1, noise, magnitude })
  }

  /** The slots, without noise. */
  decrypt(ciphertext: EvaluatorCiphertext): { real: Float64Array; imaginary: Float64Array } {
    const { real, imaginary } = slotsOf(ciphertext)
    return { real: real.slice(), imaginary: imaginary?.slice() ?? new Float64Array(real.length) }
  }

  setKeys(keys: EvaluationKeys): void {
    this.galoisKeys = new Map([...keys.galoisKeys].map(([element, { level }]) => [element, { level }]))
    this.relinearizationKey = keys.relinearizationKey && { level: keys.relinearizationKey.level }
  }

  setRelinearizationKey({ level }: KeySwitchKey): void {
    this.relinearizationKey = { level }
  }

  setGaloisKey(galoisElement: number, { level }: KeySwitchKey): void {
    checkGaloisElement(galoisElement, this.parameters.N)
    this.galoisKeys?.set(galoisElement, { level })
  }

  load(_ciphertext: Ciphertext): EvaluatorCiphertext {
    throw new SimulationError('load', 'a real ciphertext cannot be read without its key')
  }

  store(_ciphertext: EvaluatorCiphertext): Ciphertext {
    throw new SimulationError('store', 'a simulated ciphertext has no polynomials')
  }

  plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext {
    const { slots, largest } = this.copyIn(values)
    return new SimulatedPlaintext(slots, options.level, options.scale, largest)
  }

  copy(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('copy', slotsOf(a), a)
  }

  add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('add', combine(slotsOf(a), slotsOf(b), 1), this.rules.add('add', a, b, a === b))
  }

  addInPlace(a: EvaluatorCiphertext, b: EvaluatorCiphertext): void {
    const metadata = this.rules.add('addInPlace', a, b, a === b)
    this.count('add')
    simulated(a).replace(combine(slotsOf(a), slotsOf(b), 1), metadata.noise, metadata.magnitude)
  }

  subtract(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('subtract', combine(slotsOf(a), slotsOf(b), -1), this.rules.add('subtract', a, b, a === b))
  }

  addPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    return this.make('addPlain', combine(slotsOf(a), slotsOf(p), 1), this.rules.addPlain('addPlain', a, p))
  }

  multiply(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('multiply', product(slotsOf(a), slotsOf(b)), this.rules.multiply('multiply', a, b, a === b))
  }

  multiplyPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    return this.make('multiplyPlain', product(slotsOf(a), slotsOf(p)), this.rules.multiplyPlain('multiplyPlain', a, p))
  }

  square(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('square', product(slotsOf(a), slotsOf(a)), this.rules.multiply('square', a, a, true))
  }

  multiplyAccumulate(pairs: Iterable<EvaluatorPair>): EvaluatorCiphertext {
    let sum: EvaluatorCiphertext | undefined
    for (const [a, b] of pairs) {
      if (sum) this.multiplyAddInPlace(sum, a, b)
      else sum = isCiphertext(b) ? this.multiply(a, b) : this.multiplyPlain(a, b)
    }
    if (!sum) throw new EmptySumError('multiplyAccumulate')
    return sum
  }

  multiplyAddInPlace(accumulator: EvaluatorCiphertext, a: EvaluatorCiphertext, b: Operand): void {
    const term = isCiphertext(b)
      ? this.rules.multiply('multiplyAddInPlace', a, b, a === b)
      : this.rules.multiplyPlain('multiplyAddInPlace', a, b)
    if (term.degree !== accumulator.degree) throw new SimulationError('multiplyAddInPlace', 'products of different degrees')
    const metadata = this.rules.add('multiplyAddInPlace', accumulator, term, false)
    this.count(isCiphertext(b) ? 'multiply' : 'multiplyPlain')
    addProduct(slotsOf(accumulator), slotsOf(a), slotsOf(b), slots =>
      simulated(accumulator).replace(slots, metadata.noise, metadata.magnitude)
    )
  }

  linearCombinations(
    ciphertexts: readonly EvaluatorCiphertext[],
    rows: readonly LinearCombination[],
    options: { readonly scale: number }
  ): EvaluatorCiphertext[] {
    return rows.map(row => {
      const metadata = this.rules.linearCombination('linearCombinations', ciphertexts, row, options.scale)
      this.counts.set('multiplyScalar', (this.counts.get('multiplyScalar') ?? 0) + row.inputs.length)
      return this.make('linearCombinations', this.combination(ciphertexts, row), metadata)
    })
  }

  relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext {
    if (a.degree === 1) return this.copy(a)
    const metadata = this.rules.relinearize(a, undefined)
    demandKey('relinearize', null, this.relinearizationKey, a.level)
    return this.make('relinearize', slotsOf(a), metadata)
  }

  rescale(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.make('rescale', slotsOf(a), this.rules.rescale(a))
  }

  dropLevel(a: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    return this.make('dropLevel', slotsOf(a), this.rules.dropLevel(a, level))
  }

  rotate(a: EvaluatorCiphertext, steps: number): EvaluatorCiphertext {
    const element = galoisElementOf(steps, this.parameters.N)
    this.demandGaloisKey('rotate', element, a.level)
    const shift = ((steps % this.slots) + this.slots) % this.slots
    const { real, imaginary } = slotsOf(a)
    const turn = (values: Float64Array): Float64Array => {
      const out = new Float64Array(values.length)
      out.set(values.subarray(shift))
      out.set(values.subarray(0, shift), values.length - shift)
      return out
    }
    const slots = imaginary ? { real: turn(real), imaginary: turn(imaginary) } : { real: turn(real) }
    return this.make('rotate', slots, this.rules.automorphism('rotate', a, undefined))
  }

  rotateMany(a: EvaluatorCiphertext, steps: readonly number[]): EvaluatorCiphertext[] {
    return steps.map(step => this.rotate(a, step))
  }

  conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext {
    this.demandGaloisKey('conjugate', conjugationElement(this.parameters.N), a.level)
    const { real, imaginary } = slotsOf(a)
    const slots = imaginary ? { real, imaginary: imaginary.map(value => -value) } : { real }
    return this.make('conjugate', slots, this.rules.automorphism('conjugate', a, undefined))
  }

  withMagnitude(a: EvaluatorCiphertext, bound: number): EvaluatorCiphertext {
    simulated(a).replace(slotsOf(a), a.noise, this.rules.withMagnitude(bound))
    return a
  }

  multiplyByMonomial(a: EvaluatorCiphertext, exponent: number): EvaluatorCiphertext {
    const { N } = this.parameters
    if (!Number.isInteger(exponent) || exponent < 0 || exponent >= 2 * N) throw new RangeError(`exponent ${exponent} of a monomial`)
    return this.make('multiplyByMonomial', product(slotsOf(a), monomialSlots(exponent, N)), a)
  }

  withScale(a: EvaluatorCiphertext, scale: number): EvaluatorCiphertext {
    const { magnitude } = this.rules.withScale(a, scale)
    const factor = a.scale / scale
    const { real, imaginary } = slotsOf(a)
    const scaled = (values: Float64Array): Float64Array => values.map(value => value * factor)
    const slots = imaginary ? { real: scaled(real), imaginary: scaled(imaginary) } : { real: scaled(real) }
    simulated(a).replace(slots, a.noise, magnitude, scale)
    return a
  }

  withNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    simulated(a).replace(slotsOf(a), this.rules.withNoise(a, noise), a.magnitude)
    return a
  }

  restateNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    simulated(a).replace(slotsOf(a), this.rules.restateNoise(noise), a.magnitude)
    return a
  }

  /** Forgets which keys there are. */
  dispose(): void {
    this.galoisKeys = new Map()
    this.relinearizationKey = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private combination(ciphertexts: readonly EvaluatorCiphertext[], { inputs, coefficients, constant = 0 }: LinearCombination): Slots {
    const real = new Float64Array(this.slots).fill(constant)
    let imaginary: Float64Array | undefined
    for (let t = 0; t < inputs.length; t++) {
      const slots = slotsOf(ciphertexts[inputs[t]!]!)
      const coefficient = coefficients[t]!
      for (let slot = 0; slot < real.length; slot++) real[slot]! += coefficient * slots.real[slot]!
      if (!slots.imaginary) continue
      imaginary ??= new Float64Array(this.slots)
      for (let slot = 0; slot < real.length; slot++) imaginary[slot]! += coefficient * slots.imaginary[slot]!
    }
    return imaginary ? { real, imaginary } : { real }
  }

  private make(operation: string, slots: Slots, metadata: CiphertextMetadata): SimulatedCiphertext {
    this.parameters.checkLevel(operation, metadata.level)
    this.count(operation)
    this.#live++
    const copy = slots.imaginary ? { real: slots.real.slice(), imaginary: slots.imaginary.slice() } : { real: slots.real.slice() }
    return new SimulatedCiphertext(copy, metadata, () => {
      this.#live--
    })
  }

  private count(operation: string): void {
    this.counts.set(operation, (this.counts.get(operation) ?? 0) + 1)
  }

  private demandGaloisKey(operation: string, element: number, level: number): void {
    if (element !== 1 && this.galoisKeys) demandKey(operation, element, this.galoisKeys.get(element), level)
  }

  private copyIn(values: SlotValues): { slots: Slots; largest: number } {
    const given: Slots = values instanceof Float64Array ? { real: values } : values
    const real = new Float64Array(this.slots)
    real.set(given.real)
    const imaginary = given.imaginary ? new Float64Array(this.slots) : undefined
    if (imaginary && given.imaginary) imaginary.set(given.imaginary)
    let largest = 0
    for (let slot = 0; slot < this.slots; slot++) largest = Math.max(largest, Math.hypot(real[slot]!, imaginary?.[slot] ?? 0))
    return { slots: imaginary ? { real, imaginary } : { real }, largest }
  }
}

function simulated(ciphertext: EvaluatorCiphertext): SimulatedCiphertext {
  if (ciphertext instanceof SimulatedCiphertext) return ciphertext
  throw new SimulationError('operand', 'not a ciphertext of the simulator')
}

function slotsOf(operand: Operand): Slots {
  if (operand instanceof SimulatedPlaintext) return operand.slots
  return simulated(operand as EvaluatorCiphertext).slots
}
