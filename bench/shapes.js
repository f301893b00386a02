/** The parameter sets of the benchmark, all within the 128-bit table, and everything that is set up once for each. */
import { Context, Encryptor, galoisElementOf, KernelEvaluator, KeyGenerator, Parameters, SecretKey } from '@slytherin/ckks'
import { SealCodec, SealEvaluator, SealParameters, SealRuntime } from '@slytherin/ckks/seal'
import { deriveSeed } from '@slytherin/ring'

/**
 * @typedef {object} Shape
 * @property {number} logN
 * @property {number} primes ciphertext primes at the top level
 * @property {number} specialPrimes
 */

/** @type {Shape[]} */
export const SHAPES = [
  { logN: 13, primes: 3, specialPrimes: 1 },
  { logN: 14, primes: 7, specialPrimes: 1 },
  { logN: 14, primes: 7, specialPrimes: 2 },
  { logN: 15, primes: 14, specialPrimes: 2 }
]

/** Rotations with keys: the hoisted ones, and the giant steps of the linear map. */
export const HOISTED = [1, 2, 3, 4, 5, 6, 7, 8]
/** Diagonals of the linear map. */
export const DIAGONALS = 64
/** Parties whose shares are added up. */
export const PARTIES = 3

/** @param {...(string | number)} labels */
export const seedOf = (...labels) => deriveSeed(new Uint8Array(32), 'benchmark', ...labels)

/** @param {Shape} shape */
export function parametersOf({ logN, primes, specialPrimes }) {
  return Parameters.generate({ logN, firstPrimeBits: 48, primeBits: 45, levels: primes - 1, specialPrimeBits: 48, specialPrimes })
}

/**
 * SEAL knows one special prime: with more of them, it is set up with the first, the ciphertext primes being the same.
 *
 * @param {Shape} shape
 */
export function sealParametersOf(shape) {
  const parameters = parametersOf(shape)
  if (shape.specialPrimes === 1) return parameters
  return Parameters.create({
    logN: parameters.logN,
    primes: parameters.primes.map(prime => prime.value),
    specialPrimes: [parameters.specialPrimes[0].value],
    scale: parameters.scale
  })
}

/** Reproducible slots in [-1, 1). @param {string} label @param {number} count */
export function slotsOf(label, count) {
  const bytes = new Uint8Array(4 * count)
  for (let at = 0; at < bytes.length; at += 32) bytes.set(seedOf(label, at).subarray(0, Math.min(32, bytes.length - at)), at)
  return Float64Array.from(new Int32Array(bytes.buffer), word => word / 2 ** 31)
}

/** Keys, operands and an evaluator of one side. */
class Side {
  /** @param {Parameters} parameters @param {import('@slytherin/ring').Kernel} kernel */
  constructor(parameters, kernel) {
    this.parameters = parameters
    this.context = Context.create(parameters, kernel, { parties: PARTIES })
    this.secret = SecretKey.fromSeed(this.context, seedOf('secret'))
    this.generator = new KeyGenerator(this.context)
    this.publicKey = this.generator.publicKey(this.secret, seedOf('public key'))
    this.encryptor = new Encryptor(this.context, this.publicKey)
    this.slots = slotsOf('x', parameters.slots)
    this.plaintext = this.context.encoder.encode(this.slots, { level: parameters.maxLevel, scale: parameters.scale })
    this.ciphertext = this.encryptor.encrypt(this.plaintext, seedOf('x'))
  }

  /**
   * Gives an evaluator its keys, of which only one at a time exists outside it.
   *
   * @param {import('@slytherin/ckks').Evaluator} evaluator
   * @param {readonly number[]} rotations
   */
  provide(evaluator, rotations) {
    const { generator, secret } = this
    const elements = [...new Set(rotations.map(step => galoisElementOf(step, this.parameters.N)))]
    const galoisKeys = new Map(elements.map(element => [element, null]))
    galoisKeys[Symbol.iterator] = function* () {
      for (const element of elements) {
        using key = generator.galoisKey(secret, element, { seed: seedOf('galois', element) })
        yield [element, key]
      }
    }
    using relinearizationKey = generator.relinearizationKey(secret, { seed: seedOf('relinearization') })
    evaluator.setKeys({ relinearizationKey, galoisKeys })
  }

  dispose() {
    this.ciphertext.dispose()
    this.plaintext.dispose()
    this.publicKey.dispose()
    this.secret.dispose()
    this.context.dispose()
  }
}

/** Both sides of one shape: ours, and stock SEAL with the same ciphertext primes. */
export class Bench {
  /** @param {Shape} shape @param {import('@slytherin/ring').Kernel} kernel @param {readonly number[]} rotations */
  static async create(shape, kernel, rotations) {
    const ours = new Side(parametersOf(shape), kernel)
    const evaluator = new KernelEvaluator(ours.context)
    ours.provide(evaluator, rotations)
    const theirs = new Side(sealParametersOf(shape), kernel)
    const runtime = await SealRuntime.load()
    const seal = await SealEvaluator.create(theirs.context, { runtime })
    theirs.provide(seal, rotations)
    return new Bench(shape, ours, evaluator, theirs, seal, runtime)
  }

  /** @param {Shape} shape @param {Side} ours @param {KernelEvaluator} evaluator @param {Side} theirs @param {SealEvaluator} seal @param {SealRuntime} runtime */
  constructor(shape, ours, evaluator, theirs, seal, runtime) {
    this.shape = shape
    this.ours = ours
    this.evaluator = evaluator
    this.theirs = theirs
    this.seal = seal
    this.runtime = runtime
    this.stack = new DisposableStack()
  }

  /** Stock SEAL objects, for what has no place in the evaluator. */
  sealObjects() {
    const { runtime, stack, theirs } = this
    const parameters = stack.use(new SealParameters(runtime, theirs.parameters))
    const codec = new SealCodec(theirs.context, parameters)
    const { module } = runtime
    const own = make => stack.use(runtime.create('benchmark', make)).object
    const publicKey = own(() => new module.PublicKey())
    publicKey.loadFromArray(parameters.context.object, codec.publicKeyBytes(theirs.publicKey))
    const encoder = own(() => new module.CKKSEncoder(parameters.context.object))
    const encryptor = own(() => new module.Encryptor(parameters.context.object, publicKey))
    const plaintext = own(() => new module.Plaintext())
    const ciphertext = own(() => new module.Ciphertext())
    encoder.encode(theirs.slots, theirs.parameters.scale, plaintext)
    return { encoder, encryptor, plaintext, ciphertext, scale: theirs.parameters.scale, slots: theirs.slots }
  }

  dispose() {
    this.stack.dispose()
    this.seal.dispose()
    this.evaluator.dispose()
    this.theirs.dispose()
    this.ours.dispose()
  }
}
