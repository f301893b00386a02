/**
 * Microseconds per operation and residue row. Usage: node packages/ring/bench/ring.mjs [logN] [variant…]
 */
import { cpus } from 'node:os'
import { findNttPrimes, loadKernel, Ring } from '../dist/index.js'

/** Best and median of at least 0.3 s of runs after warming up past the baseline compiler. */
function measure(body) {
  const until = performance.now() + 200
  while (performance.now() < until) body()
  const times = []
  const end = performance.now() + 300
  while (times.length < 20 || performance.now() < end) {
    const started = performance.now()
    body()
    times.push((performance.now() - started) * 1000)
  }
  times.sort((a, b) => a - b)
  return { best: times[0], median: times[times.length >> 1] }
}

const logN = Number(process.argv[2] ?? 14)
const variants = process.argv.length > 3 ? process.argv.slice(3) : ['simd', 'fallback']
console.log(`${cpus()[0].model}, Node ${process.version}, N = 2^${logN}`)
for (const variant of variants) {
  const kernel = await loadKernel({ variant })
  const moduli = findNttPrimes(logN, 49, 9)
  const started = performance.now()
  const ring = new Ring(kernel, { logN, moduli })
  console.log(`${variant}: tables of ${moduli.length} primes ${(performance.now() - started).toFixed(1)} ms`)
  const seed = new Uint8Array(32)
  const all = moduli.map((_, i) => i)
  const q = all.slice(0, 7)
  const a = ring.uniform(ring.allocate(all, 'ntt'), seed)
  const b = ring.uniform(ring.allocate(all, 'ntt'), seed)
  const c = ring.allocate(all, 'ntt')
  const small = ring.allocate(q, 'ntt')
  const c8 = ring.allocate(all.slice(0, 8), 'ntt')
  const a7 = ring.allocate(q, 'coefficient')
  const special = ring.allocate([7, 8], 'coefficient')
  const packed = ring.encodePacked(a)
  const report = (name, rows, body) => {
    const { best, median } = measure(body)
    console.log(
      `  ${name.padEnd(44)} ${(best / rows).toFixed(2).padStart(9)} best ${(median / rows).toFixed(2).padStart(9)} median   µs per row`
    )
  }
  const { exports } = kernel
  report('forward transform', 1, () => exports.forward(a.rowAddress(0), a.rowAddress(0), ring.block(0)))
  report('inverse transform', 1, () => exports.backward(a.rowAddress(0), a.rowAddress(0), ring.block(0)))
  report('forward transform, nine rows', 9, () => {
    c.domain = 'coefficient'
    ring.ntt(c)
  })
  report('add', 9, () => ring.add(c, a, b))
  report('multiply', 9, () => ring.multiply(c, a, b))
  report('multiplyAdd', 9, () => ring.multiplyAdd(c, a, b))
  report('multiplyScalar', 9, () => ring.multiplyScalar(c, a, 12345678901n))
  report('automorphism (ntt)', 9, () => ring.automorphism(c, a, 5))
  report('rescale 8 of 9 rows (per row)', 8, () => ring.divideAndRound(c8, a, [8]))
  report('divide by two rows (per row of 7)', 7, () => ring.divideAndRound(small, a, [7, 8]))
  c.domain = 'coefficient'
  a.domain = 'coefficient'
  report('automorphism (coefficients)', 9, () => ring.automorphism(c, a, 5))
  report('toDoubles, nine rows (per row)', 9, () => ring.toDoubles(a))
  report('extend 7 rows to 2 (per row)', 2, () => ring.extendBasis(special, a7))
  report('uniform', 9, () => ring.uniform(c, seed))
  report('ternary into nine rows', 9, () => ring.ternary(c, seed))
  report('gaussian into nine rows', 9, () => ring.gaussian(c, seed))
  report('wideGaussian 2^100 into nine rows', 9, () => ring.wideGaussian(c, seed, 2 ** 100))
  report('uniformBits 180 into nine rows', 9, () => ring.uniformBits(c, seed, 180))
  report('encodePacked', 9, () => ring.encodePacked(a))
  report('decodePacked', 9, () => ring.decodePacked(packed, all, 'coefficient').dispose())
}
