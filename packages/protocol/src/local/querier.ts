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
import { InputPacker, unpackOutputs } from '@slytherin/engine'
import { type Kernel, randomSeed } from '@slytherin/ring'
import { type OpenSession, SessionStateError } from './open-session.js'

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
  #packer: InputPacker | undefined

  constructor(private readonly session: OpenSession) {}

  /** @throws when there are more samples than the plan's batch, or one has the wrong number of features */
  setSamples(samples: readonly Float64Array[]): void {
    this.#packer = new InputPacker(this.session.plan, samples)
  }

  /** Input ciphertext `index` of the samples, block-major. */
  encryptInput(index: number): Uint8Array {
    const { plan, context, encryptor } = this.session
    if (this.#packer === undefined) throw new SessionStateError('no samples were given')
    using plaintext = context.encoder.encode(this.#packer.pack(index), plan.inputs)
    using ciphertext = encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }

  /** Logits of a whole batch, padding included. */
  decrypt(ciphertexts: readonly Uint8Array[], key: ResultKey): Float64Array[] {
    const { plan, context } = this.session
    using secret = key.secret(context)
    const decryptor = new Decryptor(context, secret)
    const slots = ciphertexts.map(bytes => {
      using ciphertext = deserializeCiphertext(context, bytes, { level: plan.output.level, degree: 1 })
      return decryptor.decrypt(ciphertext)
    })
    return unpackOutputs(plan, slots)
  }
}
