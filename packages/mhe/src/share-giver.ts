/**
 * A key holder's hand: makes its shares, once each (giving.ts), and gives them out as bytes.
 *
 * Where one party holds the whole key it gives shares of keys alone. A share of a refresh or of a switch would be s·c1 under noise sized for an honest c1: one crafted c1, and
 * it is the whole secret. Such a party decrypts and re-encrypts instead (whole-key/).
 *
 * The secret and the share key live in private fields: no inspection, no JSON, no error carries them, and `dispose` wipes both.
 */
import type { Context, Flooding, SecretKey } from '@slytherin/ckks'
import { deserializePublicKey } from '@slytherin/ckks'
import type { Polynomial } from '@slytherin/ring'
import { DecryptionQuotaError, InvalidShareRequestError, RefreshQuotaError, SoleKeyShareError } from './errors.js'
import { checkFlooding } from './flooding.js'
import { GaloisKeyGeneration } from './galois-key.js'
import { Giving, type GivingInit } from './giving.js'
import { encryptionSeedOf, ProvableSwitch } from './provable-switch.js'
import { COLLECTIVE, PublicKeyGeneration } from './public-key.js'
import { PublicKeySwitch } from './public-key-switch.js'
import { Refresh } from './refresh.js'
import type { RefreshTransform } from './refresh-transform.js'
import { RelinearizationKeyGeneration } from './relinearization-key.js'
import { decodeStrictly, type ShareFormat, type ShareIdentity, type ShareProtocol } from './share-format.js'

/** What a key holder needs to give shares. */
export interface ShareGiverInit extends GivingInit {
  /** This party's secret. The giver owns it and wipes it on dispose. */
  readonly secret: SecretKey
  /** Flooding of every switch in this session; its number of decryptions is also the giver's quota. */
  readonly flooding: Flooding
  /** Least noise (log2) that a switch request may claim, from the plan: an evaluator that understates it would get too little flooding. */
  readonly minimumSwitchNoise?: number
  /** Ciphertexts that this session may have refreshed; no bound when left out. */
  readonly maximumRefreshes?: number
  /** Key holders whose shares are added in a refresh or switch: t where t of n suffice; all n when left out. */
  readonly holders?: number
  /** That a party which holds the whole key gives shares of refreshes and switches; only an attack that shows what this would lay open allows it. */
  readonly allowSoleShares?: boolean
}

/** A refresh as it is asked over a network. */
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

/** A switch as it is asked over a network. */
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

/** As a `SwitchShareRequest`, to a key that nobody holds. */
export interface ProvableShareRequest extends SwitchShareRequest {
  /** Level of the share's undivided second component. */
  readonly provenLevel: number
}

/** A share of a switch that is proved (provable-switch.ts). */
export interface ProvableShare {
  /** First component at its level, then the undivided second one: packed residues. */
  readonly bytes: Uint8Array
  /** What the proof needs of it. The caller disposes it. */
  readonly undivided: Polynomial
  /** The encryption's, 32 secret bytes; the caller wipes it. */
  readonly seed: Uint8Array
}

/** A ciphertext component (c1 of a refresh or switch) as packed residues, NTT form. */
export function encodeComponent(context: Context, component: Polynomial): Uint8Array {
  return context.ring.encodePacked(component)
}

/** @throws MalformedShareError unless the bytes are exactly a polynomial of that level with residues below their primes */
export function decodeComponent(context: Context, bytes: Uint8Array, level: number, protocol: ShareProtocol, field = 'c1'): Polynomial {
  const { maxLevel } = context.parameters
  if (!Number.isInteger(level) || level < 0 || level > maxLevel) {
    throw new InvalidShareRequestError(protocol, 'level', `0 to ${maxLevel}`, level)
  }
  return decodeStrictly(context, protocol, field, bytes, context.parameters.ciphertextIndices(level))
}

/** A key holder's side of the protocols: derives, records, answers; never two different shares for one request. */
export class ShareGiver implements Disposable {
  readonly context: Context
  readonly sessionId: Uint8Array
  readonly flooding: Flooding
  readonly minimumSwitchNoise: number
  readonly #secret: SecretKey
  readonly #giving: Giving
  readonly #maximumRefreshes: number
  readonly #allowSoleShares: boolean
  readonly #holders: number
  #disposed = false

  constructor(context: Context, init: ShareGiverInit) {
    checkFlooding(init.flooding)
    this.context = context
    this.#giving = new Giving(init)
    this.sessionId = this.#giving.sessionId
    this.flooding = init.flooding
    this.minimumSwitchNoise = init.minimumSwitchNoise ?? Number.NEGATIVE_INFINITY
    this.#secret = init.secret
    this.#maximumRefreshes = init.maximumRefreshes ?? Number.POSITIVE_INFINITY
    this.#allowSoleShares = init.allowSoleShares === true
    this.#holders = init.holders ?? context.parties
  }

  /** Serialised share of the collective public key; the same bytes again whenever it is asked for. */
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

  /** @throws SoleKeyShareError where this party holds the whole key; RefreshQuotaError once the session's refreshes are used up; MalformedShareError, RefreshLevelError, InvalidShareRequestError, ShareAlreadyGivenError */
  refreshShare(request: RefreshShareRequest): Uint8Array {
    this.#checkUsable()
    this.#checkNotSole('refresh')
    const { instance, level, scale, magnitude } = request
    const c1 = decodeComponent(this.context, request.c1, level, 'refresh')
    try {
      const protocol = new Refresh(this.context, this.sessionId, request.transform, this.#holders)
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
   * @throws SoleKeyShareError where this party holds the whole key; DecryptionQuotaError once the session's decryptions are used up; MalformedShareError, FloodingHeadroomError,
   * InvalidShareRequestError, ShareAlreadyGivenError, and what `deserializePublicKey` throws for the target key
   */
  switchShare(request: SwitchShareRequest): Uint8Array {
    this.#checkUsable()
    this.#checkNotSole('switch')
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
        const protocol = new PublicKeySwitch(context, this.sessionId, this.#holders)
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

  /**
   * A share of a switch to another collective key, with what its holder proves it by. Counts as a decryption.
   *
   * @throws as `switchShare`
   */
  provableSwitchShare(request: ProvableShareRequest): ProvableShare {
    this.#checkUsable()
    this.#checkNotSole('switch')
    const { context, flooding } = this
    const { instance, level, provenLevel, noise, scale, magnitude } = request
    const c1 = decodeComponent(context, request.c1, level, 'switch')
    try {
      const target = deserializePublicKey(context, request.targetKey)
      try {
        this.#checkSwitchQuota(instance)
        const protocol = new ProvableSwitch(context, this.sessionId, this.#holders)
        const switched = { instance, level, provenLevel, noise, scale, magnitude, c1 }
        protocol.check(switched, flooding)
        const numbers = [level, provenLevel, noise, scale, magnitude, flooding.securityBits, flooding.maximumDecryptions].map(String)
        return this.#giving.give('switch', instance, ['provable', ...numbers, request.c1, request.targetKey], seed => {
          const { first, undivided } = protocol.share(this.#secret, switched, target, flooding, seed)
          try {
            const head = context.ring.encodePacked(first)
            const tail = context.ring.encodePacked(undivided)
            const bytes = new Uint8Array(head.length + tail.length)
            bytes.set(head)
            bytes.set(tail, head.length)
            return { bytes, undivided, seed: encryptionSeedOf(seed) }
          } finally {
            first.dispose()
          }
        })
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
    this.#giving.dispose()
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
    return this.#giving.give(format.protocol, identity.instance, input, seed => {
      const share = make(seed)
      try {
        return format.serialize(share, identity)
      } finally {
        format.dispose(share)
      }
    })
  }

  /** The ephemeral secret of relinearisation: the same in both rounds, for nothing else, wiped after. */
  #withEphemeral<T>(level: number, body: (ephemeralSeed: Uint8Array) => T): T {
    return this.#giving.withSeed(['relinearization ephemeral', COLLECTIVE, `${level}`], body)
  }

  #checkNotSole(protocol: 'refresh' | 'switch'): void {
    if (this.context.parties === 1 && !this.#allowSoleShares) throw new SoleKeyShareError(protocol)
  }

  #checkRefreshQuota(instance: string): void {
    if (!this.#giving.hasRoom('refresh', instance, this.#maximumRefreshes)) throw new RefreshQuotaError(instance, this.#maximumRefreshes)
  }

  #checkSwitchQuota(instance: string): void {
    const { maximumDecryptions } = this.flooding
    if (!this.#giving.hasRoom('switch', instance, maximumDecryptions)) throw new DecryptionQuotaError(instance, maximumDecryptions)
  }

  #checkUsable(): void {
    if (this.#disposed) throw new InvalidShareRequestError('share giver', 'state', 'open', 'disposed')
  }
}
