/** Operations of the evaluator, through the interface that both implementations have. */
import { evaluatePolynomial, LinearTransform, polynomialDepth } from '@slytherin/ckks'
import { DIAGONALS, HOISTED, slotsOf } from '../shapes.js'

/** @typedef {import('../main.js').Row} Row */

/** Coefficients of a smooth odd function, such as an activation has. */
const CHEBYSHEV = [0.5, 0.57, 0, -0.08, 0, 0.012, 0, -0.002]

const release = ciphertext => ciphertext.dispose()

/** The same on both sides. @param {(side: { evaluator: any, a: any, keep: (object: any) => any }) => import('../measure.js').Timed} make */
const both = make => bench => {
  const side = (evaluator, ciphertext) => {
    const keep = object => bench.stack.use(object)
    return make({ evaluator, a: keep(evaluator.load(ciphertext)), keep })
  }
  return { kernel: side(bench.evaluator, bench.ours.ciphertext), seal: side(bench.seal, bench.theirs.ciphertext) }
}

/** @returns {Row[]} */
export const evaluatorRows = () => [
  { operation: 'add', title: 'add', prepare: both(({ evaluator, a }) => ({ run: () => evaluator.add(a, a), release })) },
  {
    operation: 'multiply-plain',
    title: 'multiply by a plaintext',
    prepare: both(({ evaluator, a, keep }) => {
      const p = keep(evaluator.plaintext(Float64Array.of(1, 2, 3), { level: a.level, scale: a.scale }))
      return { run: () => evaluator.multiplyPlain(a, p), release }
    })
  },
  {
    operation: 'multiply-relinearize',
    title: 'multiply + relinearise',
    prepare: both(({ evaluator, a, keep }) => {
      const b = keep(evaluator.copy(a))
      const run = () => {
        using product = evaluator.multiply(a, b)
        return evaluator.relinearize(product)
      }
      return { run, release }
    })
  },
  {
    operation: 'rescale',
    title: 'rescale',
    prepare: both(({ evaluator, a, keep }) => {
      const p = keep(evaluator.plaintext(Float64Array.of(1, 2, 3), { level: a.level, scale: a.scale }))
      const product = keep(evaluator.multiplyPlain(a, p))
      return { run: () => evaluator.rescale(product), release }
    })
  },
  {
    operation: 'rotate',
    title: 'rotate',
    // over the same rotations as the hoisted row, so that keys come from memory as they do in use
    prepare: both(({ evaluator, a }) => ({
      run: () => HOISTED.map(step => evaluator.rotate(a, step)),
      release: rotated => rotated.forEach(release),
      per: HOISTED.length
    }))
  },
  {
    operation: 'rotate-hoisted',
    title: `rotate, one of ${HOISTED.length} hoisted`,
    note: 'SEAL has no hoisting; ratio to its ordinary rotation',
    prepare: both(({ evaluator, a }) => ({
      run: () => evaluator.rotateMany(a, HOISTED),
      release: rotated => rotated.forEach(release),
      per: HOISTED.length
    }))
  },
  {
    operation: 'polynomial',
    title: `Chebyshev polynomial of degree ${CHEBYSHEV.length - 1}`,
    prepare: bench => {
      const polynomial = { basis: 'chebyshev', coefficients: CHEBYSHEV }
      if (bench.ours.parameters.maxLevel < polynomialDepth(polynomial)) return null
      return both(({ evaluator, a }) => ({ run: () => evaluatePolynomial(evaluator, a, polynomial), release }))(bench)
    }
  },
  {
    operation: 'linear-transform',
    title: `linear map, ${DIAGONALS} clear diagonals`,
    note: 'double hoisting against baby and giant steps of single SEAL operations; diagonals encoded beforehand',
    prepare: bench => {
      const { evaluator, ours, theirs, seal, stack } = bench
      const { slots, maxLevel: level } = ours.parameters
      const transform = stack.use(new LinearTransform(ours.context, diagonalsOf(slots), { level, babySteps: BABY_STEPS }))
      const a = stack.use(evaluator.load(ours.ciphertext))
      const b = stack.use(seal.load(theirs.ciphertext))
      const giants = [...transform.diagonals.giants].map(([giant, terms]) => ({
        giant,
        terms: terms.map(({ baby, values }) => ({ baby, plaintext: stack.use(seal.plaintext(values, { level, scale: transform.scale })) }))
      }))
      return {
        kernel: { run: () => evaluator.linearTransform(a, transform), release },
        seal: { run: () => stepByStep(seal, b, giants), release }
      }
    }
  }
]

const BABY_STEPS = 8

const diagonalsOf = slots => new Map(Array.from({ length: DIAGONALS }, (_, d) => [d, slotsOf(`diagonal ${d}`, slots)]))

/** The linear map in single operations. */
function stepByStep(evaluator, a, giants) {
  const babies = evaluator.rotateMany(
    a,
    Array.from({ length: BABY_STEPS }, (_, step) => step)
  )
  let sum
  for (const { giant, terms } of giants) {
    const inner = evaluator.multiplyAccumulate(terms.map(({ baby, plaintext }) => [babies[baby], plaintext]))
    const rotated = evaluator.rotate(inner, giant)
    inner.dispose()
    if (sum) {
      evaluator.addInPlace(sum, rotated)
      rotated.dispose()
    } else sum = rotated
  }
  babies.forEach(release)
  return sum
}

/** The rotations that the linear map needs. */
export const LINEAR_ROTATIONS = [
  ...Array.from({ length: BABY_STEPS - 1 }, (_, k) => k + 1),
  ...Array.from({ length: DIAGONALS / BABY_STEPS - 1 }, (_, k) => BABY_STEPS * (k + 1))
]
