/**
 * Data owner and querier: encrypts samples under the collective key, with the secret key where it holds the whole of it; keeps the key pair that results are switched to;
 * decrypts and unpacks.
 */
import {
  Context,
  Decryptor,
  deserializeCiphertext,
  KeyGenerator,
  Parameters,
  type ParametersJson,
  type Plaintext,
  type PublicKey,
  SecretKey,
  type SlotValues,
  serializeCiphertext,
  serializePublicKey
} from '@slytherin/ckks'
import { InputPacker, type Plan, unpackOutputs } from '@slytherin/engine'
import { type Kernel, randomSeed } from '@slytherin/ring'
import type { QueryInputs } from '../cryptography/data-owner.js'
import { provesEncryptions } from '../terms/proof-batches.js'
import { type OpenSession, SessionStateError } from './open-session.js'
import { ProofMaker } from './proof-maker.js'

/** The querier's own key pair of one session: made before the session opens, used for its results only, wiped with it. */
export class ResultKey {
  readonly #seed: Uint8Array
  readonly publicKey: Uint8Array

  constructor(kernel: Kernel, parameters: ParametersJson, options: { allowInsecure?: boolean } = {}) {
    this.#seed = randomSeed()
    using context = Context.create(Parameters.fromJSON(parameters, options), kernel, { parties: 1 })
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

/** What encrypts with the whole key (mhe's `WholeKeyHolder`), where this party holds it. */
export interface WholeKey {
  encryption(publicKey: PublicKey): (values: SlotValues, options: Plan['inputs']) => Uint8Array
}

/** Samples of one query, encrypted piece by piece. */
class SampleEncryption implements QueryInputs {
  readonly #session: OpenSession
  readonly #maker: ProofMaker | undefined
  /** Encrypts with the secret key, where the plan says so. */
  readonly #seeded: ReturnType<WholeKey['encryption']> | undefined
  #packer: InputPacker | undefined

  /**
   * @throws when there are more samples than the plan's batch, or one has the wrong number of features; SessionStateError, NotWholeKeyError where the plan has inputs
   * encrypted with the whole key, which this party does not hold
   */
  constructor(
    session: OpenSession,
    samples: readonly Float64Array[],
    query: string,
    release: string | undefined,
    wholeKey: () => WholeKey | undefined
  ) {
    this.#session = session
    this.#packer = new InputPacker(session.plan, samples)
    if (session.plan.inputs.seeded) {
      const key = wholeKey()
      if (key === undefined) throw new SessionStateError('inputs are encrypted with the whole key, which this party does not hold')
      this.#seeded = key.encryption(session.publicKey)
      return
    }
    const { proofs } = session
    if (proofs !== undefined && provesEncryptions(proofs, proofs.self)) {
      this.#maker = new ProofMaker(session, { sender: proofs.self, query, ...(release === undefined ? {} : { release }) }, index =>
        this.#encode(index)
      )
    }
  }

  async encryptInput(index: number): Promise<Uint8Array> {
    if (this.#maker !== undefined) return this.#maker.part(index)
    if (this.#seeded !== undefined) return this.#seeded(this.#packed(index), this.#session.plan.inputs)
    using plaintext = this.#encode(index)
    using ciphertext = this.#session.encryptor.encrypt(plaintext)
    return serializeCiphertext(ciphertext)
  }

  async proveInputs(batch: number): Promise<Uint8Array> {
    if (this.#maker === undefined) throw new SessionStateError('encryptions are not proved in this session')
    return this.#maker.proof(batch)
  }

  #encode(index: number): Plaintext {
    const { plan, context } = this.#session
    return context.encoder.encode(this.#packed(index), plan.inputs)
  }

  #packed(index: number): SlotValues {
    if (this.#session.closed) throw new SessionStateError('the session was closed')
    if (this.#packer === undefined) throw new SessionStateError('the samples of this query were let go')
    return this.#packer.pack(index)
  }

  async dispose(): Promise<void> {
    this.#packer = undefined
    this.#maker?.dispose()
  }
}

export class Querier {
  /** @param wholeKey of this party, where it holds it */
  constructor(
    private readonly session: OpenSession,
    private readonly wholeKey: () => WholeKey | undefined = () => undefined
  ) {}

  /** @param release nonce of the release that is asked; in a session there is one model */
  openQuery(samples: readonly Float64Array[], query: string, release?: string): QueryInputs {
    return new SampleEncryption(this.session, samples, query, release, this.wholeKey)
  }

  /** Logits of a whole batch, padding included, from results under this querier's own key. */
  decrypt(ciphertexts: readonly Uint8Array[], key: ResultKey): Float64Array[] {
    using secret = key.secret(this.session.context)
    return this.decryptUnder(secret, ciphertexts)
  }

  decryptUnder(secret: SecretKey, ciphertexts: readonly Uint8Array[]): Float64Array[] {
    return this.decryptBy(new Decryptor(this.session.context, secret), ciphertexts)
  }

  /** The same from results under whatever key `decryptor` has. */
  decryptBy(decryptor: Pick<Decryptor, 'decrypt'>, ciphertexts: readonly Uint8Array[]): Float64Array[] {
    const { plan, context } = this.session
    const slots = ciphertexts.map(bytes => {
      using ciphertext = deserializeCiphertext(context, bytes, { level: plan.output.level, degree: 1 })
      return decryptor.decrypt(ciphertext)
    })
    return unpackOutputs(plan, slots)
  }
}
