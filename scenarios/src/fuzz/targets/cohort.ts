/** A cohort on a ring so small that a message takes microseconds: what is read is the same at every size. */
import { Context, Parameters, type PublicKey, SecretKey } from '@slytherin/ckks'
import { PublicKeyGeneration } from '@slytherin/mhe'
import { deriveSeed, type Kernel } from '@slytherin/ring'

export interface SmallCohort {
  readonly context: Context
  readonly sessionId: Uint8Array
  readonly secrets: readonly SecretKey[]
  readonly publicKey: PublicKey
  readonly seed: (...labels: (string | number)[]) => Uint8Array
}

const PARTIES = 2

export function smallCohort(kernel: Kernel, logN: number, levels: number): SmallCohort {
  const parameters = Parameters.generate({
    logN,
    firstPrimeBits: 48,
    primeBits: 45,
    levels,
    specialPrimeBits: 48,
    specialPrimes: 1,
    scale: 2 ** 45,
    insecure: true
  })
  const context = Context.create(parameters, kernel, { parties: PARTIES })
  const root = deriveSeed(new Uint8Array(32), 'fuzz', logN)
  const seed = (...labels: (string | number)[]): Uint8Array => deriveSeed(root, ...labels)
  const sessionId = seed('session')
  const secrets = Array.from({ length: PARTIES }, (_, i) => SecretKey.fromSeed(context, seed('secret', i)))
  const generation = new PublicKeyGeneration(context, sessionId)
  const shares = secrets.map((secret, i) => generation.share(secret, seed('public key', i)))
  const publicKey = generation.finalize(generation.aggregate(shares))
  for (const share of shares) share.dispose()
  return { context, sessionId, secrets, publicKey, seed }
}
