/**
 * More keys than the kernel's memory holds: makes Galois keys until they take `gigabytes`, uses every one of them for a rotation on a kernel whose memory may grow to `limit`,
 * and checks each result against the clear rotation and its tracked noise. Prints JSON; ends with 1 when anything is wrong.
 *
 * Usage: node packages/ckks/bench/keys-beyond-memory.mjs [gigabytes = 5] [limit in GiB = 2] [logN = 15] [primes = 14]
 */
import { cpus } from 'node:os'
import { loadKernel, randomSeed } from '@slytherin/ring'
import { Context, Decryptor, Encryptor, galoisElementOf, KernelEvaluator, KeyGenerator, Parameters, SecretKey } from '../dist/index.js'

const GIB = 2 ** 30
const [gigabytes = 5, limit = 2, logN = 15, primes = 14] = process.argv.slice(2).map(Number)

await using kernel = await loadKernel({ maximumBytes: limit * GIB })
const parameters = Parameters.generate({ logN, firstPrimeBits: 45, primeBits: 40, levels: primes - 1, specialPrimeBits: 45 })
using context = Context.create(parameters, kernel)
using secret = SecretKey.fromSeed(context, randomSeed())
const generator = new KeyGenerator(context)
const evaluator = new KernelEvaluator(context, { keyBytes: (limit * GIB) / 2 })

const keyBytes = 2 * parameters.digits(parameters.maxLevel) * parameters.keyIndices().length * context.ring.rowBytes
const steps = Array.from({ length: Math.ceil((gigabytes * GIB) / keyBytes) }, (_, k) => k + 1)
const seconds = {}
const timed = (phase, body) => {
  const started = performance.now()
  body()
  seconds[phase] = Number(((performance.now() - started) / 1000).toFixed(2))
}

timed('makingKeys', () => {
  for (const step of steps) {
    const element = galoisElementOf(step, parameters.N)
    using key = generator.galoisKey(secret, element)
    evaluator.setGaloisKey(element, key)
  }
})

const { slots } = parameters
const values = Float64Array.from({ length: slots }, (_, k) => Math.sin(k))
using plaintext = context.encoder.encode(values, { level: parameters.maxLevel, scale: 2 ** 38 })
using publicKey = generator.publicKey(secret)
using encrypted = new Encryptor(context, publicKey).encrypt(plaintext)
using loaded = evaluator.load(encrypted)
const decryptor = new Decryptor(context, secret)
let worst = 0
let tolerance = 0
/** Twice, the second time backwards: by then the keys that are used first are those that were put out first. */
timed('rotations', () => {
  for (const step of [...steps, ...steps.toReversed()]) {
    using rotated = evaluator.rotate(loaded, step)
    using stored = evaluator.store(rotated)
    const { real } = decryptor.decrypt(stored)
    // of evenly spread noise, nine standard deviations in a slot
    tolerance = (9 * 2 ** rotated.noise * Math.sqrt(parameters.N)) / rotated.scale
    for (let k = 0; k < slots; k++) worst = Math.max(worst, Math.abs(real[k] - values[(k + step) % slots]))
  }
})

const correct = worst < tolerance
const usage = process.memoryUsage()
const gib = bytes => Number((bytes / GIB).toFixed(3))
console.log(
  JSON.stringify(
    {
      machine: { processor: cpus()[0].model, cores: cpus().length, node: process.version, kernel: kernel.variant },
      parameters: { logN, primes, specialPrimes: parameters.specialPrimes.length },
      keys: steps.length,
      keysGiB: gib(steps.length * keyBytes),
      limitGiB: limit,
      kernelMemoryGiB: gib(kernel.memory.buffer.byteLength),
      sharedBuffersGiB: gib(usage.arrayBuffers),
      processGiB: gib(usage.rss),
      rotations: 2 * steps.length,
      seconds,
      millisecondsPerRotation: Number(((1000 * seconds.rotations) / (2 * steps.length)).toFixed(1)),
      worstError: worst,
      tolerance,
      correct
    },
    undefined,
    2
  )
)
evaluator.dispose()
if (!correct) process.exitCode = 1
