/**
 * The evaluator on the ring kernel: the fast one, and the default.
 *
 * Ciphertexts stay in the ntt domain over q_0 … q_level. Products are not relinearised until asked; rotations of one ciphertext share its decomposition. Level, scale,
 * noise and magnitude follow the rules that all evaluators share (`evaluation-rules.ts`). Memory is explicit: what an operation returns lives until it is disposed, what
 * it needs meanwhile is released before it returns, also when it throws.
 */
import { type Polynomial, touchMemory } from '@slytherin/ring'
import { Ciphertext, type CiphertextMetadata } from '../ciphertext.js'
import type { Context } from '../context.js'
import type { EncodedIntegers, EncodeOptions, SlotValues } from '../encoder.js'
import { EmptySumError } from '../errors.js'
import { EvaluationRules, metadataOf } from '../evaluation-rules.js'
import type {
  EvaluationKeys,
  Evaluator,
  EvaluatorCiphertext,
  EvaluatorPair,
  EvaluatorPlaintext,
  LinearCombination,
  LinearCombiner,
  PlaintextStorage,
  ProductSum,
  ProductSummer
} from '../evaluator.js'
import { conjugationElement, galoisElementOf } from '../galois.js'
import type { KeySwitchKey } from '../keys.js'
import type { Parameters } from '../parameters.js'
import { Constants } from './constants.js'
import { DEFAULT_KEY_BYTES, type SharedEvaluationKeys, StoredKeys } from './evaluation-keys.js'
import { HandleCount, KernelCiphertext, KernelPlaintext } from './kernel-ciphertext.js'
import { KeySwitch } from './key-switch.js'
import { LinearCombinations } from './linear-combinations.js'
import { type LinearTransform, LinearTransformer } from './linear-transform.js'
import { blank, blankLike, disposeAll, divided, into, mapAll } from './memory.js'
import { Monomials } from './monomials.js'
import { checkForeign, ownCiphertext, ownPlaintext } from './operands.js'
import { type Product, ProductSums, productOf } from './product-sums.js'
import { batches, Products, sameShape } from './products.js'
import { Sums } from './sums.js'

/** How much memory the evaluator's keys may take. */
export interface KernelEvaluatorOptions {
  /** What keys may take of the kernel's memory, 1.5 GiB by default. Beyond it, the least recently used wait in SharedArrayBuffers outside and are copied in when used. */
  keyBytes?: number
}

export class KernelEvaluator implements Evaluator, LinearCombiner, PlaintextStorage, ProductSummer {
  readonly name = 'kernel'
  readonly parameters: Parameters
  readonly slots: number
  /** Handles not yet disposed. */
  readonly live = new HandleCount()
  private readonly rules: EvaluationRules
  private readonly keys: StoredKeys
  private readonly keySwitch: KeySwitch
  private readonly products: Products
  private readonly productSums: ProductSums
  private readonly sums: Sums
  private readonly constants: Constants
  private readonly monomials: Monomials
  private readonly transformer: LinearTransformer
  private readonly combiner: LinearCombinations

  constructor(
    private readonly context: Context,
    options: KernelEvaluatorOptions = {}
  ) {
    this.parameters = context.parameters
    this.slots = context.parameters.slots
    this.rules = new EvaluationRules(context.parameters, context.noise, 'centred')
    this.keys = new StoredKeys(context, options.keyBytes ?? DEFAULT_KEY_BYTES)
    this.keySwitch = new KeySwitch(context, this.keys)
    this.products = new Products(context.ring)
    this.productSums = new ProductSums(context.ring, this.rules, this.live)
    this.sums = new Sums(context.ring)
    this.monomials = new Monomials(context)
    this.constants = new Constants(context, this.monomials)
    this.transformer = new LinearTransformer(context, this.rules, this.keys, this.keySwitch)
    this.combiner = new LinearCombinations(context, this.rules, this.constants)
  }

  /** What the kernel may still allocate, keys being in its memory already. */
  get bytesFree(): number {
    return this.context.ring.kernel.bytesFree
  }

  touchMemory(bytes: number): Iterable<void> {
    return touchMemory(this.context.ring.kernel, bytes)
  }

  /** Takes copies, in place of the keys it had. A key for levels up to `key.level` serves those. @throws KeyMismatchError, ForeignOperandError, InvalidGaloisElementError */
  setKeys(keys: EvaluationKeys): void {
    this.keys.set(keys)
  }

  setRelinearizationKey(key: KeySwitchKey): void {
    this.keys.setRelinearization(key)
  }

  setGaloisKey(galoisElement: number, key: KeySwitchKey): void {
    this.keys.setGalois(galoisElement, key)
  }

  /** The keys in a form that can be posted to other workers of the process, for `adoptKeys`: however many read them, they are there once. */
  shareKeys(): SharedEvaluationKeys {
    return this.keys.share()
  }

  /** Uses the keys of another evaluator of the same parameters, in place of those it had. @throws RingMismatchError, BasisMismatchError */
  adoptKeys(keys: SharedEvaluationKeys): void {
    this.keys.adopt(keys)
  }

  load(ciphertext: Ciphertext): EvaluatorCiphertext {
    checkForeign(this.context, 'load', ciphertext)
    return this.result(metadataOf(ciphertext), () => ciphertext.components.map(component => component.clone()))
  }

  store(ciphertext: EvaluatorCiphertext): Ciphertext {
    const own = this.ciphertext('store', ciphertext)
    return new Ciphertext(
      mapAll(own.components, component => component.clone()),
      own
    )
  }

  /** A vector of one constant is encoded without a transform. */
  plaintext(values: SlotValues, options: EncodeOptions): EvaluatorPlaintext {
    const { polynomial, level, scale, magnitude } = this.constants.encode(values, options) ?? this.context.encoder.encode(values, options)
    return new KernelPlaintext(this.live, polynomial, level, scale, magnitude)
  }

  encodeOutside(values: SlotValues, options: EncodeOptions): EncodedIntegers {
    return this.constants.integers(values, options) ?? this.context.encoder.integers(values, options)
  }

  bringIn(encoded: EncodedIntegers): EvaluatorPlaintext {
    const { polynomial, level, scale, magnitude } = this.context.encoder.fromIntegers(encoded)
    return new KernelPlaintext(this.live, polynomial, level, scale, magnitude)
  }

  constant(value: number, options: EncodeOptions): EvaluatorPlaintext {
    const { polynomial, level, scale, magnitude } = this.constants.encodeValue(value, options)
    return new KernelPlaintext(this.live, polynomial, level, scale, magnitude)
  }

  /** a times one real number, as a plaintext of this scale would be: scale a.scale·scale. @throws ScaleOverflowError, EncodingError */
  multiplyScalar(a: EvaluatorCiphertext, value: number, scale: number): EvaluatorCiphertext {
    const own = this.ciphertext('multiplyScalar', a)
    const integer = this.constants.integer(value, { level: own.level, scale })
    const state = this.rules.multiplyPlain('multiplyScalar', own, { level: own.level, scale, magnitude: Math.abs(value) })
    return this.map(own, state, component => into(blankLike(component), out => this.context.ring.multiplyScalar(out, component, integer)))
  }

  linearCombinations(
    ciphertexts: readonly EvaluatorCiphertext[],
    rows: readonly LinearCombination[],
    options: { readonly scale: number }
  ): EvaluatorCiphertext[] {
    const operands = ciphertexts.map(a => this.ciphertext('linearCombinations', a))
    const encoded = this.combiner.encode(operands, rows, options.scale)
    return this.combiner.apply(operands, encoded).map((components, o) => new KernelCiphertext(this.live, components, encoded[o]!.state))
  }

  copy(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('copy', a)
    return this.map(own, own, component => component.clone())
  }

  add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('add', a), this.ciphertext('add', b)]
    const state = this.rules.add('add', x, y, x === y)
    return this.result(state, () => this.sums.sum(x.components, y.components))
  }

  addInPlace(a: EvaluatorCiphertext, b: EvaluatorCiphertext): void {
    const [x, y] = [this.ciphertext('addInPlace', a), this.ciphertext('addInPlace', b)]
    const state = this.rules.add('addInPlace', x, y, x === y)
    this.sums.add(x.components, y.components)
    x.restate(state)
  }

  subtract(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('subtract', a), this.ciphertext('subtract', b)]
    const state = this.rules.add('subtract', x, y, x === y)
    return this.result(state, () => this.sums.difference(x.components, y.components))
  }

  addPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    const [x, y] = [this.ciphertext('addPlain', a), this.plain('addPlain', p)]
    const state = this.rules.addPlain('addPlain', x, y)
    return this.map(x, state, (component, k) =>
      k === 0 ? into(blankLike(component), out => this.context.ring.add(out, component, y.polynomial)) : component.clone()
    )
  }

  multiply(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.product('multiply', this.ciphertext('multiply', a), this.ciphertext('multiply', b))
  }

  multiplyPlain(a: EvaluatorCiphertext, p: EvaluatorPlaintext): EvaluatorCiphertext {
    return this.product('multiplyPlain', this.ciphertext('multiplyPlain', a), this.plain('multiplyPlain', p))
  }

  square(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('square', a)
    return this.product('square', own, own)
  }

  /** An array is summed several pairs at a time, with one reduction; of another iterable, a pair may be disposed as soon as the next is asked for. */
  multiplyAccumulate(pairs: Iterable<EvaluatorPair>): EvaluatorCiphertext {
    const operation = 'multiplyAccumulate'
    let sum: KernelCiphertext | undefined
    try {
      for (const batch of batches(pairs)) {
        if (sum !== undefined) {
          this.accumulate(operation, sum, batch)
          continue
        }
        const [first, ...others] = sameShape(batch.map(([a, b]) => this.factors(operation, a, b)))
        const state = first!.slice(1).reduce((total, product) => this.rules.add(operation, total, product.state, false), first![0]!.state)
        sum = this.result(state, () => this.products.sum(first!))
        for (const factors of others) this.addProducts(operation, sum, factors)
      }
    } catch (error) {
      sum?.dispose()
      throw error
    }
    if (sum === undefined) throw new EmptySumError(operation)
    return sum
  }

  multiplyAddInPlace(accumulator: EvaluatorCiphertext, a: EvaluatorCiphertext, b: EvaluatorCiphertext | EvaluatorPlaintext): void {
    const operation = 'multiplyAddInPlace'
    this.accumulate(operation, this.ciphertext(operation, accumulator), [[a, b]])
  }

  /** Sums of products of ciphertexts share what comes from the cache; others are computed one after another. */
  multiplyAddMany(sums: readonly ProductSum[]): EvaluatorCiphertext[] {
    return this.productSums.together('multiplyAddMany', sums) ?? this.productSums.oneByOne(this, sums)
  }

  relinearize(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('relinearize', a)
    if (own.degree === 1) return this.copy(own)
    const key = this.keys.relinearization('relinearize', own.level)
    const state = this.rules.relinearize(own, key.noise)
    const [c0, c1, c2] = own.components
    return this.result(state, () => [...this.keySwitch.apply(c2!, own.level, [key], { addends: [c0, c1] })[0]!])
  }

  rescale(a: EvaluatorCiphertext): EvaluatorCiphertext {
    const own = this.ciphertext('rescale', a)
    const state = this.rules.rescale(own)
    const { ring } = this.context
    const indices = this.parameters.ciphertextIndices(state.level)
    return this.result(state, () => divided(ring, own.components, indices, [own.level]))
  }

  dropLevel(a: EvaluatorCiphertext, level: number): EvaluatorCiphertext {
    const own = this.ciphertext('dropLevel', a)
    const state = this.rules.dropLevel(own, level)
    const indices = this.parameters.ciphertextIndices(level)
    return this.map(own, state, component => into(blank(this.context.ring, indices), out => this.context.ring.copy(out, component)))
  }

  rotate(a: EvaluatorCiphertext, steps: number): EvaluatorCiphertext {
    return this.automorphism('rotate', a, galoisElementOf(steps, this.parameters.N))
  }

  /** One decomposition of c1 for all of them. */
  rotateMany(a: EvaluatorCiphertext, steps: readonly number[]): EvaluatorCiphertext[] {
    return this.automorphisms(
      'rotateMany',
      a,
      steps.map(step => galoisElementOf(step, this.parameters.N))
    )
  }

  conjugate(a: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.automorphism('conjugate', a, conjugationElement(this.parameters.N))
  }

  multiplyByMonomial(a: EvaluatorCiphertext, exponent: number): EvaluatorCiphertext {
    const own = this.ciphertext('multiplyByMonomial', a)
    const monomial = this.monomials.get(exponent)
    return this.map(own, own, component => into(blankLike(component), out => this.context.ring.multiply(out, component, monomial)))
  }

  withScale(a: EvaluatorCiphertext, scale: number): EvaluatorCiphertext {
    const own = this.ciphertext('withScale', a)
    own.restate(this.rules.withScale(own, scale))
    return own
  }

  withMagnitude(a: EvaluatorCiphertext, bound: number): EvaluatorCiphertext {
    const own = this.ciphertext('withMagnitude', a)
    own.restate({ ...metadataOf(own), magnitude: this.rules.withMagnitude(bound) })
    return own
  }

  withNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    const own = this.ciphertext('withNoise', a)
    own.restate({ ...metadataOf(own), noise: this.rules.withNoise(own, noise) })
    return own
  }

  restateNoise(a: EvaluatorCiphertext, noise: number): EvaluatorCiphertext {
    const own = this.ciphertext('restateNoise', a)
    own.restate({ ...metadataOf(own), noise: this.rules.restateNoise(noise) })
    return own
  }

  /** The map of the slots that `transform` encodes, by double hoisting; scale a.scale·transform.scale. @throws MissingKeyError, LevelMismatchError, DegreeMismatchError */
  linearTransform(a: EvaluatorCiphertext, transform: LinearTransform): EvaluatorCiphertext {
    const own = this.ciphertext('linearTransform', a)
    const state = this.transformer.state(own, transform)
    return this.result(state, () => this.transformer.apply(own, transform))
  }

  /** Releases the keys. Ciphertexts still held by callers must be disposed by them. */
  dispose(): void {
    this.monomials.dispose()
    this.keys.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  private automorphism(operation: string, a: EvaluatorCiphertext, element: number): EvaluatorCiphertext {
    return this.automorphisms(operation, a, [element])[0]!
  }

  /** σ(c0 + b, a) per element, with (b, a) switched under the key that is kept under σ^-1. */
  private automorphisms(operation: string, a: EvaluatorCiphertext, elements: readonly number[]): EvaluatorCiphertext[] {
    const own = this.ciphertext(operation, a)
    const moved = elements.filter(element => element !== 1)
    const keys = moved.map(element => this.keys.galois(operation, element, own.level))
    const states = keys.map(key => this.rules.automorphism(operation, own, key.noise))
    const [c0, c1] = own.components
    const pairs = this.keySwitch.apply(c1!, own.level, keys, { addends: [c0], galoisElements: moved })
    let next = 0
    try {
      return mapAll(elements, element => {
        if (element === 1) return this.copy(own)
        const k = next++
        return this.result(states[k]!, () => [...pairs[k]!])
      })
    } catch (error) {
      disposeAll(pairs.slice(next).flat())
      throw error
    }
  }

  private product(operation: string, x: KernelCiphertext, y: KernelCiphertext | KernelPlaintext): KernelCiphertext {
    const factors = this.factors(operation, x, y)
    return this.result(factors.state, () => this.products.sum([factors]))
  }

  /** The components of two factors and the metadata of their product. */
  private factors(operation: string, a: EvaluatorCiphertext, b: EvaluatorCiphertext | EvaluatorPlaintext): Product {
    return productOf(this.live, this.rules, operation, a, b)
  }

  private accumulate(operation: string, sum: KernelCiphertext, batch: readonly EvaluatorPair[]): void {
    for (const factors of sameShape(batch.map(([a, b]) => this.factors(operation, a, b)))) this.addProducts(operation, sum, factors)
  }

  private addProducts(operation: string, sum: KernelCiphertext, factors: readonly Product[]): void {
    const state = factors.reduce<CiphertextMetadata>((total, product) => this.rules.add(operation, total, product.state, false), sum)
    this.sums.widen(sum.components, state.degree + 1)
    this.products.addTo(sum.components, factors)
    sum.restate(state)
  }

  private map(
    own: KernelCiphertext,
    state: CiphertextMetadata,
    compute: (component: Polynomial, index: number) => Polynomial
  ): KernelCiphertext {
    return this.result(state, () => mapAll(own.components, compute))
  }

  private result(state: CiphertextMetadata, compute: () => Polynomial[]): KernelCiphertext {
    return new KernelCiphertext(this.live, compute(), state)
  }

  private ciphertext(operation: string, value: EvaluatorCiphertext | EvaluatorPlaintext): KernelCiphertext {
    return ownCiphertext(this.live, operation, value)
  }

  private plain(operation: string, value: EvaluatorPlaintext): KernelPlaintext {
    return ownPlaintext(this.live, operation, value)
  }
}
