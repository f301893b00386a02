/**
 * What more cores can make of the kernel: the memory bandwidth of this machine, bytes that main operations move when no cache holds their operands, bytes a second that one core
 * asks for, and what follows for 4 to 32 cores: min(cores, bandwidth / bytes a second of one core). Beside it what threads do here, those beyond the number of cores included.
 *
 * Usage: node packages/ring/bench/bandwidth.mjs [--threads 1,2,4,8] [--log-n 14] [--seconds 0.5] [--bandwidth GB/s] [--json FILE]
 *
 * The bandwidth is the highest of a copy (8 bytes read, 8 written a number; STREAM's copy) and a sum (16 read, 8 written; STREAM's add) on all of these threads. On a machine of few cores it is
 * what these cores can ask for, and less than the memory of a larger one gives: --bandwidth says what another machine has.
 */
import { writeFileSync } from 'node:fs'
import { availableParallelism, cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { findNttPrimes, loadKernel, Ring, warmUp } from '../dist/index.js'

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1,2,4,8' },
    'log-n': { type: 'string', default: '14' },
    seconds: { type: 'string', default: '0.5' },
    bandwidth: { type: 'string' },
    json: { type: 'string' }
  }
})
const logN = Number(values['log-n'])
const seconds = Number(values.seconds)
const threadCounts = [...new Set([1, ...values.threads.split(',').map(Number)])].sort((a, b) => a - b)
const CORES = [4, 8, 16, 32]

const PRIMES = 6
const moduli = findNttPrimes(logN, 49, PRIMES + 1)
const all = moduli.map((_, i) => i)
const [chain, special] = [all.slice(0, PRIMES), all.slice(PRIMES)]
const digits = chain.map(index => [index])
const rowBytes = 8 * 2 ** logN
/** Of each kind of operand, in turn: together far more than caches hold. */
const OPERANDS = 48
const KEYS = 16
const PAIRS = 8
const HOISTED = 8

/** Operations with the bytes that each moves: every input is read, every output written. */
async function workload(threads) {
  const kernel = await loadKernel({ threads })
  await warmUp(kernel)
  const ring = new Ring(kernel, { logN, moduli })
  const seed = new Uint8Array(32)
  const uniform = indices => ring.uniform(ring.allocate(indices, 'ntt'), seed)
  const many = (count, make) => Array.from({ length: count }, make)
  const ciphertexts = many(OPERANDS, () => [uniform(chain), uniform(chain)])
  const weights = many(OPERANDS, () => [uniform(chain), uniform(chain)])
  const keys = many(KEYS, () => digits.map(() => ({ b: uniform(all), a: uniform(all) })))
  const outputs = many(HOISTED, () => [ring.allocate(chain, 'ntt'), ring.allocate(chain, 'ntt')])
  const product = many(3, () => ring.allocate(chain, 'ntt'))
  const row = chain.length * rowBytes
  const key = 2 * digits.length * all.length * rowBytes
  const at = (list, index) => list[index % list.length]
  const rotate = (count, index) =>
    ring.switchKeys(
      outputs.slice(0, count),
      at(ciphertexts, index)[1],
      digits,
      many(count, (_, r) => at(keys, index * count + r)),
      special,
      {
        addends: [at(ciphertexts, index)[0]],
        galoisElements: many(count, (_, r) => 2 * r + 3)
      }
    )
  const pairs = (index, part) => many(PAIRS, (_, k) => ({ a: at(ciphertexts, index * PAIRS + k), b: part(at(weights, index * PAIRS + k)) }))
  return {
    kernel,
    memory: [
      {
        name: 'copy',
        bytes: 2 * row,
        run: index => ring.copy(at(weights, index + OPERANDS / 2)[0], at(ciphertexts, index)[0])
      },
      { name: 'sum', bytes: 3 * row, run: index => ring.add(at(weights, index + OPERANDS / 2)[1], ...at(ciphertexts, index)) }
    ],
    operations: [
      {
        name: 'transform and back',
        bytes: 4 * row,
        run: index => {
          const [a] = at(ciphertexts, index)
          ring.ntt(ring.inverseNtt(a))
        }
      },
      {
        name: 'product with a stored clear weight',
        bytes: (3 * PAIRS + 2) * row,
        run: index =>
          ring.multiplyAccumulate(
            product.slice(0, 2),
            pairs(index, ([p]) => [p])
          )
      },
      {
        name: 'product with a stored encrypted weight',
        bytes: (4 * PAIRS + 3) * row,
        run: index =>
          ring.multiplyAccumulate(
            product,
            pairs(index, pair => pair)
          )
      },
      { name: 'key switch', bytes: key + 4 * row, run: index => rotate(1, index) },
      { name: `${HOISTED} key switches, hoisted`, bytes: HOISTED * (key + 3 * row) + row, run: index => rotate(HOISTED, index) }
    ]
  }
}

/** Seconds of one run: the best of as many stretches of a tenth of the time as fit into it, for others may be at work. */
function secondsOf({ run }) {
  let index = 0
  for (; index < 3; index++) run(index)
  let best = Number.POSITIVE_INFINITY
  const end = performance.now() + 1000 * seconds
  while (performance.now() < end) {
    const begun = performance.now()
    let count = 0
    while (performance.now() - begun < 100 * seconds) {
      run(index++)
      count++
    }
    best = Math.min(best, (performance.now() - begun) / 1000 / count)
  }
  return best
}

const measured = new Map()
for (const threads of threadCounts) {
  const { kernel, memory, operations } = await workload(threads)
  for (const operation of [...memory, ...operations]) {
    const times = measured.get(operation.name) ?? { bytes: operation.bytes, seconds: {} }
    times.seconds[threads] = secondsOf(operation)
    measured.set(operation.name, times)
  }
  await kernel.dispose()
}

const rate = ({ bytes, seconds: times }, threads) => bytes / times[threads]
const found = Math.max(...['copy', 'sum'].flatMap(name => threadCounts.map(threads => rate(measured.get(name), threads))))
const bandwidth = values.bandwidth === undefined ? found : 1e9 * Number(values.bandwidth)
const gigabytes = value => (value / 1e9).toFixed(1).padStart(6)
const rows = [...measured].map(([name, times]) => {
  const ofOneCore = rate(times, 1)
  const predicted = Object.fromEntries(CORES.map(cores => [cores, Math.min(cores, Math.max(1, bandwidth / ofOneCore))]))
  const speedup = Object.fromEntries(threadCounts.map(threads => [threads, times.seconds[1] / times.seconds[threads]]))
  return { name, bytes: times.bytes, seconds: times.seconds, bytesPerSecondOfOneCore: ofOneCore, speedup, predicted }
})

console.log(
  `${cpus()[0].model}, ${availableParallelism()} cores, Node ${process.version}, N = 2^${logN}, ${PRIMES} + 1 primes, load ${loadavg()[0].toFixed(1)}`
)
console.log(
  `memory bandwidth: ${gigabytes(found)} GB/s on these threads${values.bandwidth === undefined ? '' : `; reckoned with ${values.bandwidth}`}`
)
console.log(
  `${''.padEnd(40)}    MB     ms  GB/s  ${threadCounts.map(t => `×${t}`.padStart(6)).join('')}   predicted:${CORES.map(c => `${c}`.padStart(6)).join('')}`
)
for (const { name, bytes, seconds: times, bytesPerSecondOfOneCore, speedup, predicted } of rows) {
  const figures = [(bytes / 1e6).toFixed(1).padStart(6), (1000 * times[1]).toFixed(2).padStart(7), gigabytes(bytesPerSecondOfOneCore)]
  const here = threadCounts.map(t => speedup[t].toFixed(2).padStart(6)).join('')
  console.log(`${name.padEnd(40)}${figures.join('')}  ${here}             ${CORES.map(c => predicted[c].toFixed(1).padStart(6)).join('')}`)
}
if (values.json !== undefined) {
  const machine = { processor: cpus()[0].model, cores: availableParallelism(), node: process.version }
  writeFileSync(values.json, `${JSON.stringify({ machine, logN, load: loadavg()[0], bandwidth: found, rows }, null, 2)}\n`)
}
