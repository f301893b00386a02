/**
 * One thread against several: the cost of dividing an operation, single operations, and a linear transform (16 hoisted rotations, each times a
 * plaintext, summed). Runs alternate between the two and the best of each is taken, since the machine may be busy.
 *
 * Usage: node packages/ring/bench/threads.mjs [logN] [threads] [rounds]
 */
import { cpus } from 'node:os'
import { findNttPrimes, loadKernel, Ring } from '../dist/index.js'

const logN = Number(process.argv[2] ?? 14)
const threads = Number(process.argv[3] ?? 2)
const rounds = Number(process.argv[4] ?? 40)
const primes = logN > 14 ? 14 : 7
const specials = logN > 14 ? 3 : 2
const moduli = findNttPrimes(logN, 49, primes + specials)
const all = moduli.map((_, i) => i)
const chain = all.slice(0, primes)
const special = all.slice(primes)
const digits = []
for (let i = 0; i < primes; i += specials) digits.push(chain.slice(i, i + specials))
const rotations = 16
const seed = new Uint8Array(32)

async function workload(count) {
  const kernel = await loadKernel({ threads: count })
  const ring = new Ring(kernel, { logN, moduli })
  const uniform = (indices, domain = 'ntt') => ring.uniform(ring.allocate(indices, domain), seed)
  const a = uniform(all)
  const b = uniform(all)
  const c = ring.allocate(all, 'ntt')
  const [c0, c1] = [uniform(chain), uniform(chain)]
  const coefficients = ring.allocate(chain, 'coefficient')
  const parts = digits.map(() => ring.allocate(all, 'ntt'))
  const keys = Array.from({ length: rotations }, () => digits.map(() => ({ b: uniform(all), a: uniform(all) })))
  const plaintexts = Array.from({ length: rotations }, () => uniform(chain))
  const pair = indices => [ring.allocate(indices, 'ntt'), ring.allocate(indices, 'ntt')]
  const [u, x, sum] = [pair(all), pair(chain), pair(chain)]
  const rotated = Array.from({ length: rotations }, () => pair(chain))
  const elements = keys.map((_, r) => 5 ** (r + 1) % (2 * ring.N))
  const decompose = () => {
    ring.inverseNtt(ring.copy(coefficients, c1))
    ring.decomposeAll(parts, coefficients, c1, digits)
  }
  const rotate = r => {
    ring.innerProduct(u[0], u[1], parts, keys[r])
    ring.divideAndRoundAll(x, u, special, [c0, undefined])
    x.forEach((component, k) => void ring.automorphism(rotated[r][k], component, elements[r]))
  }
  const small = ring.allocate([0], 'ntt')
  const packed = ring.encodePacked(a)
  return {
    kernel,
    operations: {
      'add, one row (never divided)': () => ring.add(small, a, b),
      add: () => ring.add(c, a, b),
      multiply: () => ring.multiply(c, a, b),
      'transform and back': () => ring.inverseNtt(ring.ntt(Object.assign(c, { domain: 'coefficient' }))),
      decompose,
      'inner product': () => ring.innerProduct(u[0], u[1], parts, keys[0]),
      'divide both by P': () => ring.divideAndRoundAll(x, u, special, [c0, undefined]),
      'automorphism of both': () => x.forEach((component, k) => void ring.automorphism(rotated[0][k], component, 5)),
      uniform: () => ring.uniform(c, seed),
      gaussian: () => ring.ntt(ring.gaussian(c, seed)),
      encodePacked: () => ring.encodePacked(a),
      decodePacked: () => ring.decodePacked(packed, all, 'ntt').dispose(),
      'rotation, hoisted': () => rotate(0),
      'linear transform, 16 rotations': () => {
        decompose()
        for (let r = 0; r < rotations; r++) rotate(r)
        ring.multiplyAccumulate(
          sum,
          rotated.map((pairOf, r) => ({ a: pairOf, b: [plaintexts[r]] }))
        )
      }
    }
  }
}

function time(body) {
  const started = performance.now()
  body()
  return performance.now() - started
}

const [one, several] = [await workload(1), await workload(threads)]
console.log(
  `${cpus()[0].model}, Node ${process.version}, ${one.kernel.variant}, N = 2^${logN}, ${primes} + ${specials} primes, ${threads} threads`
)

// Dispatch: calls of next to nothing, divided.
const empty = time.bind(null, () => {
  for (let i = 0; i < 1000; i++) several.kernel.forEach(2 * threads, Infinity, calls => calls.zero(1024, 8))
})
empty()
console.log(`  dispatch of ${2 * threads} items: ${Math.min(...Array.from({ length: 50 }, empty)).toFixed(2)} µs`)

for (const [name, single] of Object.entries(one.operations)) {
  const multiple = several.operations[name]
  const repeat = Math.max(1, Math.ceil(8 / time(single)))
  const run = body =>
    time(() => {
      for (let i = 0; i < repeat; i++) body()
    }) / repeat
  const samples = [[], []]
  const until = performance.now() + 400
  while (performance.now() < until) [single, multiple].map(run)
  for (let round = 0; round < rounds; round++) {
    samples[0].push(run(single))
    samples[1].push(run(multiple))
  }
  const [s, m] = samples.map(values => values.sort((p, q) => p - q))
  const show = (values, at) => values[at].toFixed(3).padStart(9)
  const middle = rounds >> 1
  console.log(
    `  ${name.padEnd(32)} best ${show(s, 0)} → ${show(m, 0)} ms, ×${(s[0] / m[0]).toFixed(2)}   median ${show(s, middle)} → ${show(m, middle)} ms, ×${(s[middle] / m[middle]).toFixed(2)}`
  )
}
await several.kernel.dispose()
