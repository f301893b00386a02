import {
  type ComplexVector,
  conjugationElement,
  type Evaluator,
  type EvaluatorCiphertext,
  galoisElementOf,
  isCombiner,
  KernelEvaluator
} from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runs } from '../../../test/runs.ts'
import {
  complexSlots,
  conjugated,
  encrypt,
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

const STEPS = [1, -1, 3]

/** An operation of a random circuit: what it does, to which of the values made so far. Operands are taken modulo the number of values. */
const step = fc.record({
  operation: fc.constantFrom(
    'add',
    'subtract',
    'multiply',
    'square',
    'accumulate',
    'rotate',
    'conjugate',
    'multiplyPlain',
    'addPlain',
    'combine',
    'drop' as const
  ),
  left: fc.nat(20),
  right: fc.nat(20),
  detail: fc.nat(20)
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

interface Value {
  clear: ComplexVector
  made: EvaluatorCiphertext[]
  /** The fresh ciphertexts it comes from. */
  inputs: ReadonlySet<number>
}

const INPUTS = 5

/**
 * Runs a circuit on all evaluators at once; every value is kept below magnitude 2^6 so that it fits at level 0. The noise model counts the errors of different operands as
 * independent, so two operands are either one ciphertext or come from different inputs.
 */
function run(owner: Party, evaluators: readonly Evaluator[], steps: readonly Step[], check: (value: Value) => void): void {
  const { context } = owner
  const { slots } = context.parameters
  using stack = new DisposableStack()
  const values: Value[] = []
  const push = (from: readonly Value[], clear: ComplexVector, compute: (evaluator: Evaluator, k: number) => EvaluatorCiphertext) => {
    const made = evaluators.map((evaluator, k) => stack.use(compute(evaluator, k)))
    const largest = Math.max(...clear.real.map((re, k) => Math.hypot(re, clear.imaginary[k]!)))
    for (const [k, evaluator] of evaluators.entries()) evaluator.withMagnitude(made[k]!, Math.min(made[k]!.magnitude, largest * (1 + 1e-9)))
    const inputs = from.length === 0 ? new Set([values.length]) : new Set(from.flatMap(value => [...value.inputs]))
    const value = { clear, made, inputs }
    values.push(value)
    check(value)
  }
  const input = (label: string) => {
    const clear = complexSlots(label, slots)
    const ciphertext = stack.use(encrypt(owner, clear, label))
    push([], clear, evaluator => evaluator.load(ciphertext))
  }
  for (let k = 0; k < INPUTS; k++) input(`circuit ${k}`)
  for (const { operation, left, right, detail } of steps) {
    const a = values[left % values.length]!
    const level = a.made[0]!.level
    const scale = a.made[0]!.scale
    // the first that fits, from `right` on; `a` itself at worst
    const fits = ({ made, inputs }: Value) => made[0]!.level === level && made[0]!.scale === scale && inputs.isDisjointFrom(a.inputs)
    const b = [...values.keys()].map(k => values[(right + k) % values.length]!).find(fits) ?? a
    const magnitude = a.made[0]!.magnitude
    switch (operation) {
      case 'add':
      case 'subtract':
        if (magnitude + b.made[0]!.magnitude > 64) break
        push([a, b], (operation === 'add' ? plus : minus)(a.clear, b.clear), (evaluator, k) => evaluator[operation](a.made[k]!, b.made[k]!))
        break
      case 'multiply':
      case 'square':
      case 'accumulate': {
        if (level === 0 || magnitude * b.made[0]!.magnitude > 16 || magnitude * magnitude > 16) break
        if (operation === 'accumulate' && (a === b || b.made[0]!.magnitude ** 2 > 16)) break
        const squares = [
          [a, a],
          [b, b]
        ]
        const pairs = operation === 'multiply' ? [[a, b]] : operation === 'square' ? [[a, a]] : squares
        const clear = pairs.map(([p, q]) => times(p!.clear, q!.clear)).reduce(plus)
        push(pairs.flat(), clear, (evaluator, k) => {
          using product =
            operation === 'square'
              ? evaluator.square(a.made[k]!)
              : evaluator.multiplyAccumulate(pairs.map(([p, q]) => [p!.made[k]!, q!.made[k]!] as const))
          using linear = evaluator.relinearize(product)
          return evaluator.rescale(linear)
        })
        break
      }
      case 'rotate': {
        const by = STEPS[detail % STEPS.length]!
        push([a], rotated(a.clear, by), (evaluator, k) => {
          if (detail % 2 === 0) return evaluator.rotate(a.made[k]!, by)
          const [first, second] = evaluator.rotateMany(a.made[k]!, [by, STEPS[0]!])
          second!.dispose()
          return first!
        })
        break
      }
      case 'conjugate':
        push([a], conjugated(a.clear), (evaluator, k) => evaluator.conjugate(a.made[k]!))
        break
      case 'multiplyPlain': {
        if (level === 0 || magnitude > 16) break
        const clear = complexSlots(`plain ${detail}`, slots)
        push([a], times(a.clear, clear), (evaluator, k) => {
          using p = evaluator.plaintext(clear, { level, scale: 2 ** 40 })
          using product = evaluator.multiplyPlain(a.made[k]!, p)
          return evaluator.rescale(product)
        })
        break
      }
      case 'addPlain': {
        if (magnitude > 60) break
        const clear = complexSlots(`plain ${detail}`, slots)
        push([a], plus(a.clear, clear), (evaluator, k) => {
          using p = evaluator.plaintext(clear, { level, scale })
          return evaluator.addPlain(a.made[k]!, p)
        })
        break
      }
      case 'combine': {
        if (level === 0 || 2 * (magnitude + b.made[0]!.magnitude) + 1 > 64 || a === b) break
        const coefficients = [Math.cos(detail), 2 * Math.sin(detail + 1)]
        const constant = Math.sin(3 * detail)
        const clear = plus(scaled(a.clear, coefficients[0]!), scaled(b.clear, coefficients[1]!))
        for (let slot = 0; slot < slots; slot++) clear.real[slot]! += constant
        const weight = 2 ** 40
        push([a, b], clear, (evaluator, k) => {
          const operands = [a.made[k]!, b.made[k]!]
          if (isCombiner(evaluator)) {
            const rows = [{ inputs: [0, 1], coefficients, constant }]
            using sum = evaluator.linearCombinations(operands, rows, { scale: weight })[0]!
            return evaluator.rescale(sum)
          }
          const encode = (value: number, at: number) => evaluator.plaintext(new Float64Array(slots).fill(value), { level, scale: at })
          using p = encode(coefficients[0]!, weight)
          using q = encode(coefficients[1]!, weight)
          using sum = evaluator.multiplyAccumulate([
            [operands[0]!, p],
            [operands[1]!, q]
          ])
          using c = encode(constant, sum.scale)
          using shifted = evaluator.addPlain(sum, c)
          return evaluator.rescale(shifted)
        })
        break
      }
      case 'drop':
        if (level > 0) push([a], a.clear, (evaluator, k) => evaluator.dropLevel(a.made[k]!, level - 1))
        break
    }
  }
}

const scaled = ({ real, imaginary }: ComplexVector, factor: number): ComplexVector => ({
  real: real.map(value => factor * value),
  imaginary: imaginary.map(value => factor * value)
})

async function prepare(specialPrimes: number): Promise<{ owner: Party; kernel: KernelEvaluator; setKeys: (evaluator: Evaluator) => void }> {
  const owner = await party({ ...SMALL, logN: 11, specialPrimes })
  const { generator, secret, context } = owner
  const { N } = context.parameters
  const relinearizationKey = generator.relinearizationKey(secret, { seed: seedOf('circuit relinearization') })
  const elements = [...STEPS.map(by => galoisElementOf(by, N)), conjugationElement(N)]
  const galoisKeys = new Map(elements.map(g => [g, generator.galoisKey(secret, g, { seed: seedOf('circuit galois', g) })]))
  const kernel = new KernelEvaluator(context)
  const setKeys = (evaluator: Evaluator) => evaluator.setKeys({ relinearizationKey, galoisKeys })
  setKeys(kernel)
  return { owner, kernel, setKeys }
}

describe('random circuits', () => {
  it('mean the same to the kernel and to SEAL, within the noise each tracks', async () => {
    const { owner, kernel, setKeys } = await prepare(1)
    const seal = await SealEvaluator.create(owner.context)
    setKeys(seal)
    const evaluators = [kernel, seal]
    const check = ({ clear, made }: Value) => {
      made.forEach((ciphertext, k) => {
        using stored = evaluators[k]!.store(ciphertext)
        expect(measuredNoise(owner, stored, clear)).toBeLessThanOrEqual(ciphertext.noise)
      })
      const [ours, theirs] = made as [EvaluatorCiphertext, EvaluatorCiphertext]
      expect([ours.level, ours.scale, ours.degree, ours.magnitude]).toEqual([theirs.level, theirs.scale, theirs.degree, theirs.magnitude])
      // centred digits are never the worse ones
      expect(ours.noise).toBeLessThanOrEqual(theirs.noise)
    }
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 14 }), steps => run(owner, evaluators, steps, check)),
      { numRuns: runs(60) }
    )
    expect(kernel.live).toMatchObject({ ciphertexts: 0, plaintexts: 0 })
  })

  for (const specialPrimes of [2, 3]) {
    it(`stay within the tracked noise with ${specialPrimes} special primes`, async () => {
      const { owner, kernel } = await prepare(specialPrimes)
      const check = ({ clear, made }: Value) => {
        using stored = kernel.store(made[0]!)
        expect(measuredNoise(owner, stored, clear)).toBeLessThanOrEqual(made[0]!.noise)
      }
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 14 }), steps => run(owner, [kernel], steps, check)),
        { numRuns: runs(60) }
      )
      expect(kernel.live).toMatchObject({ ciphertexts: 0, plaintexts: 0 })
    })
  }
})
