/**
 * One multiplication between two requests, with real parameters: key holders, their keys, and an evaluator that computes what it should. What is multiplied was made by
 * somebody who had the other factor in view, and chose its own first component so that the product's second one is ⌊Q_l/3⌋.
 */
import { Ciphertext, Context, Encryptor, KernelEvaluator, Parameters, type PublicKey, SecretKey } from '@slytherin/ckks'
import { PublicCoins, PublicKeyGeneration, Refresh, RelinearizationKeyGeneration } from '@slytherin/mhe'
import { loadKernel, type Polynomial } from '@slytherin/ring'
import { constantFraction, isSecretOf, quotient, roundToFraction } from './recovery.js'

const HOLDERS = 3
const DIVISOR = 3n
const MAGNITUDE = 1

export const random = (): Uint8Array<ArrayBuffer> => crypto.getRandomValues(new Uint8Array(32))

export class Bench implements Disposable {
  readonly context: Context
  readonly sessionId = random()
  readonly secrets: readonly SecretKey[]
  readonly publicKey: PublicKey
  readonly encryptor: Encryptor
  readonly coins: PublicCoins
  /** Shares of the public key, as everybody is shown them. */
  readonly shown: readonly Uint8Array[]
  readonly #evaluator: KernelEvaluator

  private constructor(context: Context) {
    this.context = context
    this.secrets = Array.from({ length: HOLDERS }, () => SecretKey.fromSeed(context, random()))
    const generation = new PublicKeyGeneration(context, this.sessionId)
    const shares = this.secrets.map(secret => generation.share(secret, random()))
    this.shown = shares.map(share => generation.serialize(share))
    this.publicKey = generation.finalize(generation.aggregate(shares))
    this.encryptor = new Encryptor(context, this.publicKey)
    this.coins = new PublicCoins(context, this.sessionId, this.publicKey, this.encryptor)
    const relinearization = new RelinearizationKeyGeneration(context, this.sessionId, context.parameters.maxLevel)
    const ephemeral = this.secrets.map(random)
    const one = relinearization.aggregateOne(this.secrets.map((secret, i) => relinearization.shareOne(secret, ephemeral[i]!, random())))
    const two = relinearization.aggregateTwo(
      this.secrets.map((secret, i) => relinearization.shareTwo(secret, ephemeral[i]!, one, random()))
    )
    this.#evaluator = new KernelEvaluator(context)
    this.#evaluator.setRelinearizationKey(relinearization.finalize(one, two))
  }

  static async create(): Promise<Bench> {
    const sizes = { logN: 14, firstPrimeBits: 48, primeBits: 45, levels: 5, specialPrimeBits: 48, specialPrimes: 1, scale: 2 ** 40 }
    return new Bench(Context.create(Parameters.generate(sizes), await loadKernel(), { parties: HOLDERS }))
  }

  get level(): number {
    return this.context.parameters.maxLevel
  }

  /** An honest encryption of something, at the top level. */
  encrypt(): Ciphertext {
    using plaintext = this.context.encoder.encode(new Float64Array(1).fill(0.5), {
      level: this.level,
      scale: this.context.parameters.scale
    })
    return this.encryptor.encrypt(plaintext)
  }

  ciphertext(c0: Polynomial, c1: Polynomial): Ciphertext {
    return new Ciphertext([c0, c1], { level: this.level, scale: this.context.parameters.scale, noise: 10, magnitude: MAGNITUDE })
  }

  /** a·b, relinearised, before it is rescaled: what an honest witness comes to, too. The same ciphertext twice is squared. */
  product(a: Ciphertext, b: Ciphertext): Ciphertext {
    const evaluator = this.#evaluator
    using left = evaluator.load(a)
    using right = evaluator.load(b)
    using product = a === b ? evaluator.square(left) : evaluator.multiply(left, right)
    using relinearized = evaluator.relinearize(product)
    return evaluator.store(relinearized)
  }

  /**
   * The first component that has a product's second be q_L·⌊Q_(L-1)/3⌋, so that rescaling leaves ⌊Q_(L-1)/3⌋.
   *
   * @param without the product's second component, were the first one zero
   * @param factor  by which the first one enters it
   */
  steered(without: Polynomial, factor: Polynomial): Polynomial {
    const { context, level } = this
    const { ring } = context
    const target = ring.allocate(without.indices, 'coefficient')
    using fraction = ring.inverseNtt(constantFraction(context, level - 1, DIVISOR))
    ring.extendBasis(target, fraction)
    ring.multiplyScalar(target, target, ring.moduli[level]!.value)
    ring.ntt(target)
    ring.subtract(target, target, without)
    try {
      return quotient(context, target, factor)
    } finally {
      target.dispose()
    }
  }

  /** Rescales what the evaluator has computed and asks the first holder, which is honest, to refresh it. @returns whether its share is its secret */
  async opens(product: Ciphertext): Promise<boolean> {
    const { context, sessionId } = this
    using loaded = this.#evaluator.load(product)
    using rescaled = this.#evaluator.rescale(loaded)
    const { level, scale, components } = this.#evaluator.store(rescaled)
    const request = { instance: 'next', level, scale, magnitude: MAGNITUDE, c1: components[1]! }
    const { h0 } = new Refresh(context, sessionId).share(this.secrets[0]!, request, random())
    const coefficients = roundToFraction(context, level, h0, DIVISOR)
    return isSecretOf(context, sessionId, [this.shown[0]!], coefficients)
  }

  [Symbol.dispose](): void {
    this.#evaluator[Symbol.dispose]()
    this.context.dispose()
  }
}

export const outcome = (N: number, opened: boolean): { succeeded: boolean; detail: string } => ({
  succeeded: opened,
  detail: opened
    ? `${N} of ${N} coefficients of an honest key holder's secret, from one share`
    : 'a second component that nobody has chosen'
})
