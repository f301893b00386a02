/**
 * A key holder's hand: makes its shares, once each, and gives them out as bytes.
 *
 *   seed = HMAC-SHA-256(share key, session ‖ protocol ‖ instance ‖ input hash)
 *
 * Every random value of a share is derived from its seed, so the same request gives the same bytes again and never a second share; a
 * changed input under the same instance is refused by the ledger, which is asked before anything is computed. Because the input enters the
 * seed, even a ledger that was lost or rolled back cannot lead to two inputs under one randomness.
 *
 * The secret and the share key live in private fields: no inspection, no JSON, no error carries them, and `dispose` wipes both.
 */
import type { Context, Flooding, SecretKey } from '@slytherin/ckks'
import { deserializePublicKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { DecryptionQuotaError, InvalidShareRequestError, RefreshQuotaError } from './errors.js'
import { checkFlooding } from './flooding.js'
import { GaloisKeyGeneration } from './galois-key.js'
import { authenticateParts, hashParts, hex } from './hash.js'
import type { ShareLedger } from './ledger.js'
import { COLLECTIVE, PublicKeyGeneration } from './public-key.js'
import { PublicKeySwitch } from './public-key-switch.js'
import { checkSessionId } from './reference.js'
import { Refresh } from './refresh.js'
import type { RefreshTransform } from './refresh-transform.js'
import { RelinearizationKeyGeneration } from './relinearization-key.js'
import { decodeStrictly, type ShareFormat, type ShareIdentity, type ShareProtocol } from './share-format.js'

/** Bytes of the key from which the seeds of shares are derived. */
export const SHARE_KEY_BYTES = 32

export interface ShareGiverInit {
  /** This party's secret. The giver owns it and wipes it on dispose. */
  readonly secret: SecretKey
  /** 32 secret bytes; copied. */
  readonly shareKey: Uint8Array
  readonly ledger: ShareLedger
  /** 32 bytes. */
  readonly sessionId: Uint8Array
  /** Flooding of every switch in this session; its number of decryptions is also the giver's quota. */
  readonly flooding: Flooding
  /** Least noise (log2) that a switch request may claim, from the plan: an evaluator that understates it would get too little flooding. */
  readonly minimumSwitchNoise?: number
  /** Ciphertexts that this session may have refreshed; no bound when left out. */
  readonly maximumRefreshes?: number
}

export interface RefreshShareRequest {
  readonly instance: string
  readonly level: number
  readonly scale: number
  readonly magnitude: number
  /** Second component of the ciphertext as packed residues (see `encodeComponent`). */
  readonly c1: Uint8Array
  /** The agreed map that rides inside the refresh; none when left out. */
  readonly transform?: RefreshTransform
}

export interface SwitchShareRequest {
  readonly instance: string
  readonly level: number
  readonly noise: number
  readonly scale?: number
  readonly magnitude?: number
  readonly c1: Uint8Array
  /** The receiver's public key in `@slytherin/ckks` bytes. */
  readonly targetKey: Uint8Array
}

/** A ciphertext component (c1 of a refresh or switch) as packed residues, NTT form. */
export function encodeComponent(context: Context, component: Polynomial): Uint8Array {
  return context.ring.encodePacked(component)
}

/** @throws MalformedShareError unless the bytes are exactly a polynomial of that level with residues below their primes */
export function decodeComponent(context: Context, bytes: Uint8Array, level: number, protocol: ShareProtocol): Polynomial {
  const { maxLevel } = context.parameters
  if (!Number.isInteger(level) || level < 0 || level > maxLevel) {
    throw new InvalidShareRequestError(protocol, 'level', `0 to ${maxLevel}`, level)
  }
  return decodeStrictly(context, protocol, 'c1', bytes, context.parameters.ciphertextIndices(level))
}

export class ShareGiver implements Disposable {
  readonly context: Context
  readonly sessionId: Uint8Array
  readonly flooding: Flooding
  readonly minimumSwitchNoise: number
  readonly #secret: SecretKey
  readonly #shareKey: Uint8Array
  readonly #ledger: ShareLedger
  readonly #session: string
  /** Instances given, as far as there is a quota of them. */
  readonly #given: Readonly<Record<'switch' | 'refresh', Set<string>>>
  readonly #maximumRefreshes: number
  #disposed = false

  constructor(context: Context, init: ShareGiverInit) {
    checkSessionId(init.sessionId)
    checkFlooding(init.flooding)
    if (init.shareKey.length !== SHARE_KEY_BYTES) {
      throw new InvalidShareRequestError('share giver', 'shareKey', `${SHARE_KEY_BYTES} bytes`, `${init.shareKey.length} bytes`)
    }
    this.context = context
    this.sessionId = init.sessionId.slice()
    this.flooding = init.flooding
    this.minimumSwitchNoise = init.minimumSwitchNoise ?? Number.NEGATIVE_INFINITY
    this.#secret = init.secret
    this.#shareKey = init.shareKey.slice()
    this.#ledger = init.ledger
    this.#session = hex(init.sessionId)
    this.#maximumRefreshes = init.maximumRefreshes ?? Number.POSITIVE_INFINITY
    const recorded = (protocol: string): Set<string> => new Set(init.ledger.instances?.(this.#session, protocol) ?? [])
    this.#given = { switch: recorded('switch'), refresh: recorded('refresh') }
  }

  publicKeyShare(): Uint8Array {
    const protocol = new PublicKeyGeneration(this.context, this.sessionId)
    return this.#give(protocol.format, protocol.identity, [], seed => protocol.share(this.#secret, seed))
  }

  /** @param level of the session's relinearisation key. @throws InvalidShareRequestError; ShareAlreadyGivenError for a second level */
  relinearizationShareOne(level: number): Uint8Array {
    const protocol = new RelinearizationKeyGeneration(this.context, this.sessionId, level)
    return this.#give(protocol.formatOne, protocol.identity, [`${level}`], seed =>
      this.#withEphemeral(level, ephemeral => protocol.shareOne(this.#secret, ephemeral, seed))
    )
  }

  /**
   * @param level         the level given to round one
   * @param aggregatedOne serialised sum of round one (kind `aggregate`)
   * @throws MalformedShareError, InvalidShareRequestError, ShareAlreadyGivenError
   */
  relinearizationShareTwo(level: number, aggregatedOne: Uint8Array): Uint8Array {
    this.#checkUsable()
    const protocol = new RelinearizationKeyGeneration(this.context, this.sessionId, level)
    const sum = protocol.deserializeOne(aggregatedOne, 'aggregate')
    try {
      return this.#give(protocol.formatTwo, protocol.identity, [`${level}`, aggregatedOne], seed =>
        this.#withEphemeral(level, ephemeral => protocol.shareTwo(this.#secret, ephemeral, sum, seed))
      )
    } finally {
      protocol.formatOne.dispose(sum)
    }
  }

  /** @param level of this element's key. @throws InvalidShareRequestError; ShareAlreadyGivenError for a second level of an element */
  galoisShare(element: number, level: number): Uint8Array {
    const protocol = new GaloisKeyGeneration(this.context, this.sessionId, level)
    return this.#give(protocol.format, protocol.identity(element), [`${level}`], seed => protocol.share(this.#secret, element, seed))
  }

  /** @throws RefreshQuotaError once the session's refreshes are used up; MalformedShareError, RefreshLevelError, InvalidShareRequestError, ShareAlreadyGivenError */
  refreshShare(request: RefreshShareRequest): Uint8Array {
    this.#checkUsable()
    const { instance, level, scale, magnitude } = request
    const c1 = decodeComponent(this.context, request.c1, level, 'refresh')
    try {
      const protocol = new Refresh(this.context, this.sessionId, request.transform)
      protocol.check({ instance, level, scale, magnitude, c1 })
      this.#checkRefreshQuota(instance)
      const input = [`${level}`, `${scale}`, `${magnitude}`, protocol.transformName, request.c1]
      return this.#give(protocol.format, { instance, level }, input, seed =>
        protocol.share(this.#secret, { instance, level, scale, magnitude, c1 }, seed)
      )
    } finally {
      c1.dispose()
    }
  }

  /**
   * @throws DecryptionQuotaError once the session's decryptions are used up; MalformedShareError, FloodingHeadroomError,
   * InvalidShareRequestError, ShareAlreadyGivenError, and what `deserializePublicKey` throws for the target key
   */
  switchShare(request: SwitchShareRequest): Uint8Array {
    this.#checkUsable()
    const { context, flooding } = this
    const { instance, level, noise, scale, magnitude } = request
    if (!(noise >= this.minimumSwitchNoise)) {
      throw new InvalidShareRequestError('switch', 'noise', `at least ${this.minimumSwitchNoise}`, noise)
    }
    const c1 = decodeComponent(context, request.c1, level, 'switch')
    try {
      const target = deserializePublicKey(context, request.targetKey)
      try {
        this.#checkSwitchQuota(instance)
        const protocol = new PublicKeySwitch(context, this.sessionId)
        protocol.check({ instance, level, noise, scale, magnitude, c1 }, flooding)
        const numbers = [level, noise, scale, magnitude, flooding.securityBits, flooding.maximumDecryptions].map(String)
        return this.#give(protocol.format, { instance, level }, [...numbers, request.c1, request.targetKey], seed =>
          protocol.share(this.#secret, { instance, level, noise, scale, magnitude, c1 }, target, flooding, seed)
        )
      } finally {
        target.dispose()
      }
    } finally {
      c1.dispose()
    }
  }

  /** Wipes the secret and the share key. */
  dispose(): void {
    if (this.#disposed) return
    this.#disposed = true
    this.#shareKey.fill(0)
    this.#secret.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #give<S>(
    format: ShareFormat<S>,
    identity: ShareIdentity,
    input: readonly (Uint8Array | string)[],
    make: (seed: Uint8Array) => S
  ): Uint8Array {
    this.#checkUsable()
    const inputHash = hashParts(...input)
    const { protocol } = format
    this.#ledger.claim({ session: this.#session, protocol, instance: identity.instance, inputHash: hex(inputHash) })
    if (protocol === 'switch' || protocol === 'refresh') this.#given[protocol].add(identity.instance)
    const seed = authenticateParts(this.#shareKey, this.sessionId, protocol, identity.instance, inputHash)
    try {
      const share = make(seed)
      try {
        return format.serialize(share, identity)
      } finally {
        format.dispose(share)
      }
    } finally {
      seed.fill(0)
    }
  }

  /** The ephemeral secret of relinearisation: the same in both rounds, for nothing else, wiped after. */
  #withEphemeral<T>(level: number, body: (ephemeralSeed: Uint8Array) => T): T {
    const seed = authenticateParts(this.#shareKey, this.sessionId, 'relinearization ephemeral', COLLECTIVE, `${level}`)
    try {
      return body(seed)
    } finally {
      seed.fill(0)
    }
  }

  #checkRefreshQuota(instance: string): void {
    if (this.#given.refresh.has(instance) || this.#given.refresh.size < this.#maximumRefreshes) return
    throw new RefreshQuotaError(instance, this.#maximumRefreshes)
  }

  #checkSwitchQuota(instance: string): void {
    if (this.#given.switch.has(instance) || this.#given.switch.size < this.flooding.maximumDecryptions) return
    throw new DecryptionQuotaError(instance, this.flooding.maximumDecryptions)
  }

  #checkUsable(): void {
    if (this.#disposed) throw new InvalidShareRequestError('share giver', 'state', 'open', 'disposed')
  }
}
