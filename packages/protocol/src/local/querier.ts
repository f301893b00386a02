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
import type { QueryInputs } from '../cryptography/data-owner.js'
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

/** Samples of one query, encrypted piece by piece. */
class SampleEncryption implements QueryInputs {
  readonly #session: OpenSession
  #packer: InputPacker | undefined

  /** @throws when there are more samples than the plan's batch, or one has the wrong number of features */
  constructor(session: OpenSession, samples: readonly Float64Array[]) {
    this.#session = session
    this.#packer = new InputPacker(session.plan, samples)
  }

  async encryptInput(index: number): Promise<Uint8Array> {
    const { plan, context, encryptor, closed } = this.#session
    if (closed) throw new SessionStateError('the session was closed')
    if (this.#packer === undefined) throw new SessionStateError('the samples of this query were let go')
    using plaintext = context.encoder.encode(this.#packer.pack(index), plan.inputs)
    using ciphertext = encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }

  async dispose(): Promise<void> {
    this.#packer = undefined
  }
}

export class Querier {
  constructor(private readonly session: OpenSession) {}

  openQuery(samples: readonly Float64Array[]): QueryInputs {
    return new SampleEncryption(this.session, samples)
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
