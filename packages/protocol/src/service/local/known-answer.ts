/**
 * A small evaluation that is the same everywhere: encryption, product, relinearisation, rescaling and rotation from fixed seeds, on a ring that keeps no secret. Two
 * machines that come to different bytes here cannot work on the same queries.
 */
import {
  Context,
  Encryptor,
  galoisElementOf,
  KernelEvaluator,
  KeyGenerator,
  Parameters,
  SecretKey,
  serializeCiphertext
} from '@slytherin/ckks'
import type { Kernel } from '@slytherin/ring'
import { digest, toHex } from '../../base/digest.js'

const SEED = 'slytherin known answer'
const ROTATION = 3

/** @returns SHA-256 of the serialised result, hexadecimal */
export function knownAnswer(kernel: Kernel): string {
  const parameters = Parameters.generate({
    logN: 10,
    firstPrimeBits: 49,
    primeBits: 45,
    levels: 2,
    specialPrimeBits: 49,
    insecure: true
  })
  const seed = (purpose: string): Uint8Array => digest(SEED, purpose)
  using context = Context.create(parameters, kernel)
  using secret = SecretKey.fromSeed(context, seed('secret'))
  using evaluator = new KernelEvaluator(context)
  const generator = new KeyGenerator(context)
  using publicKey = generator.publicKey(secret, seed('public key'))
  using relinearization = generator.relinearizationKey(secret, { seed: seed('relinearization') })
  evaluator.setRelinearizationKey(relinearization)
  const element = galoisElementOf(ROTATION, parameters.N)
  using galois = generator.galoisKey(secret, element, { seed: seed('galois') })
  evaluator.setGaloisKey(element, galois)
  const { maxLevel: level, slots, scale } = parameters
  using plaintext = context.encoder.encode(
    Float64Array.from({ length: slots }, (_, k) => Math.sin(k)),
    { level, scale }
  )
  using ciphertext = new Encryptor(context, publicKey).encrypt(plaintext, seed('encryption'))
  const loaded = evaluator.load(ciphertext)
  const product = evaluator.multiply(loaded, loaded)
  const linear = evaluator.relinearize(product)
  const rescaled = evaluator.rescale(linear)
  const rotated = evaluator.rotate(rescaled, ROTATION)
  try {
    using stored = evaluator.store(rotated)
    return toHex(digest(SEED, serializeCiphertext(stored)))
  } finally {
    for (const handle of [loaded, product, linear, rescaled, rotated]) handle.dispose()
  }
}
