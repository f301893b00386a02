/** A key pair that results of one query are switched to. */
import { type Context, KeyGenerator, SecretKey, serializePublicKey } from '@slytherin/ckks'
import { randomSeed } from '@slytherin/ring'
import type { ResultKeyPair } from '../cryptography/release.js'

export function makeResultKey(context: Context): ResultKeyPair {
  const seed = randomSeed()
  using secret = SecretKey.fromSeed(context, seed)
  using key = new KeyGenerator(context).publicKey(secret)
  return { seed, publicKey: serializePublicKey(key) }
}
