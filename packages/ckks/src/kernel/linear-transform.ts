/**
 * A linear map of the slots with clear coefficients, evaluated with double hoisting (eprint 2020/1203, section 4): baby and giant steps (`diagonals.ts`) where
 *
 *   one decomposition of c1 serves every baby rotation;
 *   rotated ciphertexts, products and inner sums stay multiplied by P, over Q_l·P;
 *   each giant step divides one polynomial by P, and the whole map two more at its end.
 *
 *   (B_b, A_b) = σ_b( P·c0 + ⟨D(c1), b_b⟩, ⟨D(c1), a_b⟩ )
 *   (B, A)_G   = Σ_b rot_{-G}(diag_{G+b}) · (B_b, A_b)
 *   result     = ⌊ Σ_G σ_G( B_G + ⟨D(⌊A_G/P⌉), b_G⟩, ⟨D(⌊A_G/P⌉), a_G⟩ ) / P ⌉
 *
 * What is tracked as noise is the figure of the same rotations, products and sums done one after the other; the divisions left out only make it smaller.
 */
import type { Polynomial, PolynomialPair } from '@slytherin/ring'
import type { CiphertextMetadata } from '../ciphertext.js'
import type { Context } from '../context.js'
import type { SlotValues } from '../encoder.js'
import { InvalidScaleError } from '../errors.js'
import type { EvaluationRules } from '../evaluation-rules.js'
import { galoisElementOf } from '../galois.js'
import { Diagonals, type DiagonalsOptions } from './diagonals.js'
import type { StoredKey, StoredKeys } from './evaluation-keys.js'
import type { KernelCiphertext } from './kernel-ciphertext.js'
import type { KeySwitch } from './key-switch.js'
import { blank, disposeAll, into, mapAll } from './memory.js'

/** For which ciphertexts a map is encoded. */
export interface LinearTransformOptions extends DiagonalsOptions {
  /** The level of the ciphertexts it will be applied to. */
  level: number
  /** Scale of the encoded diagonals; the last prime of the level by default, so that a rescaling gives the old scale back. */
  scale?: number
}

interface EncodedTerm {
  readonly baby: number
  /** ntt domain over Q_level·P. */
  readonly polynomial: Polynomial
  readonly magnitude: number
}

/** The diagonals of a linear map, encoded for one level. */
export class LinearTransform implements Disposable {
  readonly level: number
  readonly scale: number
  readonly diagonals: Diagonals
  /** By giant step. */
  readonly giants: ReadonlyMap<number, readonly EncodedTerm[]>

  /**
   * @param diagonals by offset d: y[i] = Σ_d diag_d[i]·x[i + d]
   * @throws EncodingError, InvalidLevelError, InvalidScaleError, RangeError
   */
  constructor(context: Context, diagonals: ReadonlyMap<number, SlotValues>, options: LinearTransformOptions) {
    const { parameters, encoder, ring } = context
    const { level } = options
    parameters.checkLevel('linear transform', level)
    this.level = level
    this.scale = options.scale ?? parameters.primes[level]!.number
    if (!Number.isFinite(this.scale) || this.scale <= 0) throw new InvalidScaleError('linear transform', this.scale)
    this.diagonals = new Diagonals(parameters.slots, diagonals, options)
    const giants = new Map<number, EncodedTerm[]>()
    this.giants = giants
    try {
      for (const [giant, terms] of this.diagonals.giants) {
        const encoded: EncodedTerm[] = []
        giants.set(giant, encoded)
        for (const { baby, values } of terms) {
          const { coefficients, magnitude } = encoder.coefficients(values, level, this.scale)
          const polynomial = into(ring.allocate(parameters.keyIndices(level), 'coefficient'), out =>
            ring.ntt(ring.fromIntegers(out, coefficients))
          )
          encoded.push({ baby, polynomial, magnitude })
        }
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  /** The rotations whose Galois keys are needed. */
  get rotations(): number[] {
    return this.diagonals.rotations
  }

  /** Lets go of the encoded diagonals. */
  dispose(): void {
    for (const terms of this.giants.values()) for (const { polynomial } of terms) polynomial.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

const OPERATION = 'linearTransform'

export class LinearTransformer {
  constructor(
    private readonly context: Context,
    private readonly rules: EvaluationRules,
    private readonly keys: StoredKeys,
    private readonly keySwitch: KeySwitch
  ) {}

  /** Everything that can be refused, and the metadata of the result. @throws LevelMismatchError, DegreeMismatchError, MissingKeyError, KeyMismatchError, ScaleOverflowError */
  state(own: KernelCiphertext, transform: LinearTransform): CiphertextMetadata {
    const rotated = (a: CiphertextMetadata, step: number): CiphertextMetadata =>
      step === 0 ? a : this.rules.automorphism(OPERATION, a, this.key(step, own.level).noise)
    const products = [...transform.giants].map(([giant, terms]) => {
      const inner = terms
        .map(({ baby, magnitude }) =>
          this.rules.multiplyPlain(OPERATION, rotated(own, baby), { level: transform.level, scale: transform.scale, magnitude })
        )
        .reduce((sum, term) => this.rules.add(OPERATION, sum, term, false))
      return rotated(inner, giant)
    })
    const sum = products.reduce((total, product) => this.rules.add(OPERATION, total, product, false))
    return { ...sum, magnitude: Math.min(sum.magnitude, own.magnitude * transform.diagonals.growth) }
  }

  /** The two components of the result. */
  apply(own: KernelCiphertext, transform: LinearTransform): Polynomial[] {
    const { level } = own
    using stack = new DisposableStack()
    const babies = this.babies(own, transform)
    for (const baby of babies.values()) stack.defer(() => disposeAll(baby))
    const total = this.pair(level, true)
    stack.defer(() => disposeAll(total))
    for (const [giant, terms] of transform.giants) {
      const inner = this.innerSum(terms, babies, level)
      try {
        if (giant === 0) this.addTo(total, inner)
        else this.addRotated(total, inner, giant, level)
      } finally {
        disposeAll(inner)
      }
    }
    return this.keySwitch.divideByP(total, level)
  }

  /** P·rot_b(c) over Q_l·P, for every baby step b. */
  private babies(own: KernelCiphertext, transform: LinearTransform): Map<number, PolynomialPair> {
    const { level } = own
    const [c0, c1] = own.components as [Polynomial, Polynomial]
    const steps = transform.diagonals.babies
    const rotations = steps.filter(step => step !== 0)
    using lifted = this.timesP(c0, level)
    const finish = { addends: [lifted], galoisElements: rotations.map(step => this.element(step)) }
    const rotated = this.keySwitch.innerProducts(
      c1,
      level,
      rotations.map(step => this.key(step, level)),
      finish
    )
    const made = new Map(rotations.map((step, k) => [step, rotated[k]!]))
    try {
      if (steps[0] === 0) made.set(0, mapAll([c0, c1], c => this.timesP(c, level)) as [Polynomial, Polynomial])
      return made
    } catch (error) {
      disposeAll([...made.values()].flat())
      throw error
    }
  }

  private innerSum(terms: readonly EncodedTerm[], babies: ReadonlyMap<number, PolynomialPair>, level: number): PolynomialPair {
    const sum = this.pair(level, false)
    try {
      const pairs = terms.map(({ baby, polynomial }) => ({ a: babies.get(baby)!, b: [polynomial] }))
      for (let k = 0; k < pairs.length; k += BATCH) this.context.ring.multiplyAccumulate(sum, pairs.slice(k, k + BATCH), k > 0)
      return sum
    } catch (error) {
      disposeAll(sum)
      throw error
    }
  }

  private addTo(total: PolynomialPair, addend: PolynomialPair): void {
    total.forEach((sum, component) => {
      this.context.ring.add(sum, sum, addend[component]!)
    })
  }

  /** total += rot_G(inner): `inner`'s second component is divided by P to be decomposed. */
  private addRotated(total: PolynomialPair, inner: PolynomialPair, giant: number, level: number): void {
    const [quotient] = this.keySwitch.divideByP([inner[1]], level)
    using c1 = quotient!
    const finish = { addends: [inner[0]], galoisElements: [this.element(giant)] }
    const [switched] = this.keySwitch.innerProducts(c1, level, [this.key(giant, level)], finish)
    try {
      this.addTo(total, switched!)
    } finally {
      disposeAll(switched!)
    }
  }

  /** P·c over Q_l·P: zero modulo the special primes. */
  private timesP(c: Polynomial, level: number): Polynomial {
    const { ring, parameters } = this.context
    const P = parameters.specialPrimes.reduce((product, prime) => product * prime.value, 1n)
    using scaled = into(blank(ring, parameters.ciphertextIndices(level)), out => ring.multiplyScalar(out, c, P))
    return into(ring.allocate(parameters.keyIndices(level), 'ntt'), out => {
      for (let k = 0; k <= level; k++) out.row(k).set(scaled.row(k))
    })
  }

  private pair(level: number, zero: boolean): PolynomialPair {
    const { ring, parameters } = this.context
    const indices = parameters.keyIndices(level)
    return mapAll([0, 1], () => (zero ? ring.allocate(indices, 'ntt') : blank(ring, indices))) as [Polynomial, Polynomial]
  }

  private key(step: number, level: number): StoredKey {
    return this.keys.galois(OPERATION, this.element(step), level)
  }

  private element(step: number): number {
    return galoisElementOf(step, this.context.parameters.N)
  }
}

/** Products summed with one reduction. */
const BATCH = 8
