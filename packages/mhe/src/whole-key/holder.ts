/**
 * The hand of a key holder that is the only one: decrypts and re-encrypts, once each (giving.ts), counts what it has done, encrypts its own inputs and reads its own results. It gives no shares
 * but those from which evaluation keys are made, which are of its own sums (share-giver.ts).
 *
 * The secret and the share key live in private fields: no inspection, no JSON, no error carries them, and `dispose` wipes both.
 */
import {
  type Ciphertext,
  type ComplexVector,
  type Context,
  Decryptor,
  deserializePublicKey,
  type EncodeOptions,
  type Flooding,
  isKeyPair,
  type PublicKey,
  type SecretKey,
  SecretKeyEncryptor,
  type SlotValues,
  serializeSeeded
} from '@slytherin/ckks'
import { DecryptionQuotaError, InvalidShareRequestError, NotWholeKeyError, RefreshQuotaError } from '../errors.js'
import { checkFlooding } from '../flooding.js'
import { Giving, type GivingInit } from '../giving.js'
import { decodeComponent } from '../share-giver.js'
import { WholeKeyRefresh } from './refresh.js'
import { WholeKeySwitch } from './result.js'

/** What the holder of the whole key needs. */
export interface WholeKeyHolderInit extends GivingInit {
  /** The whole secret. The holder owns it and wipes it on dispose. */
  readonly secret: SecretKey
  /** Flooding of every result in this session; its number of decryptions is also the quota of switches. */
  readonly flooding: Flooding
  /** Least noise (log2) that a switch request may claim, from the plan. */
  readonly minimumSwitchNoise?: number
  /** Ciphertexts that this session may have refreshed; no bound when left out. */
  readonly maximumRefreshes?: number
}

/** A refresh as the holder of the whole key is asked over a network. */
export interface RefreshWholeRequest {
  readonly instance: string
  readonly level: number
  readonly scale: number
  readonly magnitude: number
  /** First component under the evaluator's mask, and second, as packed residues (see `encodeComponent`). */
  readonly masked: Uint8Array
  readonly c1: Uint8Array
}

/** A switch as the holder of the whole key is asked over a network. */
export interface SwitchWholeRequest {
  readonly instance: string
  readonly level: number
  readonly noise: number
  readonly scale?: number
  readonly magnitude?: number
  readonly c1: Uint8Array
  /** The querier's public key in `@slytherin/ckks` bytes. */
  readonly targetKey: Uint8Array
}

/** The side of a party that holds the whole key: it decrypts and encrypts afresh, and gives no share that could be used against it. */
export class WholeKeyHolder implements Disposable {
  readonly context: Context
  readonly #init: WholeKeyHolderInit
  readonly #giving: Giving
  #disposed = false

  /** @throws InvalidShareRequestError unless the key is of one party; FloodingSecurityError */
  constructor(context: Context, init: WholeKeyHolderInit) {
    if (context.parties !== 1) throw new InvalidShareRequestError('whole key', 'parties', '1', context.parties)
    checkFlooding(init.flooding)
    this.context = context
    this.#giving = new Giving(init)
    this.#init = init
  }

  /**
   * A fresh encryption, at the top level, of the masked message.
   * @throws RefreshQuotaError once the session's refreshes are used up; MalformedShareError, RefreshLevelError, InvalidShareRequestError, ShareAlreadyGivenError
   */
  refresh(request: RefreshWholeRequest): Uint8Array {
    this.#checkUsable()
    const { context } = this
    const { secret, maximumRefreshes = Number.POSITIVE_INFINITY } = this.#init
    const { instance, level, scale, magnitude } = request
    const protocol = new WholeKeyRefresh(context, this.#giving.sessionId)
    using masked = decodeComponent(context, request.masked, level, 'refresh-whole', 'c0')
    using c1 = decodeComponent(context, request.c1, level, 'refresh-whole')
    const asked = { instance, level, scale, magnitude, masked, c1 }
    protocol.check(asked)
    if (!this.#giving.hasRoom('refresh-whole', instance, maximumRefreshes)) throw new RefreshQuotaError(instance, maximumRefreshes)
    const input = [`${level}`, `${scale}`, `${magnitude}`, request.masked, request.c1]
    return this.#giving.give('refresh-whole', instance, input, seed => {
      const made = protocol.reencrypt(secret, asked, seed)
      using _c0 = made.c0
      return protocol.serialize(made, instance, level)
    })
  }

  /**
   * What decrypts, under the querier's key, to the flooded result less the first component that the evaluator has kept.
   * @throws DecryptionQuotaError once the session's decryptions are used up; MalformedShareError, FloodingHeadroomError, InvalidShareRequestError, ShareAlreadyGivenError, and
   * what `deserializePublicKey` throws for the target key
   */
  switch(request: SwitchWholeRequest): Uint8Array {
    this.#checkUsable()
    const { context } = this
    const { secret, flooding, minimumSwitchNoise = Number.NEGATIVE_INFINITY } = this.#init
    const { instance, level, noise, scale, magnitude } = request
    if (!(noise >= minimumSwitchNoise)) {
      throw new InvalidShareRequestError('switch-whole', 'noise', `at least ${minimumSwitchNoise}`, noise)
    }
    const protocol = new WholeKeySwitch(context, this.#giving.sessionId)
    using c1 = decodeComponent(context, request.c1, level, 'switch-whole')
    using target = deserializePublicKey(context, request.targetKey)
    const { maximumDecryptions, securityBits } = flooding
    if (!this.#giving.hasRoom('switch-whole', instance, maximumDecryptions)) throw new DecryptionQuotaError(instance, maximumDecryptions)
    const asked = { instance, level, noise, scale, magnitude, c1 }
    protocol.check(asked, flooding)
    const numbers = [level, noise, scale, magnitude, securityBits, maximumDecryptions].map(String)
    return this.#giving.give('switch-whole', instance, [...numbers, request.c1, request.targetKey], seed => {
      const made = protocol.reencrypt(secret, asked, target, flooding, seed)
      try {
        return protocol.serialize(made, instance)
      } finally {
        protocol.dispose(made)
      }
    })
  }

  /**
   * Ciphertexts under the whole key, each with a seed of its own for its second component (ckks/seeded-encryption.ts).
   *
   * @param publicKey that of all key holders
   * @returns encodes, encrypts and serialises; throws what encoding throws, and InvalidShareRequestError once this is disposed
   * @throws NotWholeKeyError when the public key is of another secret, or of more than this one
   */
  encryption(publicKey: PublicKey): (values: SlotValues, options: EncodeOptions) => Uint8Array {
    this.#checkUsable()
    const { secret } = this.#init
    if (!isKeyPair(this.context, secret, publicKey)) throw new NotWholeKeyError()
    const encryptor = new SecretKeyEncryptor(this.context, secret)
    return (values, options) => {
      this.#checkUsable()
      const made = encryptor.encrypt(values, options)
      using _first = made.first
      return serializeSeeded(made)
    }
  }

  /** The slots of a result of its own, which the evaluator has flooded. */
  decrypt(ciphertext: Ciphertext): ComplexVector {
    this.#checkUsable()
    return new Decryptor(this.context, this.#init.secret).decrypt(ciphertext)
  }

  /** Wipes the secret and the share key. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#giving.dispose()
    this.#init.secret.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #checkUsable(): void {
    if (this.#disposed) throw new InvalidShareRequestError('whole key', 'state', 'open', 'disposed')
  }
}
