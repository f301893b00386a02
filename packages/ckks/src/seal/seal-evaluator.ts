/**
 * The evaluator on Microsoft SEAL (node-seal): independent of our arithmetic, hence the reference the kernel is compared with.
 *
 * Operands cross the border as SEAL's serialisation (`frame.ts`); parmsId, sizes and residues are ours to get right, and SEAL checks them again on loading. Level, scale,
 * noise and magnitude live in this class: SEAL's own scale field follows them. Each Galois key lives in a GaloisKeys object of its own, so that no buffer is larger
 * than one key.
 */
import { DisposedError } from '@slytherin/ring'
import type { Ciphertext, CiphertextMetadata } from '../ciphertext.js'
import type { Context } from '../context.js'
import type { EncodeOptions, SlotValues } from '../encoder.js'
import { EmptySumError, ForeignOperandError } from '../errors.js'
import { EvaluationRules } from '../evaluation-rules.js'
import type { EvaluationKeys, Evaluator, EvaluatorCiphertext, EvaluatorPair, EvaluatorPlaintext } from '../evaluator.js'
import { conjugationElement, galoisElementOf } from '../galois.js'
import { Constants } from '../kernel/constants.js'
import { Monomials, monomialCoefficients } from '../kernel/monomials.js'
import { demandKey } from '../key-demand.js'
import type { KeySwitchKey } from '../keys.js'
import type { Parameters } from '../parameters.js'
import { Plaintext } from '../plaintext.js'
import { type SealHandle, type SealModule, SealRuntime } from './runtime.js'
import { type CiphertextObject, SealCiphertext, SealPlaintext } from './seal-ciphertext.js'
import { SealCodec } from './seal-codec.js'
import { SealParameters } from './seal-parameters.js'

type EvaluatorObject = InstanceType<SealModule['Evaluator']>
type RelinKeysObject = InstanceType<SealModule['RelinKeys']>
type GaloisKeysObject = InstanceType<SealModule['GaloisKeys']>

interface LoadedKey<T extends { delete(): void }> {
  handle: SealHandle<T>
  /** The highest level at which it works: SEAL itself would go on and switch with zeros. */
  level: number
  noise: number | undefined
}

/** Which instance of SEAL computes. */
export interface SealEvaluatorOptions {
  /** Share an instance; by default the evaluator starts its own. */
  runtime?: SealRuntime
}

export class SealEvaluator implements Evaluator {
  readonly name = 'seal'
  readonly parameters: Parameters
  readonly slots: number
  /** SEAL does not say what its heap has left. */
  readonly bytesFree = 0
  readonly codec: SealCodec
  private readonly rules: EvaluationRules
  private readonly constants: Constants
  private readonly evaluator: SealHandle<EvaluatorObject>
  /** Holds the products of multiplyAccumulate one after the other. */
  private readonly product: SealHandle<CiphertextObject>
  private relinearizationKey: LoadedKey<RelinKeysObject> | undefined
  private readonly galoisKeys = new Map<number, LoadedKey<GaloisKeysObject>>()

  private constructor(
    private readonly context: Context,
    readonly runtime: SealRuntime,
    private readonly seal: SealParameters
  ) {
    this.parameters = context.parameters
    this.slots = context.parameters.slots
    this.codec = new SealCodec(context, seal)
    this.constants = new Constants(context, new Monomials(context))
    this.rules = new EvaluationRules(context.parameters, context.noise, 'positive')
    this.evaluator = runtime.create('Evaluator', module => new module.Evaluator(seal.context.object))
    this.product = runtime.create('Ciphertext', module => new module.Ciphertext())
  }

  /** @throws UnsupportedParametersError unless there is exactly one special prime */
  static async create(context: Context, options: SealEvaluatorOptions = {}): Promise<SealEvaluator> {
    const runtime = options.runtime ?? (await SealRuntime.load())
    return new SealEvaluator(context, runtime, new SealParameters(runtime, context.parameters))
  }

  setKeys(keys: EvaluationKeys): void {
    this.releaseKeys()
    try {
      if (keys.relinearizationKey !== undefined) this.setRelinearizationKey(keys.relinearizationKey)
      for (const [element, key] of keys.galoisKeys) this.setGaloisKey(element, key)
    } catch (error) {
      this.releaseKeys()
      throw error
    }
  }

  setRelinearizationKey(key: KeySwitchKey): void {
    const loaded = this.loadKey(key, this.codec.relinearizationKeyBytes(key), module => new module.RelinKeys())
    this.relinearizationKey?.handle.dispose()
    this.relinearizationKey = loaded
  }

  setGaloisKey(galoisElement: number, key: KeySwitchKey): void {
    const loaded = this.loadKey(key, this.codec.galoisKeyBytes(key, galoisElement), module => new module.GaloisKeys())
    this.galoisKeys.get(galoisElement)?.handle.dispose()
    this.galoisKeys.set(galoisElement, loaded)
  }

  load(ciphertext: Ciphertext): EvaluatorCiphertext {
    const bytes = this.codec.ciphertextBytes(ciphertext)
    return this.result('load', ciphertext, out => out.loadFromArray(this.seal.context.object, bytes))
  }

  store(ciphertext: EvaluatorCiphertext): Ciphertext {
    const own = this.ciphertext('store', ciphertext)
    const object = own.handle.object
    const bytes = this.runtime.call('store', module => {
      object.setScale(own.scale)
      return object.saveToArray(module.ComprModeType.none) as Uint8Array
    })
    return this.codec.readCiphertext(bytes, own)
  }

  plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext {
    return this.sealed(this.context.encoder.encode(values, options))
  }

  constant(value: number, options: EncodeOptions): EvaluatorPlaintext {
    return this.sealed(this.constants.encodeValue(value, options))
  }

  copy(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('copy', a)
    return this.result('copy', own, out => out.assign(own.handle.object))
  }

  add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('add', a), this.ciphertext('add', b)]
    const state = this.rules.add('add', x, y, x === y)
    return this.result('add', state, (out, seal) => {
      this.alignScale(x, y)
      seal.add(x.handle.object, y.handle.object, out)
    })
  }

  addInPlace(a: EvaluatorCiphertext, b: EvaluatorCiphertext): void {
    const [x, y] = [this.ciphertext('addInPlace', a), this.ciphertext('addInPlace', b)]
    const state = this.rules.add('addInPlace', x, y, x === y)
    this.runtime.call('addInPlace', () => {
      this.alignScale(x, y)
      this.evaluator.object.addInplace(x.handle.object, y.handle.object)
    })
    x.state = state
  }

  subtract(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('subtract', a), this.ciphertext('subtract', b)]
    const state = this.rules.add('subtract', x, y, x === y)
    return this.result('subtract', state, (out, seal) => {
      this.alignScale(x, y)
      seal.sub(x.handle.object, y.handle.object, out)
    })
  }

  addPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('addPlain', a), this.plain('addPlain', p)]
    const state = this.rules.addPlain('addPlain', x, y)
    return this.result('addPlain', state, (out, seal) => {
      this.alignScale(x, y)
      seal.addPlain(x.handle.object, y.handle.object, out)
    })
  }

  multiply(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('multiply', a), this.ciphertext('multiply', b)]
    const state = this.rules.multiply('multiply', x, y, x === y)
    return this.result('multiply', state, out => this.multiplyInto(out, x, y))
  }

  multiplyPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('multiplyPlain', a), this.plain('multiplyPlain', p)]
    const state = this.rules.multiplyPlain('multiplyPlain', x, y)
    return this.result('multiplyPlain', state, out => this.multiplyInto(out, x, y))
  }

  square(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('square', a)
    const state = this.rules.multiply('square', own, own, true)
    return this.result('square', state, out => this.multiplyInto(out, own, own))
  }

  multiplyAccumulate(pairs: Iterable<EvaluatorPair>): EvaluatorCiphertext {
    let sum: EvaluatorCiphertext | undefined
    try {
      for (const [a, b] of pairs) {
        if (sum === undefined)
          sum = b instanceof SealPlaintext ? this.multiplyPlain(a, b) : this.multiply(a, this.ciphertext('multiplyAccumulate', b))
        else this.multiplyAddInPlace(sum, a, b)
      }
    } catch (error) {
      sum?.dispose()
      throw error
    }
    if (sum === undefined) throw new EmptySumError('multiplyAccumulate')
    return sum
  }

  multiplyAddInPlace(accumulator: EvaluatorCiphertext, a: EvaluatorCiphertext, b: EvaluatorCiphertext | EvaluatorPlaintext): void {
    const operation = 'multiplyAddInPlace'
    const sum = this.ciphertext(operation, accumulator)
    const x = this.ciphertext(operation, a)
    const y = b instanceof SealPlaintext ? this.plain(operation, b) : this.ciphertext(operation, b)
    const product = y instanceof SealPlaintext ? this.rules.multiplyPlain(operation, x, y) : this.rules.multiply(operation, x, y, x === y)
    const state = this.rules.add(operation, sum, product, false)
    const into = this.product.object
    this.runtime.call(operation, () => {
      this.multiplyInto(into, x, y)
      sum.handle.object.setScale(sum.scale)
      into.setScale(sum.scale)
      this.evaluator.object.addInplace(sum.handle.object, into)
    })
    sum.state = state
  }

  relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('relinearize', a)
    if (own.degree === 1) return this.copy(own)
    const key = demandKey('relinearize', null, this.relinearizationKey, own.level)
    const state = this.rules.relinearize(own, key.noise)
    return this.result('relinearize', state, (out, seal) => seal.relinearize(own.handle.object, key.handle.object, out))
  }

  rescale(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('rescale', a)
    const state = this.rules.rescale(own)
    return this.result('rescale', state, (out, seal) => seal.rescaleToNext(own.handle.object, out))
  }

  dropLevel(a: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    const own = this.ciphertext('dropLevel', a)
    const state = this.rules.dropLevel(own, level)
    return this.result('dropLevel', state, (out, seal) => seal.cipherModSwitchTo(own.handle.object, this.seal.parmsIdObject(level), out))
  }

  rotate(a: EvaluatorCiphertext, steps: number): EvaluatorCiphertext {
    return this.automorphism('rotate', a, galoisElementOf(steps, this.parameters.N))
  }

  rotateMany(a: EvaluatorCiphertext, steps: readonly number[]): EvaluatorCiphertext[] {
    const rotated: EvaluatorCiphertext[] = []
    try {
      for (const step of steps) rotated.push(this.rotate(a, step))
    } catch (error) {
      for (const ciphertext of rotated) ciphertext.dispose()
      throw error
    }
    return rotated
  }

  conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.automorphism('conjugate', a, conjugationElement(this.parameters.N))
  }

  multiplyByMonomial(a: EvaluatorCiphertext, exponent: number): EvaluatorCiphertext {
    const own = this.ciphertext('multiplyByMonomial', a)
    const { ring, parameters } = this.context
    const coefficients = monomialCoefficients(exponent, parameters.N)
    const polynomial = ring.ntt(ring.fromIntegers(ring.allocate(parameters.ciphertextIndices(own.level), 'coefficient'), coefficients))
    using monomial = this.sealed(new Plaintext(polynomial, own.level, 1, 1))
    return this.result('multiplyByMonomial', own, out => this.multiplyInto(out, own, monomial))
  }

  withScale(a: EvaluatorCiphertext, scale: number): EvaluatorCiphertext {
    const own = this.ciphertext('withScale', a)
    own.state = this.rules.withScale(own, scale)
    own.handle.object.setScale(scale)
    return own
  }

  withMagnitude(a: EvaluatorCiphertext, bound: number): EvaluatorCiphertext {
    const own = this.ciphertext('withMagnitude', a)
    own.state = { ...own.state, magnitude: this.rules.withMagnitude(bound) }
    return own
  }

  withNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    const own = this.ciphertext('withNoise', a)
    own.state = { ...own.state, noise: this.rules.withNoise(own, noise) }
    return own
  }

  restateNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    const own = this.ciphertext('restateNoise', a)
    own.state = { ...own.state, noise: this.rules.restateNoise(noise) }
    return own
  }

  /** Releases keys and context. Ciphertexts still held by callers must be disposed by them. */
  dispose(): void {
    this.releaseKeys()
    this.product.dispose()
    this.evaluator.dispose()
    this.seal.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private automorphism(operation: string, a: EvaluatorCiphertext, element: number): EvaluatorCiphertext {
    const own = this.ciphertext(operation, a)
    if (element === 1) return this.copy(own)
    const key = demandKey(operation, element, this.galoisKeys.get(element), own.level)
    const state = this.rules.automorphism(operation, own, key.noise)
    return this.result(operation, state, (out, seal) => seal.applyGalois(own.handle.object, element, key.handle.object, out))
  }

  private multiplyInto(out: CiphertextObject, x: SealCiphertext, y: SealCiphertext | SealPlaintext): void {
    const seal = this.evaluator.object
    if (y instanceof SealPlaintext) seal.multiplyPlain(x.handle.object, y.handle.object, out)
    else if (x === y) seal.square(x.handle.object, out)
    else seal.multiply(x.handle.object, y.handle.object, out)
  }

  /** Takes an encoded plaintext over to SEAL. */
  private sealed(encoded: Plaintext): SealPlaintext {
    const { level, scale, magnitude } = encoded
    let bytes: Uint8Array
    try {
      bytes = this.codec.plaintextBytes(encoded)
    } finally {
      encoded.dispose()
    }
    const handle = this.runtime.create('Plaintext', module => new module.Plaintext())
    try {
      this.runtime.call('load plaintext', () => handle.object.loadFromArray(this.seal.context.object, bytes))
    } catch (error) {
      handle.dispose()
      throw error
    }
    return new SealPlaintext(this, handle, level, scale, magnitude)
  }

  /** SEAL adds only equal scales; the tolerance and its error have been accounted for. */
  private alignScale(x: SealCiphertext, y: SealCiphertext | SealPlaintext): void {
    x.handle.object.setScale(x.scale)
    y.handle.object.setScale(x.scale)
  }

  private result(
    operation: string,
    state: CiphertextMetadata,
    compute: (out: CiphertextObject, seal: EvaluatorObject) => void
  ): EvaluatorCiphertext {
    const handle = this.runtime.create(operation, module => new module.Ciphertext())
    try {
      this.runtime.call(operation, () => compute(handle.object, this.evaluator.object))
    } catch (error) {
      handle.dispose()
      throw error
    }
    return new SealCiphertext(this, handle, state)
  }

  private ciphertext(operation: string, value: EvaluatorCiphertext | EvaluatorPlaintext): SealCiphertext {
    if (!(value instanceof SealCiphertext) || value.owner !== this) throw new ForeignOperandError(operation)
    if (value.handle.disposed) throw new DisposedError('ciphertext')
    return value
  }

  private plain(operation: string, value: EvaluatorPlaintext): SealPlaintext {
    if (!(value instanceof SealPlaintext) || value.owner !== this) throw new ForeignOperandError(operation)
    if (value.handle.disposed) throw new DisposedError('plaintext')
    return value
  }

  private loadKey<T extends RelinKeysObject | GaloisKeysObject>(
    key: KeySwitchKey,
    bytes: Uint8Array,
    make: (module: SealModule) => T
  ): LoadedKey<T> {
    const handle = this.runtime.create('key', make)
    try {
      this.runtime.call('load key', () => handle.object.loadFromArray(this.seal.context.object, bytes))
    } catch (error) {
      handle.dispose()
      throw error
    }
    return { handle, level: key.level, noise: key.noise }
  }

  private releaseKeys(): void {
    this.relinearizationKey?.handle.dispose()
    this.relinearizationKey = undefined
    for (const { handle } of this.galoisKeys.values()) handle.dispose()
    this.galoisKeys.clear()
  }
}
