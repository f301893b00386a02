/**
 * One thread against several: the cost of dividing an operation, single operations, and a linear transform (16 hoisted rotations, each times a
 * plaintext, summed). Runs alternate between the two and the best of each is taken, since the machine may be busy.
 *
 * Usage: node packages/ring/bench/threads.mjs [logN] [threads] [rounds]
 */
import { cpus } from 'node:os'
import { findNttPrimes, loadKernel, Ring, warmUp } from '../dist/index.js'

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
  await warmUp(kernel)
  const ring = new Ring(kernel, { logN, moduli })
  const uniform = (indices, domain = 'ntt') => ring.uniform(ring.allocate(indices, domain), seed)
  const pair = indices => [ring.allocate(indices, 'ntt'), ring.allocate(indices, 'ntt')]
  const a = uniform(all)
  const b = uniform(all)
  const c = ring.allocate(all, 'ntt')
  const [c0, c1] = [uniform(chain), uniform(chain)]
  const keys = Array.from({ length: rotations }, () => digits.map(() => ({ b: uniform(all), a: uniform(all) })))
  const plaintexts = Array.from({ length: rotations }, () => uniform(chain))
  const [sums, quotients, total] = [pair(all), pair(chain), pair(chain)]
  const rotated = Array.from({ length: rotations }, () => pair(chain))
  const galoisElements = keys.map((_, r) => 3 ** (r + 1) % (2 * ring.N))
  const rotate = some =>
    ring.switchKeys(rotated.slice(0, some), c1, digits, keys.slice(0, some), special, {
      addends: [c0],
      galoisElements: galoisElements.slice(0, some)
    })
  const small = ring.allocate([0], 'ntt')
  const packed = ring.encodePacked(a)
  return {
    kernel,
    operations: {
      'add, one row': () => ring.add(small, a, b),
      add: () => ring.add(c, a, b),
      multiply: () => ring.multiply(c, a, b),
      'transform and back': () => ring.inverseNtt(ring.ntt(Object.assign(c, { domain: 'coefficient' }))),
      automorphism: () => ring.automorphism(c, a, 5),
      'divide two by P': () => ring.divideAndRoundAll(quotients, sums, special, [c0, undefined]),
      uniform: () => ring.uniform(c, seed),
      gaussian: () => ring.gaussian(c, seed),
      encodePacked: () => ring.encodePacked(a),
      decodePacked: () => ring.decodePacked(packed, all, 'ntt').dispose(),
      rotation: () => rotate(1),
      '16 rotations': () => rotate(rotations),
      'linear transform, 16 rotations': () => {
        rotate(rotations)
        ring.multiplyAccumulate(
          total,
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

// Dispatch: items of next to nothing, one per thread, each waiting for nothing but its call.
const row = several.kernel.arena.allocate(1 << 16)
const dispatch = () => several.kernel.forEach(threads, Number.POSITIVE_INFINITY, (calls, item) => calls.zero(row + 32768 * item, 32768))
const direct = () => {
  for (let item = 0; item < threads; item++) several.kernel.exports.zero(row + 32768 * item, 32768)
}
const best = body => {
  const run = () =>
    time(() => {
      for (let i = 0; i < 1000; i++) body()
    })
  return Math.min(...Array.from({ length: 60 }, run))
}
console.log(`  ${threads} items of ${best(direct).toFixed(2)} µs together, divided: ${best(dispatch).toFixed(2)} µs`)

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
