/**
 * Data owner and querier: encrypts samples under the collective key; keeps the key pair that results are switched to; decrypts and unpacks.
 */
import {
  Context,
  Decryptor,
  deserializeCiphertext,
  KeyGenerator,
  Parameters,
  type ParametersJson,
  SecretKey,
  serializeCiphertext,
  serializePublicKey
} from '@slytherin/ckks'
import { packInput, unpackOutputs } from '@slytherin/engine'
import { type Kernel, randomSeed } from '@slytherin/ring'
import { type OpenSession, SessionStateError } from './session.js'

/** The querier's own key pair of one session: made before the session opens, used for its results only, wiped with it. */
export class ResultKey {
  readonly #seed: Uint8Array
  readonly publicKey: Uint8Array

  constructor(kernel: Kernel, parameters: ParametersJson) {
    this.#seed = randomSeed()
    using context = Context.create(Parameters.fromJSON(parameters), kernel, { parties: 1 })
    using secret = SecretKey.fromSeed(context, this.#seed)
    using key = new KeyGenerator(context).publicKey(secret)
    this.publicKey = serializePublicKey(key)
  }

  secret(context: Context): SecretKey {
    return SecretKey.fromSeed(context, this.#seed)
  }

  dispose(): void {
    this.#seed.fill(0)
  }
}

export class Querier {
  #samples: Float64Array[] = []

  constructor(private readonly session: OpenSession) {}

  /** @throws when there are more samples than the plan's batch, or one has the wrong number of features */
  setSamples(samples: readonly Float64Array[]): void {
    this.#samples = [...samples]
  }

  /** Input ciphertext `index` of the samples, block-major. */
  encryptInput(index: number): Uint8Array {
    const { plan, context, encryptor } = this.session
    if (this.#samples.length === 0) throw new SessionStateError('no samples were given')
    const slots = packInput(plan, this.#samples, index)
    using plaintext = context.encoder.encode(slots, { level: plan.inputs.level, scale: plan.inputs.scale })
    using ciphertext = encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }

  /** Logits per sample, for as many samples as were set. */
  decrypt(ciphertexts: readonly Uint8Array[], key: ResultKey): Float64Array[] {
    const { plan, context } = this.session
    using secret = key.secret(context)
    const decryptor = new Decryptor(context, secret)
    const slots = ciphertexts.map(bytes => {
      using ciphertext = deserializeCiphertext(context, bytes, { level: plan.output.level, degree: 1 })
      return decryptor.decrypt(ciphertext).real
    })
    const outputs = unpackOutputs(plan, slots)
    return this.#samples.length > 0 ? outputs.slice(0, this.#samples.length) : outputs
  }
}
