/** What a page may do with ring, ckks and mhe: two key holders, their collective key, a product under encryption, the result switched to the page's own key. */
import { Context, Decryptor, Encryptor, KernelEvaluator, KeyGenerator, Parameters, SecretKey } from '@slytherin/ckks'
import { PublicKeyGeneration, PublicKeySwitch, precisionLeft } from '@slytherin/mhe'
import { loadKernel, randomSeed } from '@slytherin/ring'

const SESSION = new Uint8Array(32).fill(7)
const FLOODING = { securityBits: 30, maximumDecryptions: 16 }
const HOLDERS = 2

export interface PageReport {
  /** Largest error of any slot. */
  readonly error: number
  /** Standard deviation that it should have. */
  readonly deviation: number
  readonly variant: string
  readonly threads: number
}

/**
 * @param threads of the kernel; more than one needs cross-origin isolation in browsers
 * @param worker address of a thread's code, for a page that allows no other than its files
 */
export async function computeTogether(threads = 1, worker?: string): Promise<PageReport> {
  const kernel = await loadKernel({
    threads,
    parallelThreshold: 0,
    ...(worker === undefined ? {} : { createWorker: () => new Worker(worker) })
  })
  const parameters = Parameters.generate({ logN: 13, firstPrimeBits: 49, primeBits: 40, levels: 2, specialPrimeBits: 49 })
  const context = Context.create(parameters, kernel, { parties: HOLDERS })
  const holders = Array.from({ length: HOLDERS }, () => SecretKey.fromSeed(context, randomSeed()))
  const generation = new PublicKeyGeneration(context, SESSION)
  const publicKey = generation.finalize(generation.aggregate(holders.map(secret => generation.share(secret, randomSeed()))))

  const own = SecretKey.fromSeed(context, randomSeed())
  const ownPublicKey = new KeyGenerator(context).publicKey(own)
  const values = Float64Array.from({ length: parameters.N / 2 }, (_, slot) => Math.sin(slot))
  const { scale, maxLevel } = parameters
  const plaintext = context.encoder.encode(values, { level: maxLevel, scale })
  const evaluator = new KernelEvaluator(context)
  const product = evaluator.rescale(
    evaluator.multiplyPlain(
      evaluator.load(new Encryptor(context, publicKey).encrypt(plaintext)),
      evaluator.plaintext(values, { level: maxLevel, scale })
    )
  )
  const ciphertext = evaluator.store(product)

  const protocol = new PublicKeySwitch(context, SESSION)
  const request = { instance: 'result', level: ciphertext.level, noise: ciphertext.noise, c1: ciphertext.components[1]! }
  const shares = holders.map(secret => protocol.share(secret, request, ownPublicKey, FLOODING, randomSeed()))
  const switched = protocol.finalize(ciphertext, protocol.aggregate(shares), FLOODING)
  const { real } = new Decryptor(context, own).decrypt(switched)
  const error = values.reduce((worst, value, slot) => Math.max(worst, Math.abs(real[slot]! - value * value)), 0)
  const report = { error, deviation: 2 ** -precisionLeft(context, ciphertext, FLOODING), variant: kernel.variant, threads: kernel.threads }
  await kernel.dispose()
  return report
}
