/**
 * A polynomial of encrypted slots, by any evaluator: Paterson–Stockmeyer in the power or the Chebyshev basis B, degree d in ⌈log2(d + 1)⌉ levels and about 2·√d
 * products of ciphertexts. How many B_i are made in advance is tried out on metadata: whatever relinearises least.
 *
 *   B_{a+b}   from B_a·B_b, a the largest power of two below a + b, hence at level L - ⌈log2(a + b)⌉
 *   p         = q·B_n + r, n the largest power of two in p, until what is left is a linear combination of B_1 … B_{m-1} and of B_n; when p has degree 2n, q·B_n takes
 *               its leading term, too, and B_{2n} is not needed
 *
 * Scales are exact: every sum is made at one scale S·q_{l+1} and becomes scale S at level l. A coefficient c of B_i is encoded at scale S·q_{l+1}/scale(B_i), a quotient q
 * evaluated at scale S·q_{l+1}/scale(B_n); so the terms agree to the last bit, though rescaling by different primes gave every B_i another scale.
 *
 * Noise: the B_i share the error of their argument, so the errors of terms are added up rather than their variances where the evaluator lets a larger noise be stated
 * (`withNoise`).
 */
import type { CiphertextMetadata } from './ciphertext.js'
import type { EncodeOptions } from './encoder.js'
import { InvalidLevelError } from './errors.js'
import { type EvaluationRules, metadataOf } from './evaluation-rules.js'
import type { Evaluator, EvaluatorCiphertext, EvaluatorPair, EvaluatorPlaintext } from './evaluator.js'
import { type CountedOperation, MetadataEvaluator } from './metadata-evaluator.js'
import type { Parameters } from './parameters.js'
import { type BasisPolynomial, divide, trimmed } from './polynomial-basis.js'

/** How a polynomial is evaluated. */
export interface PolynomialOptions {
  /** Where the slots lie; for Chebyshev the polynomial is in t = (2x - a - b)/(b - a). Default [-1, 1]. An interval of another length takes a level more. */
  interval?: readonly [number, number]
  /** Scale of the result, the argument's by default. */
  scale?: number
  /** Bound on |p| over the interval, when a better one than the sum of the coefficients' magnitudes is known. */
  magnitude?: number
}

const UNIT_INTERVAL = [-1, 1] as const
const OPERATION = 'evaluatePolynomial'

/** Levels that the evaluation takes. */
export function polynomialDepth(polynomial: BasisPolynomial, options: Pick<PolynomialOptions, 'interval'> = {}): number {
  return seriesDepth(trimmed(polynomial).coefficients) + (polynomial.basis === 'chebyshev' && stretch(options).factor !== 1 ? 1 : 0)
}

/**
 * @param a degree 1; its slots are real and in the interval (Chebyshev), or bounded by its magnitude (power)
 * @returns p of every slot, at level a.level - polynomialDepth(p)
 * @throws InvalidLevelError when there are not enough levels, RangeError when a coefficient or the interval is not finite
 */
export function evaluatePolynomial(
  evaluator: Evaluator,
  a: EvaluatorCiphertext,
  polynomial: BasisPolynomial,
  options: PolynomialOptions = {}
): EvaluatorCiphertext {
  const { basis, coefficients } = trimmed(polynomial)
  if (!coefficients.every(Number.isFinite)) throw new RangeError('the coefficients of a polynomial are finite numbers')
  const depth = polynomialDepth(polynomial, options)
  if (a.level < depth) throw new InvalidLevelError(OPERATION, a.level, evaluator.parameters.maxLevel, depth)
  using stack = new DisposableStack()
  const argument = stack.use(basis === 'chebyshev' ? toUnitInterval(evaluator, a, options) : evaluator.copy(a))
  const scale = options.scale ?? a.scale
  const babySteps = cheapestBabySteps(evaluator, argument, { basis, coefficients }, scale)
  using evaluation = new PolynomialEvaluation(evaluator, argument, basis, babySteps)
  const result = evaluation.evaluate({ basis, coefficients }, argument.level - seriesDepth(coefficients), scale)
  const bound = options.magnitude ?? coefficients.reduce((sum, c, i) => sum + Math.abs(c) * evaluation.bound(i), 0)
  return evaluator.withMagnitude(result, options.magnitude ?? Math.min(result.magnitude, bound))
}

/** What an evaluation would do, and what comes out. */
export interface PolynomialTrace {
  /** Exactly what `evaluatePolynomial` gives its result, on any evaluator whose rules these are. */
  readonly result: CiphertextMetadata
  /** What it does, in order. */
  readonly operations: readonly CountedOperation[]
}

/**
 * `evaluatePolynomial` on metadata alone: for those who plan it.
 * @param argument level, scale, degree, noise and magnitude of what it would be given
 * @throws as `evaluatePolynomial`
 */
export function tracePolynomial(
  parameters: Parameters,
  rules: EvaluationRules,
  argument: CiphertextMetadata,
  polynomial: BasisPolynomial,
  options: PolynomialOptions = {}
): PolynomialTrace {
  const evaluator = new MetadataEvaluator(parameters, rules)
  const result = evaluatePolynomial(evaluator, evaluator.ciphertext(argument), polynomial, options)
  return { result: metadataOf(result), operations: evaluator.operations }
}

/** Relative costs: what counts is how often is relinearised. */
const OPERATION_COSTS: Partial<Record<CountedOperation['operation'], number>> = { relinearize: 8, rescale: 2, multiply: 1 }

function cheapestBabySteps(evaluator: Evaluator, argument: EvaluatorCiphertext, polynomial: BasisPolynomial, scale: number): number {
  const { length } = polynomial.coefficients
  let [best, lowest] = [2, Number.POSITIVE_INFINITY]
  if (length <= 4) return best
  const { parameters } = evaluator
  const { level } = argument
  for (let babySteps = 2; babySteps < 2 * length; babySteps *= 2) {
    const metadata = new MetadataEvaluator(parameters)
    const copy = metadata.ciphertext({ level, scale: argument.scale, degree: 1, noise: Number.NEGATIVE_INFINITY, magnitude: 1 })
    using evaluation = new PolynomialEvaluation(metadata, copy, polynomial.basis, babySteps)
    evaluation.evaluate(polynomial, level - seriesDepth(polynomial.coefficients), scale).dispose()
    const cost = metadata.operations.reduce((sum, { operation }) => sum + (OPERATION_COSTS[operation] ?? 0), 0)
    if (cost < lowest) [best, lowest] = [babySteps, cost]
  }
  return best
}

const seriesDepth = ({ length }: readonly number[]): number => Math.max(1, Math.ceil(Math.log2(length)))

class PolynomialEvaluation implements Disposable {
  /** B_1, B_2, … as far as they have been needed. */
  private readonly powers = new Map<number, EvaluatorCiphertext>()
  private readonly stack = new DisposableStack()

  constructor(
    private readonly evaluator: Evaluator,
    private readonly argument: EvaluatorCiphertext,
    private readonly basis: BasisPolynomial['basis'],
    /** m */
    private readonly babySteps: number
  ) {
    this.powers.set(1, argument)
  }

  /** p at this level and scale. */
  evaluate(polynomial: BasisPolynomial, level: number, scale: number): EvaluatorCiphertext {
    const { evaluator } = this
    const sumScale = scale * evaluator.parameters.primes[level + 1]!.number
    using stack = new DisposableStack()
    const { sum, constant } = this.sum(polynomial, level + 1, sumScale)
    stack.use(sum)
    const linear = stack.use(evaluator.relinearize(sum))
    const rescaled = evaluator.rescale(linear)
    if (constant === 0) return rescaled
    stack.use(rescaled)
    return evaluator.addPlain(rescaled, stack.use(this.constant(constant, level, rescaled.scale)))
  }

  /** Bound on |B_i|. */
  bound(i: number): number {
    return this.basis === 'chebyshev' ? 1 : this.argument.magnitude ** i
  }

  [Symbol.dispose](): void {
    this.stack.dispose()
  }

  /** p less its constant, at this level and scale, before relinearisation and rescaling. Every B_i it takes has at least this level. */
  private sum(polynomial: BasisPolynomial, level: number, scale: number): { sum: EvaluatorCiphertext; constant: number } {
    const { evaluator } = this
    using stack = new DisposableStack()
    const linear = new Map<number, number>()
    const products: EvaluatorPair[] = []
    let rest = trimmed(polynomial)
    for (;;) {
      const degree = rest.coefficients.length - 1
      if (degree < this.babySteps && this.isAvailable(rest, level)) break
      const n = this.divisor(degree)
      const { quotient, remainder } = divide(rest, n)
      if (quotient.coefficients.length === 1) linear.set(n, quotient.coefficients[0]!)
      else {
        const power = stack.use(evaluator.dropLevel(this.power(n), level))
        products.push([stack.use(this.evaluate(quotient, level, scale / power.scale)), power])
      }
      rest = remainder
    }
    rest.coefficients.forEach((c, i) => {
      if (i > 0 && c !== 0) linear.set(i, c)
    })
    // a constant still needs something to be added to
    if (linear.size === 0 && products.length === 0) linear.set(1, 0)

    const terms: EvaluatorPair[] = [...linear].map(([i, c]) => {
      const power = stack.use(evaluator.dropLevel(this.power(i), level))
      return [power, stack.use(this.constant(c, level, scale / power.scale))]
    })
    const parts = [products, terms].filter(pairs => pairs.length > 0).map(pairs => stack.use(this.accumulate(pairs)))
    const [first, second] = parts as [EvaluatorCiphertext, EvaluatorCiphertext?]
    const sum = second === undefined ? evaluator.copy(first) : this.add(first, second)
    return { sum, constant: rest.coefficients[0]! }
  }

  /** The largest power of two up to the degree; half of a degree that is one itself, unless that B_degree is there already. */
  private divisor(degree: number): number {
    const n = 2 ** Math.floor(Math.log2(degree))
    return n === degree && n > 2 && !this.powers.has(n) ? n / 2 : n
  }

  private isAvailable({ coefficients }: BasisPolynomial, level: number): boolean {
    return coefficients.every((c, i) => c === 0 || i === 0 || this.levelOf(i) >= level)
  }

  private levelOf(i: number): number {
    return this.argument.level - Math.ceil(Math.log2(i))
  }

  /** B_i, made of B_a and B_b with a + b = i, a the largest power of two below i. */
  private power(i: number): EvaluatorCiphertext {
    const known = this.powers.get(i)
    if (known !== undefined) return known
    const { evaluator } = this
    const a = 2 ** (Math.ceil(Math.log2(i)) - 1)
    const b = i - a
    const level = this.levelOf(i) + 1
    using stack = new DisposableStack()
    const x = stack.use(evaluator.dropLevel(this.power(a), level))
    const y = a === b ? x : stack.use(evaluator.dropLevel(this.power(b), level))
    const product = stack.use(a === b ? evaluator.square(x) : this.accumulate([[x, y]]))
    const combined = this.basis === 'power' ? product : stack.use(this.twiceMinus(product, a - b))
    const linear = stack.use(evaluator.relinearize(combined))
    let power = this.stack.use(evaluator.rescale(linear))
    if (this.basis === 'chebyshev' && a === b) {
      power = this.stack.use(evaluator.addPlain(power, stack.use(this.constant(-1, power.level, power.scale))))
    }
    evaluator.withMagnitude(power, Math.min(power.magnitude, this.bound(i)))
    this.powers.set(i, power)
    return power
  }

  /** 2·product - T_k; T_0 = 1 is left for later, when the scale is small. */
  private twiceMinus(product: EvaluatorCiphertext, k: number): EvaluatorCiphertext {
    const { evaluator } = this
    using stack = new DisposableStack()
    const twice = evaluator.add(product, product)
    if (k === 0) return twice
    stack.use(twice)
    const lowered = stack.use(evaluator.dropLevel(this.power(k), twice.level))
    const minusOne = stack.use(this.constant(-1, twice.level, twice.scale / lowered.scale))
    return this.add(twice, stack.use(evaluator.multiplyPlain(lowered, minusOne)))
  }

  private constant(value: number, level: number, scale: number): EvaluatorPlaintext {
    return constantOf(this.evaluator, value, { level, scale })
  }

  private add(a: EvaluatorCiphertext, b: EvaluatorCiphertext): EvaluatorCiphertext {
    return this.atLeast(this.evaluator.add(a, b), [a.noise, b.noise])
  }

  private accumulate(pairs: readonly EvaluatorPair[]): EvaluatorCiphertext {
    const halfLogN = 0.5 * this.evaluator.parameters.logN
    const noises = pairs.flatMap(([a, b]) => {
      const own = messageBits(b) + a.noise
      return 'noise' in b ? [own, messageBits(a) + b.noise, halfLogN + a.noise + b.noise] : [own]
    })
    return this.atLeast(this.evaluator.multiplyAccumulate(pairs), noises)
  }

  /** States at least the sum of these standard deviations: that of errors in step with each other. */
  private atLeast(sum: EvaluatorCiphertext, noises: readonly number[]): EvaluatorCiphertext {
    const largest = Math.max(...noises)
    if (!Number.isFinite(largest)) return sum
    const total = largest + Math.log2(noises.reduce((deviation, noise) => deviation + 2 ** (noise - largest), 0))
    return this.evaluator.withNoise(sum, Math.max(sum.noise, total))
  }
}

function constantOf(evaluator: Evaluator, value: number, options: EncodeOptions): EvaluatorPlaintext {
  return evaluator.constant?.(value, options) ?? evaluator.plaintext(new Float64Array(evaluator.slots).fill(value), options)
}

function messageBits({ scale, magnitude }: { scale: number; magnitude: number }): number {
  return Math.log2(scale) + Math.log2(magnitude)
}

/** t = factor·x + shift */
function stretch({ interval = UNIT_INTERVAL }: Pick<PolynomialOptions, 'interval'>): { factor: number; shift: number } {
  const [from, to] = interval
  if (!Number.isFinite(from) || !Number.isFinite(to) || !(from < to)) {
    throw new RangeError(`an interval has finite ends in ascending order, got ${from} and ${to}`)
  }
  return { factor: 2 / (to - from), shift: -(from + to) / (to - from) }
}

/** t in [-1, 1], at a's scale. */
function toUnitInterval(evaluator: Evaluator, a: EvaluatorCiphertext, options: PolynomialOptions): EvaluatorCiphertext {
  const { factor, shift } = stretch(options)
  const { parameters } = evaluator
  using stack = new DisposableStack()
  const constant = (value: number, level: number, scale: number) => stack.use(constantOf(evaluator, value, { level, scale }))
  let t = stack.use(evaluator.copy(a))
  if (factor !== 1) {
    const stretched = stack.use(evaluator.multiplyPlain(t, constant(factor, a.level, parameters.primes[a.level]!.number)))
    t = stack.use(evaluator.rescale(stretched))
  }
  const unit = shift === 0 ? evaluator.copy(t) : evaluator.addPlain(t, constant(shift, t.level, t.scale))
  return evaluator.withMagnitude(unit, Math.min(unit.magnitude, 1))
}
