/** Two key holders and an evaluator, for what a page sends them: a linear model in the clear, data encrypted. */
import {
  type Context as CkksContext,
  Context,
  deserializeCiphertext,
  deserializePublicKey,
  KernelEvaluator,
  type KeySwitchKey,
  Parameters,
  SecretKey,
  serializeCiphertext,
  serializePublicKey
} from '@slytherin/ckks'
import { architectureOf, ClearWeights, calibrate, fuse, importOnnx, type Network, type Plan, plan, run } from '@slytherin/engine'
import { GaloisKeyGeneration, PublicKeyGeneration, PublicKeySwitch } from '@slytherin/mhe'
import { type Kernel, loadKernel, randomSeed } from '@slytherin/ring'

const HOLDERS = 2
const SESSION = new Uint8Array(32).fill(5)

export class TestCohort {
  readonly plan: Plan
  readonly publicKey: Uint8Array
  readonly network: Network
  readonly #kernel: Kernel
  readonly #context: CkksContext
  readonly #secrets: SecretKey[]

  constructor(kernel: Kernel, onnx: Uint8Array, samples: readonly Float64Array[], batch: number) {
    this.#kernel = kernel
    this.network = fuse(importOnnx(onnx))
    this.plan = plan(architectureOf(this.network, calibrate(this.network, samples)), {
      batch,
      data: 'encrypted',
      weights: 'clear',
      parties: HOLDERS,
      maximumDecryptions: 16
    })
    this.#context = Context.create(Parameters.fromJSON(this.plan.parameters), kernel, { parties: HOLDERS })
    this.#secrets = Array.from({ length: HOLDERS }, () => SecretKey.fromSeed(this.#context, randomSeed()))
    const generation = new PublicKeyGeneration(this.#context, SESSION)
    this.publicKey = serializePublicKey(
      generation.finalize(generation.aggregate(this.#secrets.map(s => generation.share(s, randomSeed()))))
    )
  }

  static async create(onnx: Uint8Array, samples: readonly Float64Array[], batch: number): Promise<TestCohort> {
    return new TestCohort(await loadKernel(), onnx, samples, batch)
  }

  /** @returns results under the key of whoever asks, serialised */
  async answer(inputs: readonly Uint8Array[], resultKey: Uint8Array): Promise<Uint8Array[]> {
    const { plan: agreed } = this
    const context = this.#context
    const evaluator = new KernelEvaluator(context)
    evaluator.setKeys({ galoisKeys: this.#galoisKeys() })
    const weights = new ClearWeights(agreed, this.network, evaluator)
    const outputs = await run(agreed, {
      evaluator,
      inputs: async index =>
        evaluator.load(deserializeCiphertext(context, inputs[index]!, { level: agreed.inputs.level, scale: agreed.inputs.scale })),
      weights: weights.source,
      scalars: weights.scalar,
      retainWeights: true
    })
    const target = deserializePublicKey(context, resultKey)
    const protocol = new PublicKeySwitch(context, SESSION)
    const flooding = { securityBits: agreed.floodingBits, maximumDecryptions: agreed.maximumDecryptions }
    return outputs.map((output, k) => {
      const ciphertext = evaluator.store(output)
      const { level } = ciphertext
      const noise = agreed.output.floodedNoise
      const request = { instance: `result ${k}`, level, noise, c1: ciphertext.components[1]! }
      const shares = this.#secrets.map(secret => protocol.share(secret, request, target, flooding, randomSeed()))
      return serializeCiphertext(protocol.finalize(ciphertext, protocol.aggregate(shares), flooding, HOLDERS, noise))
    })
  }

  async dispose(): Promise<void> {
    await this.#kernel.dispose()
  }

  #galoisKeys(): Map<number, KeySwitchKey> {
    return new Map(
      this.plan.galoisKeys.map(({ element, level }) => {
        const generation = new GaloisKeyGeneration(this.#context, SESSION, level)
        const shares = this.#secrets.map(secret => generation.share(secret, element, randomSeed()))
        return [element, generation.finalize(generation.aggregate(shares), element)]
      })
    )
  }
}
