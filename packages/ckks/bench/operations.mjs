/**
 * Milliseconds per operation, and bits of tracked over measured noise, of both evaluators on the same operands.
 * Usage: node packages/ckks/bench/operations.mjs [logN] [levels] [primeBits]
 */
import { cpus } from 'node:os'
import { loadKernel } from '@slytherin/ring'
import {
  Context,
  Decryptor,
  Encryptor,
  galoisElementOf,
  KernelEvaluator,
  KeyGenerator,
  Parameters,
  SealEvaluator,
  SecretKey
} from '../dist/index.js'

const [logN = 14, levels = 6, primeBits = 40] = process.argv.slice(2).map(Number)

/** Best and median of at least half a second of runs after warming up. */
function measure(body, seconds = 0.5) {
  const warm = performance.now() + 200 * seconds
  while (performance.now() < warm) body()?.dispose?.()
  const times = []
  const end = performance.now() + 1000 * seconds
  while (times.length < 5 || performance.now() < end) {
    const started = performance.now()
    const result = body()
    times.push(performance.now() - started)
    result?.dispose?.()
  }
  times.sort((a, b) => a - b)
  return { best: times[0], median: times[times.length >> 1] }
}

const show = (name, { best, median }, extra = '') =>
  console.log(`  ${name.padEnd(28)} ${best.toFixed(2).padStart(8)} ${median.toFixed(2).padStart(8)}  ${extra}`)

const parameters = Parameters.generate({ logN, firstPrimeBits: 49, primeBits, levels, specialPrimeBits: 49 })
const context = Context.create(parameters, await loadKernel())
const secret = SecretKey.generate(context)
const generator = new KeyGenerator(context)
const decryptor = new Decryptor(context, secret)
const encryptor = new Encryptor(context, generator.publicKey(secret))
const { slots, scale, N } = parameters
console.log(
  `${cpus()[0].model}, Node ${process.version}, N = 2^${logN}, ${levels + 1} + 1 primes, log2(QP) = ${parameters.logQP.toFixed(1)}; ms: best, median`
)

const random = () => Float64Array.from({ length: slots }, () => Math.random() * 2 - 1)
const x = random()
const y = random()
const encoded = context.encoder.encode(x, { level: levels, scale })
const X = encryptor.encrypt(encoded)
const Y = encryptor.encrypt(context.encoder.encode(y, { level: levels, scale }))

console.log('scheme')
show(
  'encode',
  measure(() => context.encoder.encode(x, { level: levels, scale }))
)
show(
  'decode',
  measure(() => void context.encoder.decode(encoded))
)
show(
  'encrypt',
  measure(() => encryptor.encrypt(encoded))
)
show(
  'decrypt',
  measure(() => void decryptor.decrypt(X))
)
const steps = [1, 2, 3, 4, 5, 6, 7, 8]
show(
  'galois key',
  measure(() => generator.galoisKey(secret, 3))
)
const relinearizationKey = generator.relinearizationKey(secret)
const galoisKeys = new Map(steps.map(step => [galoisElementOf(step, N), generator.galoisKey(secret, galoisElementOf(step, N))]))

/** Tracked minus measured noise, bits. */
function slack(evaluator, result, expected) {
  const ciphertext = evaluator.store(result)
  const phase = decryptor.phase(ciphertext)
  const ideal = context.encoder.encode(expected, ciphertext)
  context.ring.subtract(phase.polynomial, phase.polynomial, ideal.polynomial)
  const error = context.ring.toDoubles(context.ring.inverseNtt(phase.polynomial))
  const measured = 0.5 * Math.log2(error.reduce((sum, e) => sum + e * e, 0) / N)
  for (const object of [ciphertext, phase, ideal]) object.dispose()
  return `noise ${measured.toFixed(2)} measured, ${result.noise.toFixed(2)} tracked`
}

for (const evaluator of [await SealEvaluator.create(context), new KernelEvaluator(context)]) {
  console.log(evaluator.name)
  evaluator.setKeys({ relinearizationKey, galoisKeys })
  const a = evaluator.load(X)
  const b = evaluator.load(Y)
  const p = evaluator.plaintext(y, { level: levels, scale })
  const product = evaluator.multiply(a, b)
  const linear = evaluator.relinearize(product)
  const products = x.map((v, k) => v * y[k])
  const timed = (name, body, expected) => {
    const result = body()
    const extra = expected === undefined ? '' : slack(evaluator, result, expected)
    result?.dispose?.()
    show(name, measure(body), extra)
  }
  timed('load', () => evaluator.load(X), x)
  timed('store', () => evaluator.store(a))
  timed('plaintext', () => evaluator.plaintext(y, { level: levels, scale }))
  timed(
    'add',
    () => evaluator.add(a, b),
    x.map((v, k) => v + y[k])
  )
  timed('multiply', () => evaluator.multiply(a, b), products)
  timed(
    'square',
    () => evaluator.square(a),
    x.map(v => v * v)
  )
  timed('multiplyPlain', () => evaluator.multiplyPlain(a, p), products)
  timed('multiplyAddInPlace ct×ct', () => evaluator.multiplyAddInPlace(product, a, b))
  timed('relinearize', () => evaluator.relinearize(product))
  timed('rescale (degree 1)', () => evaluator.rescale(linear), products)
  timed(
    'rotate',
    () => evaluator.rotate(a, 1),
    x.map((_, k) => x[(k + 1) % slots])
  )
  show(
    'rotateMany, 8, each',
    (({ best, median }) => ({ best: best / 8, median: median / 8 }))(
      measure(() => ({
        dispose: (r => () => {
          for (const c of r) c.dispose()
        })(evaluator.rotateMany(a, steps))
      }))
    )
  )
  evaluator.dispose()
}
