/** Runs a plan on a real evaluator with a key of one party, and refreshes by decrypting and encrypting again. */
import {
  type ComplexVector,
  Context,
  Decryptor,
  Encryptor,
  type Evaluator,
  type EvaluatorCiphertext,
  KernelEvaluator,
  KeyGenerator,
  type KeySwitchKey,
  Parameters,
  SecretKey,
  type SlotValues
} from '@slytherin/ckks'
import { SealEvaluator } from '@slytherin/ckks/seal'
import {
  clearInputs,
  type Network,
  type Plan,
  packInput,
  packWeight,
  type RunOptions,
  run,
  unpackOutputs,
  weightDescriptor
} from '@slytherin/engine'
import { deriveSeed, type Kernel } from '@slytherin/ring'

export interface EncryptedRun {
  logits: Float64Array[]
  /** log2 of the tracked noise of the worst output */
  trackedNoise: number
  /** decrypted slots of the outputs */
  slots: ComplexVector[]
  seconds: { keys: number; run: number }
  context: Context
}

export async function runEncrypted(
  plan: Plan,
  network: Network,
  samples: readonly ArrayLike<number>[],
  kernel: Kernel,
  kind: 'seal' | 'kernel',
  extra: Partial<RunOptions> = {}
): Promise<EncryptedRun> {
  const parameters = Parameters.fromJSON(plan.parameters, { allowInsecure: true })
  const context = Context.create(parameters, kernel, { parties: plan.parties })
  const seed = (...labels: (string | number)[]) => deriveSeed(new Uint8Array(32), 'engine test', ...labels)
  const started = performance.now()
  const secret = SecretKey.fromSeed(context, seed('secret'))
  const generator = new KeyGenerator(context)
  const publicKey = generator.publicKey(secret, seed('public'))
  const galoisKeys = new Map<number, KeySwitchKey>()
  for (const { element, level } of plan.galoisKeys) galoisKeys.set(element, generator.galoisKey(secret, element, { level }))
  const { relinearizationLevel } = plan
  const relinearizationKey =
    relinearizationLevel === null ? undefined : generator.relinearizationKey(secret, { level: relinearizationLevel })
  const evaluator: Evaluator = kind === 'seal' ? await SealEvaluator.create(context) : new KernelEvaluator(context)
  evaluator.setKeys({ relinearizationKey, galoisKeys })
  const encryptor = new Encryptor(context, publicKey)
  const decryptor = new Decryptor(context, secret)
  const encrypt = (values: SlotValues, options: { level: number; scale: number }): EvaluatorCiphertext => {
    const plaintext = context.encoder.encode(values, options)
    const ciphertext = encryptor.encrypt(plaintext)
    const loaded = evaluator.load(ciphertext)
    plaintext.dispose()
    ciphertext.dispose()
    return loaded
  }
  const decrypt = (ciphertext: EvaluatorCiphertext): ComplexVector => {
    const stored = evaluator.store(ciphertext)
    const slots = decryptor.decrypt(stored)
    stored.dispose()
    return slots
  }
  const ready = performance.now()
  const outputs = await run(plan, {
    evaluator,
    inputs:
      plan.operands.data === 'clear'
        ? clearInputs(plan, samples, evaluator)
        : async index => encrypt(packInput(plan, samples, index), plan.inputs),
    weights:
      plan.operands.weights === 'clear'
        ? async index => evaluator.plaintext(packWeight(plan, network, index), weightDescriptor(plan, index))
        : async index => encrypt(packWeight(plan, network, index), weightDescriptor(plan, index)),
    refresher: {
      async refresh(ciphertexts) {
        return ciphertexts.map(ciphertext => {
          const fresh = encrypt(decrypt(ciphertext), { level: parameters.maxLevel, scale: ciphertext.scale })
          ciphertext.dispose()
          return fresh
        })
      }
    },
    ...extra
  })
  const finished = performance.now()
  const slots = outputs.map(decrypt)
  const trackedNoise = Math.max(...outputs.map(output => output.noise))
  for (const output of outputs) output.dispose()
  evaluator[Symbol.dispose]()
  secret.dispose()
  return {
    logits: unpackOutputs(plan, slots),
    trackedNoise,
    slots,
    seconds: { keys: (ready - started) / 1000, run: (finished - ready) / 1000 },
    context
  }
}
