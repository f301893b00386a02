/**
 * What a kernel computes on fixed inputs, random and extreme, through every function that is worth compiling specially. Two kernels must give the same bytes.
 */
import type { Kernel } from '../kernel/kernel.js'
import { Ring } from '../ring.js'
import type { Polynomial } from '../structure/polynomial.js'

/** Of both parities, so that transforms with and without a radix-2 pass run. */
const SIZES = [11, 12]
/** The two largest primes below 2^49 and one of 40 bits, all 1 modulo 2^13. */
const MODULI = [562949953216513n, 562949952987137n, 1099511480321n]
/** Digits of a key switch: sums of that many products are compiled one by one. */
const MOST_DIGITS = 8
/** Products that are summed with one reduction: sums of fewer are functions of their own. */
const LARGEST_BURST = 8

/** @returns residues as bytes, in the order computed */
export function exercise(kernel: Kernel): Uint8Array[] {
  const outputs: Uint8Array[] = []
  for (const logN of SIZES) {
    using ring = new Ring(kernel, { logN, moduli: MODULI })
    using stack = new DisposableStack()
    const all = MODULI.map((_, index) => index)
    const kept = all.slice(0, -1)
    const blank = (indices = all) => stack.use(ring.allocate(indices, 'ntt'))
    const record = (...polynomials: Polynomial[]) => outputs.push(...polynomials.map(polynomial => ring.encodeWords(polynomial)))
    const inputs = [1, 2, 3, 4].map(label => ring.uniform(blank(), new Uint8Array(32).fill(label)))
    inputs.push(extreme(blank()))
    for (const input of inputs) {
      const other = stack.use(input.clone())
      record(ring.inverseNtt(other))
      other.domain = 'ntt'
      input.domain = 'coefficient'
      record(ring.ntt(stack.use(input.clone())))
      input.domain = 'ntt'
      record(ring.divideAndRound(blank(kept), input, [all.length - 1]))
      record(ring.divideAndRound(blank(kept), input, [all.length - 1], other))
    }
    const [x, y] = inputs as [Polynomial, Polynomial]
    const [c0, c1, c2] = [blank(), blank(), blank()]
    for (let digits = 1; digits <= MOST_DIGITS; digits++) {
      const chosen = Array.from({ length: digits }, (_, k) => inputs[k % inputs.length]!)
      ring.innerProduct(
        c0,
        c1,
        chosen,
        chosen.map((_, k) => ({ b: inputs[(k + 1) % inputs.length]!, a: inputs[(k + 2) % inputs.length]! }))
      )
      record(c0, c1)
    }
    ring.multiplyAccumulate([c0, c1, c2], [{ a: [x, y], b: [y, x] }])
    record(c0, c1, c2)
    // Every size of burst, overwriting and adding.
    for (const outs of [
      [c0, c1],
      [c0, c1, c2]
    ]) {
      const from = (k: number, count: number) => Array.from({ length: count }, (_, i) => inputs[(k + i) % inputs.length]!)
      for (let count = 1; count <= LARGEST_BURST; count++) {
        const pairs = Array.from({ length: count }, (_, k) => ({ a: from(k, 2), b: from(k + 2, outs.length - 1) }))
        for (const add of [false, true]) ring.multiplyAccumulate(outs, pairs, add)
        record(...outs)
      }
    }
    ring.multiplyAccumulateMany([{ out: [c0, c1, c2], pairs: [{ a: [x, y], b: [y, x] }], add: true }])
    record(c0, c1, c2)
    // Every size of group and of burst.
    for (let group = 1; group <= 3; group++) {
      const outs = [c0, c1, c2].slice(0, group)
      const terms = Array.from({ length: 15 }, (_, t) => t % inputs.length)
      const coefficients = terms.map(t => (-1) ** t * (2 ** 48 - 2 ** (40 - t) - t))
      ring.linearCombinations(
        outs.map(out => [out]),
        inputs.map(input => [input]),
        outs.map((_, o) => ({ inputs: terms, coefficients: coefficients.map(w => w + o), constant: o }))
      )
      record(...outs)
    }
  }
  return outputs
}

/** @param a as `exercise` gives them: whole words of 32 bits, of which there are many millions to compare in every process that starts */
export function sameBytes(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every((bytes, k) => sameWords(bytes, b[k]!))
}

function sameWords(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  const [x, y] = [words(a), words(b)]
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false
  return true
}

const words = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array => new Uint32Array(buffer, byteOffset, byteLength / 4)

/** Runs of which the best counts: on a busy machine few are undisturbed, and a kernel that was held up is passed over for a slower one. */
const TIMED_RUNS = 40

/** Milliseconds of a forward transform, best of some. */
export function transformTime(kernel: Kernel): number {
  using ring = new Ring(kernel, { logN: SIZES[1]!, moduli: MODULI.slice(0, 1) })
  using row = extreme(ring.allocate([0], 'ntt'))
  let best = Number.POSITIVE_INFINITY
  for (let run = 0; run < TIMED_RUNS; run++) {
    const started = performance.now()
    for (let k = 0; k < 4; k++) {
      row.domain = 'coefficient'
      ring.ntt(row)
    }
    best = Math.min(best, performance.now() - started)
  }
  return best / 4
}

/** Residues of largest size, in an aperiodic pattern of signs. */
function extreme(out: Polynomial): Polynomial {
  out.indices.forEach((index, k) => {
    const largest = (out.ring.moduli[index]!.number - 1) / 2
    const row = out.row(k)
    let state = index + 1
    for (let i = 0; i < row.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0
      row[i] = state & 0x10000 ? largest : -largest
    }
  })
  return out
}
