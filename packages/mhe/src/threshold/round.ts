/**
 * One round of dealing: who deals what to whom. Everybody has the same round in mind or none of its bytes fit together.
 *
 * | kind | dealer i deals | new share of j | the secret |
 * |---|---|---|---|
 * | `secret` | S_i, S_i(0) = s_i | Σ_i S_i(j) | becomes Σ s_i |
 * | `zero` | Z_i, Z_i(0) = 0 | s̃_j + Σ_i Z_i(j) | stays (proactive renewal) |
 * | `reshare` | D_i, D_i(0) = s̃_i, i of the holders before | Σ_{i in T} λ_i^T·D_i(j), T any t of them | stays, for other holders or another t |
 *
 * All polynomials are uniform but for that and of degree t - 1 over R_QP, with the t of the holders dealt to.
 */
import type { Context } from '@slytherin/ckks'
import { authenticateParts, hashParts, hex } from '../hash.js'
import { type AccessStructure, checkedAccess, checkPoints } from './access-structure.js'
import { ENVELOPE_KEY_BYTES } from './envelope.js'
import { InvalidSharingError } from './errors.js'
import { checkGeneration, EPOCH_BYTES, type Sharing } from './shamir-share.js'

/** `secret`: the first dealing; `zero`: new shares of the same secret; `reshare`: to other holders or with another threshold. */
export type DealingKind = 'secret' | 'zero' | 'reshare'

const ROUND_DOMAIN = 'slytherin threshold round'
const BINDING_DOMAIN = 'slytherin threshold dealing'
const COIN_DOMAIN = 'slytherin threshold coin'

/** Bytes of a coin, and of what each holder adds to it. */
export const COIN_BYTES = 32

/** What a round of dealing is about. */
export interface RoundInit {
  readonly kind: DealingKind
  /** 32 bytes. */
  readonly epoch: Uint8Array
  /** The sharing that is renewed or dealt on; none in a round of `secret`. */
  readonly before?: Sharing
  /** Points of who deals: of holders before for `zero` and `reshare`. */
  readonly dealers: readonly number[]
  /** Who is dealt to; for `zero` the holders before, with the same threshold. */
  readonly access: AccessStructure
  /**
   * X25519 public keys of those dealt to, in the order of their points; 32 bytes each. Made for this round and erased after it: who carries envelopes may keep them.
   */
  readonly receiverKeys: readonly Uint8Array[]
}

/** The agreed frame of a round of dealing: who deals what to whom. */
export class DealingRound {
  readonly kind: DealingKind
  readonly epoch: Uint8Array
  readonly before: Sharing | undefined
  readonly dealers: readonly number[]
  readonly access: AccessStructure
  /** Of the sharing that comes of it: one more than before, 0 for the first. */
  readonly generation: number
  /** 32 bytes that stand for all of the round, the parameter set included. */
  readonly hash: Uint8Array
  readonly #keys: readonly Uint8Array[]

  /** @throws InvalidSharingError for a round that makes no sense */
  constructor(
    readonly context: Context,
    init: RoundInit
  ) {
    const { kind, epoch, before, dealers, receiverKeys } = init
    const access = checkedAccess(init.access)
    if (epoch.length !== EPOCH_BYTES) throw new InvalidSharingError('epoch', `${EPOCH_BYTES} bytes`, epoch.length)
    checkPoints('dealers', dealers)
    checkBefore(init)
    if (receiverKeys.length !== access.points.length) {
      throw new InvalidSharingError('receiver keys', `${access.points.length}, one per holder`, receiverKeys.length)
    }
    for (const key of receiverKeys) {
      if (key.length !== ENVELOPE_KEY_BYTES) throw new InvalidSharingError('receiver key', `${ENVELOPE_KEY_BYTES} bytes`, key.length)
    }
    this.kind = kind
    this.epoch = epoch.slice()
    this.before = before
    this.dealers = Object.freeze([...dealers])
    this.access = access
    this.generation = before === undefined ? 0 : before.generation + 1
    checkGeneration(this.generation)
    this.#keys = receiverKeys.map(key => key.slice())
    this.hash = hashParts(
      ROUND_DOMAIN,
      JSON.stringify(context.parameters.toJSON()),
      kind,
      epoch,
      before?.lineage ?? '',
      JSON.stringify([this.generation, this.dealers, access.threshold, access.points]),
      ...this.#keys
    )
  }

  /** @throws InvalidSharingError */
  receiverKey(receiver: number): Uint8Array {
    return this.#keys[this.receiverPosition(receiver)]!
  }

  /** Place among the holders dealt to. @throws InvalidSharingError */
  receiverPosition(receiver: number): number {
    const position = this.access.points.indexOf(receiver)
    if (position < 0) throw new InvalidSharingError('receiver', `one of ${this.access.points.join(', ')}`, receiver)
    return position
  }

  /** @throws InvalidSharingError */
  checkDealer(dealer: number): void {
    if (!this.dealers.includes(dealer)) throw new InvalidSharingError('dealer', `one of ${this.dealers.join(', ')}`, dealer)
  }

  /** What an envelope is sealed for: (epoch, round, generation) through the round's hash, dealer and receiver. */
  binding(dealer: number, receiver: number): Uint8Array {
    return hashParts(BINDING_DOMAIN, this.hash, `${dealer}`, `${receiver}`)
  }

  /**
   * The public coin of the round's check: nobody can foresee it while one who adds to it is honest.
   *
   * Every holder commits to 32 random bytes before the round and reveals them when it has all announcements and its own envelopes, no sooner: a dealer that knew
   * the coin could deal what passes. Over no contributions at all it is a hash of what was announced, which a dealer can try again: 2^-128 times its tries.
   *
   * @param announcements of the dealers, in the order of `dealers`
   * @param contributions 32 bytes each, in an order that all agree on
   * @returns 32 bytes
   */
  coin(announcements: readonly Uint8Array[], contributions: readonly Uint8Array[]): Uint8Array {
    if (announcements.length !== this.dealers.length) {
      throw new InvalidSharingError('announcements', `${this.dealers.length}, one per dealer`, announcements.length)
    }
    for (const contribution of contributions) {
      if (contribution.length !== COIN_BYTES) throw new InvalidSharingError('contribution', `${COIN_BYTES} bytes`, contribution.length)
    }
    const key = hashParts(COIN_DOMAIN, this.hash, `${contributions.length}`)
    return authenticateParts(key, ...contributions, ...announcements)
  }
}

function checkBefore({ kind, before, epoch, dealers, access }: RoundInit): void {
  if (kind === 'secret') {
    if (before !== undefined) throw new InvalidSharingError('sharing before', 'none in the first round', `generation ${before.generation}`)
    return
  }
  if (before === undefined) throw new InvalidSharingError('sharing before', `given in a ${kind} round`, 'none')
  if (hex(before.epoch) !== hex(epoch)) throw new InvalidSharingError('epoch', hex(before.epoch), hex(epoch))
  const stranger = dealers.find(dealer => !before.access.points.includes(dealer))
  if (stranger !== undefined) throw new InvalidSharingError('dealers', `among the holders ${before.access.points.join(', ')}`, stranger)
  if (dealers.length < before.access.threshold) {
    throw new InvalidSharingError('number of dealers', `at least ${before.access.threshold}, the threshold`, dealers.length)
  }
  if (
    kind === 'zero' &&
    JSON.stringify([access.threshold, access.points]) !== JSON.stringify([before.access.threshold, before.access.points])
  ) {
    throw new InvalidSharingError(
      'access structure',
      'the one before; deal a reshare to change it',
      `${access.threshold} of ${access.points.join(', ')}`
    )
  }
}
