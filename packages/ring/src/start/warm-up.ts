/**
 * Calls every function of a kernel before it matters. An engine compiles a WebAssembly function at its first call, and at first badly: two to three times slower, until
 * it has been called for a while. Under Node a flag makes the first code the good one (engine-flags.ts); elsewhere functions are called until better code is there.
 */

import { EngineFlags, OPTIMISED } from '../kernel/engine-flags.js'
import type { Kernel } from '../kernel/kernel.js'
import { Ring } from '../ring.js'
import type { Polynomial } from '../structure/polynomial.js'
import { exercise } from './self-test.js'

/** Of both parities, since transforms of odd sizes have a pass of their own. */
const SIZES = [11, 12]
/** The two largest primes below 2^49 and one of 40 bits, all 1 modulo 2^13. */
const MODULI = [562949953216513n, 562949952987137n, 1099511480321n]
const SEED = new Uint8Array(32)
/** Milliseconds of calling where nothing better can be done. Baseline code is replaced within about 100. */
const REHEARSAL_MILLISECONDS = 200
/** Of operations of little work, so that they are noticed within that time. */
const REPETITIONS = 12

/**
 * Makes the engine compile every function well now, so that nothing is slow the first time: 0.1 to 0.3 s. For hosts that measure, or that serve requests.
 */
export async function warmUp(kernel: Kernel): Promise<void> {
  const engine = new EngineFlags()
  if (engine.available) {
    engine.during([OPTIMISED], () => {
      exercise(kernel)
      rehearse(kernel, 1)
    })
    return
  }
  exercise(kernel)
  const end = performance.now() + REHEARSAL_MILLISECONDS
  while (performance.now() < end) {
    rehearse(kernel, REPETITIONS)
    // Compilers work beside this thread; what they have made is taken up at the next call.
    await new Promise(resolve => setTimeout(resolve, 0))
  }
}

/** Every operation on small polynomials; those of little work many times. */
function rehearse(kernel: Kernel, repetitions: number): void {
  for (const logN of SIZES) {
    using ring = new Ring(kernel, { logN, moduli: MODULI })
    using stack = new DisposableStack()
    const blank = (): Polynomial => stack.use(ring.allocate([0, 1, 2], 'ntt'))
    const [a, b, c, d] = [ring.uniform(blank(), SEED), ring.uniform(blank(), SEED), blank(), blank()]
    for (let i = 0; i < repetitions; i++) {
      ring.add(c, a, b)
      ring.subtract(c, a, b)
      ring.negate(c, a)
      ring.multiply(c, a, b)
      ring.multiplyAdd(c, a, b)
      ring.multiplyScalar(c, a, 3n)
      ring.copy(c, a)
      ring.automorphism(c, a, 5)
      ring.addAutomorphism(c, a, 5)
      ring.automorphismOfSum(c, a, b, 5)
    }
    for (const add of [false, true]) {
      for (let count = 1; count <= 8; count++) {
        const pairs = Array.from({ length: count }, () => ({ a: [a, b], b: [b] }))
        const single = pairs.map(pair => ({ a: [a], b: pair.b }))
        ring.multiplyAccumulate([c], single, add)
        ring.multiplyAccumulate([c, d], pairs, add)
      }
    }
    const digits = [a, b].map(p => ({ b: p, a: p }))
    ring.decomposeInnerProduct([[c, d]], a, [[0], [1, 2]], [digits], { addends: [a], galoisElements: [5] })
    stack.use(ring.decodeWords(ring.encodeWords(a), a.indices, 'ntt'))
    ring.decodeIntegers(ring.encodeIntegers(new Float64Array(ring.N), 30), ring.N, 30)
    stack.use(ring.decodePacked(ring.encodePacked(a), a.indices, 'ntt'))
    const coefficients = ring.inverseNtt(stack.use(a.clone()))
    const quotient = stack.use(ring.allocate([0], 'coefficient'))
    const integers = ring.toDoubles(coefficients)
    const small = integers.map((_, i) => i)
    const large = integers.map((_, i) => 2 ** 60 + i)
    const slots = { real: small.subarray(0, ring.N / 2) }
    for (let i = 0; i < repetitions; i++) {
      ring.automorphism(c, coefficients, 5)
      ring.divideAndRound(quotient, coefficients, [1, 2], quotient)
      ring.fromIntegers(c, small)
      ring.fromIntegers(c, large)
      ring.fromSlots(c, slots, 1, 2 ** 40)
      ring.monomialCombinations([c], [coefficients], [[5]])
    }
    ring.extendBasis(c, ring.copy(quotient, coefficients))
    ring.ternary(c, SEED)
    ring.gaussian(c, SEED)
    ring.wideGaussian(c, SEED, 2 ** 100)
    ring.uniformBits(c, SEED, 100)
  }
}
