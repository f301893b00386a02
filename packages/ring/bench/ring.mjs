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
  for (const p of [a, b, c, small, c8, a7, special]) p.dispose()

  // Hybrid key switch of seven rows with two special primes, four digits.
  const rows = all
  const digits = [[0, 1], [2, 3], [4, 5], [6]]
  const uniform = (indices, domain = 'ntt') => ring.uniform(ring.allocate(indices, domain), seed)
  const keys = digits.map(() => ({ b: uniform(rows), a: uniform(rows) }))
  const parts = digits.map(() => ring.allocate(rows, 'ntt'))
  const [c0, c1] = [uniform(q), uniform(q)]
  const coefficients = ring.allocate(q, 'coefficient')
  const [u, v] = [ring.allocate(rows, 'ntt'), ring.allocate(rows, 'ntt')]
  const [x, y, out0, out1] = [0, 1, 2, 3].map(() => ring.allocate(q, 'ntt'))
  const decompose = () => {
    ring.inverseNtt(ring.copy(coefficients, c1))
    digits.forEach((digit, j) => {
      ring.decompose(parts[j], coefficients, c1, digit)
    })
  }
  const inner = () => ring.innerProduct(u, v, parts, keys)
  const divide = () => {
    ring.divideAndRound(x, u, [7, 8], c0)
    ring.divideAndRound(y, v, [7, 8])
  }
  const permute = () => {
    ring.automorphism(out0, x, 5)
    ring.automorphism(out1, y, 5)
  }
  console.log('  key switch of 7 rows with 2 special primes (times per whole operation)')
  report('decompose', 1, decompose)
  report('inner product', 1, inner)
  report('divide both by P', 1, divide)
  report('rotation, hoisted', 1, () => {
    inner()
    divide()
    permute()
  })
  report('rotation', 1, () => {
    decompose()
    inner()
    divide()
    permute()
  })
  const pairs = Array.from({ length: 8 }, () => ({ a: [uniform(q), uniform(q)], b: [uniform(q), uniform(q)] }))
  const sums = [0, 1, 2].map(() => ring.allocate(q, 'ntt'))
  report('8 ciphertext products summed, each', 8, () => ring.multiplyAccumulate(sums, pairs))
  report('8 plaintext products summed, each', 8, () =>
    ring.multiplyAccumulate(
      sums.slice(0, 2),
      pairs.map(({ a, b }) => ({ a, b: b.slice(0, 1) }))
    )
  )
}
