/**
 * What every evaluator must do. Each result is decrypted, compared with the same computation in the clear, and its noise is measured with the secret key: never above what is
 * tracked, and not more than `slackBits` below it.
 */
import {
  type Ciphertext,
  type ComplexVector,
  type Context,
  conjugationElement,
  DegreeMismatchError,
  EmptySumError,
  type Evaluator,
  type EvaluatorCiphertext,
  ForeignOperandError,
  galoisElementOf,
  InvalidGaloisElementError,
  InvalidLevelError,
  InvalidScaleError,
  isCombiner,
  KeyMismatchError,
  LevelMismatchError,
  MissingKeyError,
  PAIR_SQUARE_SCALE,
  type ParametersRequest,
  pairSlots,
  ScaleMismatchError,
  ScaleOverflowError,
  squarePairs,
  unpairSlots
} from '@slytherin/ckks'
import { DisposedError } from '@slytherin/ring'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  complexSlots,
  conjugated,
  encrypt,
  largestDifference,
  measuredNoise,
  minus,
  type Party,
  party,
  plus,
  rotated,
  SMALL,
  seedOf,
  times
} from './support.js'

export interface Implementation {
  name: string
  create(context: Context): Promise<Evaluator>
  /** Objects or bytes the evaluator holds; back to where it was once everything is disposed. */
  held(evaluator: Evaluator): number
  /**
   * How much larger than evenly spread noise the error of a single slot may be. SEAL's digits are not centred: their mean turns the key's error into partial sums, whose
   * spectrum peaks at the roots next to 1 (slot 0 and its neighbours) with a factor of about √N.
   */
  slotPeak?(N: number): number
}

export interface ComplianceOptions {
  parameters: ParametersRequest
  /** Largest tracked - measured for one operation on fresh operands, bits. */
  slackBits?: number
}

const scaledBy = ({ real, imaginary }: ComplexVector, factor: number): ComplexVector => ({
  real: real.map(value => factor * value),
  imaginary: imaginary.map(value => factor * value)
})

const STEPS = [1, 2, 5, -1, -7]

export function evaluatorCompliance(implementation: Implementation, options: ComplianceOptions): void {
  const { parameters: request, slackBits = 4 } = options
  const label = `${implementation.name}, N = 2^${request.logN}, ${request.levels + 1} + ${request.specialPrimes ?? 1} primes`

  describe(`evaluator compliance: ${label}`, () => {
    let owner: Party
    let evaluator: Evaluator
    let top: number
    let slots: number
    let peak: number
    let x: ComplexVector
    let y: ComplexVector
    let X: Ciphertext
    let Y: Ciphertext

    const rotationsOf = (n: number) => [...STEPS, n / 2]

    beforeAll(async () => {
      owner = await party(request)
      const { context, generator, secret } = owner
      top = context.parameters.maxLevel
      slots = context.parameters.slots
      peak = implementation.slotPeak?.(context.parameters.N) ?? 1
      evaluator = await implementation.create(context)
      const { N } = context.parameters
      const elements = [...rotationsOf(slots).map(step => galoisElementOf(step, N)), conjugationElement(N)]
      const relinearizationKey = generator.relinearizationKey(secret, { seed: seedOf('relinearization') })
      const galoisKeys = new Map(elements.map(g => [g, generator.galoisKey(secret, g, { seed: seedOf('galois', g) })]))
      evaluator.setKeys({ relinearizationKey, galoisKeys })
      // the evaluator has its own copies
      relinearizationKey.dispose()
      for (const key of galoisKeys.values()) key.dispose()
      x = complexSlots('x', slots)
      y = complexSlots('y', slots)
      X = encrypt(owner, x, 'x')
      Y = encrypt(owner, y, 'y')
    })

    afterAll(() => {
      evaluator[Symbol.dispose]()
      owner.context.dispose()
    })

    const verify = (result: EvaluatorCiphertext, expected: ComplexVector, slack: number = slackBits) => {
      const ciphertext = evaluator.store(result)
      expect({ ...metadata(ciphertext) }).toEqual({ ...metadata(result) })
      const noise = measuredNoise(owner, ciphertext, expected)
      expect(noise).toBeLessThanOrEqual(result.noise)
      expect(result.noise - noise).toBeLessThan(slack)
      // in the slots the noise has √N times the standard deviation; nine of them
      const tolerance = (9 * peak * 2 ** result.noise * Math.sqrt(2 * slots)) / result.scale
      expect(largestDifference(owner.decryptor.decrypt(ciphertext), expected)).toBeLessThan(tolerance)
      const largest = Math.max(...expected.real.map((re, k) => Math.hypot(re, expected.imaginary[k]!)))
      expect(result.magnitude).toBeGreaterThanOrEqual(largest * (1 - 1e-12))
      ciphertext.dispose()
    }

    /** Loads, computes, disposes everything, and checks that nothing is left. */
    const scope = (body: (keep: <T extends Disposable>(object: T) => T) => void) => {
      const before = implementation.held(evaluator)
      {
        using stack = new DisposableStack()
        body(object => stack.use(object))
      }
      expect(implementation.held(evaluator)).toBe(before)
    }

    const words = (ciphertext: Ciphertext) => ciphertext.components.map(component => owner.context.ring.encodeWords(component))

    it('loads and stores without changing a residue', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const back = evaluator.store(a)
        expect(words(back)).toEqual(words(X))
        expect(metadata(back)).toEqual(metadata(X))
        back.dispose()
        verify(a, x)
        verify(keep(evaluator.copy(a)), x)
      })
    })

    it('adds and subtracts', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const b = keep(evaluator.load(Y))
        verify(keep(evaluator.add(a, b)), plus(x, y))
        verify(keep(evaluator.subtract(a, b)), minus(x, y))
        verify(keep(evaluator.add(a, a)), plus(x, x))
        evaluator.addInPlace(a, b)
        verify(a, plus(x, y))
        verify(b, y)
        evaluator.addInPlace(b, b)
        verify(b, plus(y, y))
      })
    })

    it('adds a plaintext', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const p = keep(evaluator.plaintext(y, { level: a.level, scale: a.scale }))
        verify(keep(evaluator.addPlain(a, p)), plus(x, y))
      })
    })

    it('multiplies, relinearises and rescales', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const b = keep(evaluator.load(Y))
        const product = keep(evaluator.multiply(a, b))
        expect(product.degree).toBe(2)
        expect(product.scale).toBe(a.scale * b.scale)
        verify(product, times(x, y))
        const linear = keep(evaluator.relinearize(product))
        expect(linear.degree).toBe(1)
        verify(linear, times(x, y))
        const rescaled = keep(evaluator.rescale(linear))
        expect(rescaled.level).toBe(top - 1)
        expect(rescaled.scale).toBe(product.scale / owner.context.parameters.primes[top]!.number)
        verify(rescaled, times(x, y))
        verify(keep(evaluator.rescale(product)), times(x, y))
        verify(keep(evaluator.relinearize(keep(evaluator.rescale(product)))), times(x, y))
        verify(keep(evaluator.relinearize(linear)), times(x, y))
      })
    })

    it('squares', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        verify(keep(evaluator.square(a)), times(x, x))
        const product = keep(evaluator.multiply(a, a))
        verify(product, times(x, x))
        verify(keep(evaluator.rescale(keep(evaluator.relinearize(product)))), times(x, x))
      })
    })

    it('multiplies by a plaintext', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const p = keep(evaluator.plaintext(y, { level: top, scale: 2 ** 30 }))
        const product = keep(evaluator.multiplyPlain(a, p))
        expect(product.scale).toBe(a.scale * 2 ** 30)
        verify(product, times(x, y))
        verify(keep(evaluator.rescale(product)), times(x, y))
      })
    })

    it('accumulates products of ciphertexts', () => {
      scope(keep => {
        const count = 8
        const left = Array.from({ length: count }, (_, k) => complexSlots(`left ${k}`, slots))
        const right = Array.from({ length: count }, (_, k) => complexSlots(`right ${k}`, slots))
        const load = (values: ComplexVector[], name: string) =>
          values.map((value, k) => {
            using ciphertext = encrypt(owner, value, `${name} ${k}`)
            return keep(evaluator.load(ciphertext))
          })
        const a = load(left, 'left')
        const b = load(right, 'right')
        const sum = keep(evaluator.multiplyAccumulate(a.map((item, k) => [item, b[k]!] as const)))
        const expected = left.map((value, k) => times(value, right[k]!)).reduce(plus)
        expect(sum.degree).toBe(2)
        verify(sum, expected)
        evaluator.multiplyAddInPlace(sum, a[0]!, b[1]!)
        const extended = plus(expected, times(left[0]!, right[1]!))
        verify(sum, extended)
        verify(keep(evaluator.rescale(keep(evaluator.relinearize(sum)))), extended)
      })
    })

    it('accumulates products with plaintexts, also onto a sum', () => {
      scope(keep => {
        const count = 5
        const values = Array.from({ length: count }, (_, k) => complexSlots(`plain ${k}`, slots))
        const a = keep(evaluator.load(X))
        const b = keep(evaluator.load(Y))
        const plaintexts = values.map(value => keep(evaluator.plaintext(value, { level: top, scale: 2 ** 36 })))
        const sum = keep(evaluator.multiplyAccumulate(plaintexts.map((p, k) => [k % 2 === 0 ? a : b, p] as const)))
        const expected = values.map((value, k) => times(k % 2 === 0 ? x : y, value)).reduce(plus)
        expect(sum.degree).toBe(1)
        verify(sum, expected)
        evaluator.multiplyAddInPlace(sum, b, plaintexts[0]!)
        verify(sum, plus(expected, times(y, values[0]!)))
        expect(() => evaluator.multiplyAccumulate([])).toThrow(EmptySumError)
      })
    })

    it('multiplies matrices of numbers by ciphertexts, where it can, as products with plaintexts and sums would', () => {
      if (!isCombiner(evaluator)) return
      const combiner = evaluator
      scope(keep => {
        const operands = [keep(evaluator.load(X)), keep(evaluator.load(Y)), keep(evaluator.load(X))]
        const vectors = [x, y, x]
        const scale = 2 ** 30
        const rows = [
          { inputs: [0, 1], coefficients: [0.75, -1.3], constant: 0.4 },
          { inputs: [2], coefficients: [1e-3] },
          { inputs: [1, 0], coefficients: [-0.2, 2.5], constant: -3 },
          { inputs: [0, 1], coefficients: [1, 1] }
        ]
        const constant = (value: number, at: number) =>
          keep(evaluator.plaintext(new Float64Array(slots).fill(value), { level: top, scale: at }))
        const sums = combiner.linearCombinations(operands, rows, { scale })
        expect(sums.length).toBe(rows.length)
        for (const [o, row] of rows.entries()) {
          const sum = keep(sums[o]!)
          const scaled = row.inputs.map((k, t) => scaledBy(vectors[k]!, row.coefficients[t]!))
          const expected = scaled.reduce(plus)
          if (row.constant !== undefined) for (let slot = 0; slot < slots; slot++) expected.real[slot]! += row.constant
          // of an encoded number, one coefficient is rounded; tracked is the rounding of all N
          verify(sum, expected, slackBits + 0.5 * Math.log2(2 * slots))
          const products = row.inputs.map((k, t) => keep(evaluator.multiplyPlain(operands[k]!, constant(row.coefficients[t]!, scale))))
          const total = products.slice(1).reduce((a, b) => keep(evaluator.add(a, b)), products[0]!)
          const slowly = row.constant === undefined ? total : keep(evaluator.addPlain(total, constant(row.constant, total.scale)))
          expect(metadata(evaluator.store(sum))).toEqual(metadata(evaluator.store(slowly)))
        }
        const [first] = operands
        expect(() => combiner.linearCombinations(operands, [{ inputs: [], coefficients: [] }], { scale })).toThrow(EmptySumError)
        expect(() => combiner.linearCombinations(operands, [{ inputs: [0, 1], coefficients: [1] }], { scale })).toThrow(RangeError)
        expect(() => combiner.linearCombinations(operands, [{ inputs: [3], coefficients: [1] }], { scale })).toThrow(RangeError)
        expect(() => combiner.linearCombinations(operands, [{ inputs: [0, 0], coefficients: [1, 1] }], { scale })).toThrow(RangeError)
        expect(() => combiner.linearCombinations(operands, rows, { scale: 2 ** 200 })).toThrow(ScaleOverflowError)
        const lower = keep(evaluator.dropLevel(first!, top - 1))
        const mixed = { inputs: [0, 1], coefficients: [1, 1] }
        expect(() => combiner.linearCombinations([first!, lower], [mixed], { scale })).toThrow(LevelMismatchError)
        expect(() => combiner.linearCombinations([keep(evaluator.square(first!)), first!], [mixed], { scale })).toThrow()
        expect(combiner.linearCombinations(operands, [], { scale })).toEqual([])
      })
    })

    it('rotates and conjugates, one by one and together', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const steps = rotationsOf(slots)
        const together = evaluator.rotateMany(a, [...steps, 0]).map(keep)
        steps.forEach((step, k) => {
          verify(keep(evaluator.rotate(a, step)), rotated(x, step))
          verify(together[k]!, rotated(x, step))
        })
        verify(together[steps.length]!, x)
        verify(keep(evaluator.rotate(a, slots)), x)
        verify(keep(evaluator.rotate(a, 1 - slots)), rotated(x, 1))
        verify(keep(evaluator.conjugate(a)), conjugated(x))
      })
    })

    it('multiplies by monomials exactly', () => {
      const { N } = owner.context.parameters
      // slot k belongs to the root ζ^(3^k), ζ = exp(πi/N)
      const monomial = (exponent: number): ComplexVector => {
        const angles = Array.from({ length: slots }, (_, k) => (Math.PI * ((galoisElementOf(k, N) * exponent) % (2 * N))) / N)
        return { real: Float64Array.from(angles, Math.cos), imaginary: Float64Array.from(angles, Math.sin) }
      }
      scope(keep => {
        const a = keep(evaluator.load(X))
        for (const exponent of [0, 1, N / 2, N - 1, N, (3 * N) / 2, 2 * N - 1]) {
          const product = keep(evaluator.multiplyByMonomial(a, exponent))
          expect(metadata(product)).toEqual(metadata(a))
          verify(product, times(x, monomial(exponent)))
          // X^exponent · X^(2N - exponent) = 1
          const back = evaluator.store(keep(evaluator.multiplyByMonomial(product, (2 * N - exponent) % (2 * N))))
          expect(words(back)).toEqual(words(X))
          back.dispose()
        }
        const lower = keep(evaluator.dropLevel(a, top - 1))
        verify(keep(evaluator.multiplyByMonomial(lower, 3)), times(x, monomial(3)))
        const product = keep(evaluator.multiply(a, keep(evaluator.load(Y))))
        verify(keep(evaluator.multiplyByMonomial(product, N / 2)), times(times(x, y), monomial(N / 2)))
        for (const bad of [-1, 2 * N, 0.5]) expect(() => evaluator.multiplyByMonomial(a, bad)).toThrow(RangeError)
      })
      const unit = monomial(N / 2)
      unit.imaginary.forEach((value, slot) => {
        expect(value).toBeCloseTo(slot % 2 === 0 ? 1 : -1, 12)
      })
    })

    it('reads a ciphertext at another scale', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const { scale, magnitude } = a
        expect(evaluator.withScale(a, 4 * scale)).toBe(a)
        expect(a.scale).toBe(4 * scale)
        expect(a.magnitude).toBe(magnitude / 4)
        const quarter: ComplexVector = { real: x.real.map(value => value / 4), imaginary: x.imaginary.map(value => value / 4) }
        verify(a, quarter)
        verify(keep(evaluator.square(a)), times(quarter, quarter))
        expect(() => evaluator.withScale(a, 0)).toThrow(InvalidScaleError)
        expect(() => evaluator.withScale(a, 2 ** 1000)).toThrow(ScaleOverflowError)
      })
    })

    it('squares two real vectors in one', () => {
      scope(keep => {
        const [p, q] = [x.real, x.imaginary]
        const z = pairSlots(p, q)
        expect(unpairSlots(z)).toEqual([p, q])
        using Z = encrypt(owner, z, 'pair')
        const a = keep(evaluator.load(Z))
        const square = keep(squarePairs(evaluator, a, 1))
        expect(square.degree).toBe(2)
        expect(square.scale).toBe(PAIR_SQUARE_SCALE * a.scale * a.scale)
        const expected = pairSlots(
          p.map(value => value * value),
          q.map(value => value * value)
        )
        verify(square, expected)
        verify(keep(evaluator.rescale(keep(evaluator.relinearize(square)))), expected)
        // even steps turn both vectors alike
        verify(keep(evaluator.rotate(a, 2)), pairSlots(rotated(x, 2).real, rotated(x, 2).imaginary))
        verify(keep(evaluator.dropLevel(square, top - 1)), expected)
      })
    })

    it('works at every level', () => {
      for (let level = top; level >= 0; level--) {
        scope(keep => {
          const a = keep(evaluator.dropLevel(keep(evaluator.load(X)), level))
          using Z = encrypt(owner, y, `level ${level}`, level)
          const b = keep(evaluator.load(Z))
          expect(a.level).toBe(level)
          verify(a, x)
          verify(keep(evaluator.add(a, b)), plus(x, y))
          verify(keep(evaluator.rotate(b, 5)), rotated(y, 5))
          verify(evaluator.rotateMany(b, [-7]).map(keep)[0]!, rotated(y, -7))
          if (level === 0) return
          const product = keep(evaluator.relinearize(keep(evaluator.multiply(a, b))))
          verify(product, times(x, y))
          verify(keep(evaluator.rescale(product)), times(x, y))
        })
      }
    })

    it('keeps the noise of a deep computation below what it tracks', () => {
      scope(keep => {
        let value = x
        let a = keep(evaluator.load(X))
        for (let level = top; level >= 1; level--) {
          const factor = complexSlots(`deep ${level}`, slots)
          using F = encrypt(owner, factor, `deep ${level}`, level)
          const product = keep(evaluator.multiply(a, keep(evaluator.load(F))))
          a = keep(evaluator.rotate(keep(evaluator.rescale(keep(evaluator.relinearize(product)))), 2))
          value = rotated(times(value, factor), 2)
          // magnitudes are bounds and multiply; the slots' mean square does not keep up with them
          verify(a, value, slackBits + 2 * (top - level + 1))
        }
      })
    })

    it('accepts scales within the tolerance and counts their error', () => {
      scope(keep => {
        const scale = owner.context.parameters.scale * (1 + 2 ** -31)
        using plaintext = owner.context.encoder.encode(y, { level: top, scale })
        using Z = owner.encryptor.encrypt(plaintext, seedOf('close scale'))
        const a = keep(evaluator.load(X))
        const b = keep(evaluator.load(Z))
        verify(keep(evaluator.add(a, b)), plus(x, y))
        verify(keep(evaluator.addPlain(a, keep(evaluator.plaintext(y, { level: top, scale })))), plus(x, y))
        verify(b, y)
        evaluator.addInPlace(a, b)
        verify(a, plus(x, y))
      })
    })

    it('allows results that do not depend on the key', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const zero = { real: new Float64Array(slots), imaginary: new Float64Array(slots) }
        const plain = keep(evaluator.plaintext(new Float64Array(0), { level: top, scale: 2 ** 20 }))
        for (const result of [keep(evaluator.subtract(a, a)), keep(evaluator.multiplyPlain(a, plain))]) {
          const ciphertext = evaluator.store(result)
          expect(largestDifference(owner.decryptor.decrypt(ciphertext), zero)).toBe(0)
          ciphertext.dispose()
        }
      })
    })

    it('takes a better bound on the slots', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const noise = keep(evaluator.multiply(a, keep(evaluator.load(Y)))).noise
        expect(evaluator.withMagnitude(a, 0.5)).toBe(a)
        expect(a.magnitude).toBe(0.5)
        expect(keep(evaluator.multiply(a, keep(evaluator.load(Y)))).noise).toBeLessThan(noise)
        for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) expect(() => evaluator.withMagnitude(a, bad)).toThrow(RangeError)
      })
    })

    it('refuses operands that do not fit, naming the cause', () => {
      scope(keep => {
        const a = keep(evaluator.load(X))
        const lower = keep(evaluator.dropLevel(a, top - 1))
        const product = keep(evaluator.multiply(a, a))
        const plain = keep(evaluator.plaintext(y, { level: top, scale: 2 ** 20 }))
        expect(() => evaluator.add(a, lower)).toThrow(LevelMismatchError)
        expect(() => evaluator.addInPlace(lower, a)).toThrow(LevelMismatchError)
        expect(() => evaluator.multiply(a, lower)).toThrow(LevelMismatchError)
        expect(() => evaluator.multiplyPlain(lower, plain)).toThrow(LevelMismatchError)
        expect(() => evaluator.add(a, product)).toThrow(ScaleMismatchError)
        expect(() => evaluator.addPlain(a, plain)).toThrow(ScaleMismatchError)
        expect(() => evaluator.multiplyAddInPlace(product, a, plain)).toThrow(ScaleMismatchError)
        expect(() => evaluator.multiply(product, a)).toThrow(DegreeMismatchError)
        expect(() => evaluator.rotate(product, 1)).toThrow(DegreeMismatchError)
        expect(() => evaluator.rotate(a, 3)).toThrow(MissingKeyError)
        expect(() => evaluator.rotateMany(a, [1, 3])).toThrow(MissingKeyError)
        expect(() => evaluator.dropLevel(lower, top)).toThrow(InvalidLevelError)
        expect(() => evaluator.dropLevel(a, -1)).toThrow(InvalidLevelError)
        expect(() => evaluator.plaintext(y, { level: top + 1, scale: 2 ** 20 })).toThrow(InvalidLevelError)
        const bottom = keep(evaluator.dropLevel(a, 0))
        expect(() => evaluator.rescale(bottom)).toThrow(InvalidLevelError)
        expect(() => evaluator.multiply(bottom, bottom)).toThrow(ScaleOverflowError)
      })
    })

    it('refuses operands of others and disposed ones', async () => {
      const other = await implementation.create(owner.context)
      const foreign = other.load(X)
      const foreignPlain = other.plaintext(y, { level: top, scale: 2 ** 20 })
      scope(keep => {
        const a = keep(evaluator.load(X))
        expect(() => evaluator.add(a, foreign)).toThrow(ForeignOperandError)
        expect(() => evaluator.multiplyPlain(a, foreignPlain)).toThrow(ForeignOperandError)
        expect(() => evaluator.store(foreign)).toThrow(ForeignOperandError)
        expect(() => evaluator.multiply(a, foreignPlain as unknown as EvaluatorCiphertext)).toThrow(ForeignOperandError)
        const gone = evaluator.copy(a)
        gone.dispose()
        gone.dispose()
        expect(() => evaluator.add(a, gone)).toThrow(DisposedError)
        expect(() => evaluator.store(gone)).toThrow(DisposedError)
      })
      expect(() => other.relinearize(other.square(foreign))).toThrow(MissingKeyError)
      other[Symbol.dispose]()
    })
  })
}

function metadata({ level, scale, degree, noise, magnitude }: EvaluatorCiphertext | Ciphertext): object {
  return { level, scale, degree, noise, magnitude }
}

/** What `bookkeepingCompliance` needs of an evaluator, with cryptography or without. */
export interface BookkeepingImplementation {
  name: string
  /** Without any key. */
  create(context: Context): Promise<Evaluator>
  encrypt(evaluator: Evaluator, owner: Party, values: ComplexVector): EvaluatorCiphertext
  decrypt(evaluator: Evaluator, owner: Party, ciphertext: EvaluatorCiphertext): ComplexVector
  /** Whether it counts the memory of its ciphertexts, does not know it, or has no bound of its own. */
  memory: 'counted' | 'untold' | 'unbounded'
}

/** How evaluators with cryptography do the first two. */
export const REAL_CIPHERTEXTS: Pick<BookkeepingImplementation, 'encrypt' | 'decrypt'> = {
  encrypt: (evaluator, owner, values) => {
    using ciphertext = encrypt(owner, values, 'bookkeeping')
    return evaluator.load(ciphertext)
  },
  decrypt: (evaluator, owner, ciphertext) => {
    using stored = evaluator.store(ciphertext)
    return owner.decryptor.decrypt(stored)
  }
}

/** What an evaluator is told and asked beside computing: keys one by one, better bounds, room in memory. */
export function bookkeepingCompliance(implementation: BookkeepingImplementation): void {
  describe(`evaluator bookkeeping: ${implementation.name}`, () => {
    let owner: Party
    let evaluator: Evaluator
    let top: number
    let x: ComplexVector

    beforeAll(async () => {
      owner = await party(SMALL)
      top = owner.context.parameters.maxLevel
      x = complexSlots('x', owner.context.parameters.slots)
    })

    beforeEach(async () => {
      evaluator = await implementation.create(owner.context)
    })

    afterEach(() => evaluator[Symbol.dispose]())

    afterAll(() => owner.context.dispose())

    const close = (ciphertext: EvaluatorCiphertext, expected: ComplexVector) => {
      expect(largestDifference(implementation.decrypt(evaluator, owner, ciphertext), expected)).toBeLessThan(2 ** -15)
    }
    const giveGalois = (step: number, level = top) => {
      const element = galoisElementOf(step, owner.context.parameters.N)
      using key = owner.generator.galoisKey(owner.secret, element, { level, seed: seedOf('one galois key', element, level) })
      evaluator.setGaloisKey(element, key)
    }
    const giveRelinearization = (level = top) => {
      using key = owner.generator.relinearizationKey(owner.secret, { level, seed: seedOf('one relinearization key', level) })
      evaluator.setRelinearizationKey(key)
    }

    it('takes Galois keys one by one, each in place of the one before it', () => {
      using a = implementation.encrypt(evaluator, owner, x)
      expect(() => evaluator.rotate(a, 1)).toThrow(MissingKeyError)
      giveGalois(1)
      using once = evaluator.rotate(a, 1)
      close(once, rotated(x, 1))
      expect(() => evaluator.rotate(a, 2)).toThrow(MissingKeyError)
      giveGalois(2)
      for (const [k, turned] of evaluator.rotateMany(a, [1, 2]).entries()) {
        close(turned, rotated(x, k + 1))
        turned.dispose()
      }
      giveGalois(2, 0)
      expect(() => evaluator.rotate(a, 2)).toThrow(KeyMismatchError)
      using again = evaluator.rotate(a, 1)
      close(again, rotated(x, 1))
      using key = owner.generator.galoisKey(owner.secret, galoisElementOf(1, owner.context.parameters.N), {
        level: top,
        seed: seedOf('some key')
      })
      expect(() => evaluator.setGaloisKey(2, key)).toThrow(InvalidGaloisElementError)
    })

    it('takes a relinearisation key by itself, in place of the one before it', () => {
      using a = implementation.encrypt(evaluator, owner, x)
      using square = evaluator.square(a)
      expect(() => evaluator.relinearize(square)).toThrow(MissingKeyError)
      giveGalois(1)
      giveRelinearization()
      using linear = evaluator.relinearize(square)
      close(linear, times(x, x))
      giveRelinearization(0)
      expect(() => evaluator.relinearize(square)).toThrow(KeyMismatchError)
      using turned = evaluator.rotate(a, 1)
      close(turned, rotated(x, 1))
    })

    it('forgets keys given one by one when it is given others together', () => {
      using a = implementation.encrypt(evaluator, owner, x)
      giveGalois(1)
      evaluator.setKeys({ galoisKeys: new Map() })
      expect(() => evaluator.rotate(a, 1)).toThrow(MissingKeyError)
    })

    it('restates noise, upwards and downwards, and computes on from there', () => {
      using a = implementation.encrypt(evaluator, owner, x)
      const before = metadata(a)
      const fresh = a.noise
      expect(evaluator.restateNoise(a, fresh + 10)).toBe(a)
      expect(metadata(a)).toEqual({ ...before, noise: fresh + 10 })
      using sum = evaluator.add(a, a)
      expect(sum.noise).toBeCloseTo(fresh + 11, 10)
      expect(evaluator.restateNoise(a, fresh - 1)).toBe(a)
      expect(metadata(a)).toEqual({ ...before, noise: fresh - 1 })
      close(a, x)
      // what was made of it before stays as it was
      expect(sum.noise).toBeCloseTo(fresh + 11, 10)
      expect(() => evaluator.restateNoise(a, Number.NaN)).toThrow(RangeError)
      expect(a.noise).toBe(fresh - 1)
    })

    it('raises noise, but never lowers it by that', () => {
      using a = implementation.encrypt(evaluator, owner, x)
      const fresh = a.noise
      expect(evaluator.withNoise(a, fresh - 1)).toBe(a)
      expect(a.noise).toBe(fresh)
      evaluator.withNoise(a, fresh + 1)
      expect(a.noise).toBe(fresh + 1)
      expect(() => evaluator.withNoise(a, Number.NaN)).toThrow(RangeError)
    })

    it('says what room its memory has', () => {
      // what is made once, at the first encryption
      implementation.encrypt(evaluator, owner, x).dispose()
      const free = evaluator.bytesFree
      const a = implementation.encrypt(evaluator, owner, x)
      const { N } = owner.context.parameters
      if (implementation.memory === 'counted') {
        expect(free).toBeGreaterThan(0)
        // rows may be padded
        const words = (free - evaluator.bytesFree) / (2 * (top + 1) * N * 8)
        expect(words).toBeGreaterThanOrEqual(1)
        expect(words).toBeLessThan(1.05)
      } else expect(evaluator.bytesFree).toBe(implementation.memory === 'untold' ? 0 : Number.POSITIVE_INFINITY)
      a.dispose()
      expect(evaluator.bytesFree).toBe(free)
    })
  })
}
