/**
 * The dealer's side of a round: deals, answers the coin, opens what is disputed.
 *
 *   S(X) = c + A_1·X + … + A_(t-1)·X^(t-1),      A_m uniform in R_QP from the seed;      c the secret, the share before, or zero
 *
 * The seed is for this dealing alone. A dealer that lost it deals anew, in a new round: from the same seed in another state it might answer a second coin.
 */
import { deriveSeed, type Polynomial } from '@slytherin/ring'
import { equalBytes } from '../hash.js'
import type { ShareLedger } from '../ledger.js'
import { expandReference } from '../reference.js'
import { withScratch } from '../scratch.js'
import { type Fingerprinted, Fingerprints, maskedFingerprints, writeAnswer } from './consistency.js'
import { writeAnnouncement, writeDealtShare } from './dealing-format.js'
import { sealEnvelope } from './envelope.js'
import { InvalidSharingError, SecondCoinError, TooManyOpeningsError } from './errors.js'
import { addResidues, evaluate, fingerprintCount, type Residues, uniformResidues } from './residues.js'
import { COIN_BYTES, type DealingRound } from './round.js'
import { checkHeld, ShamirShare } from './shamir-share.js'
import { spendSpareMasks } from './vouching.js'

const SEED_BYTES = 32

/** Shares in memory together; a coefficient is drawn once for so many. */
const RECEIVERS_AT_ONCE = 8

/** What a dealer sends out. */
export interface Dealing {
  /** For everybody, to be signed. */
  readonly announcement: Uint8Array
  /** One per receiver, in the order of their points. */
  readonly envelopes: readonly Uint8Array[]
}

type Words = Omit<Fingerprinted, 'polynomial'>

/** A party that deals its secret, zero, or its share to the holders. */
export class Dealer implements Disposable {
  readonly #constant: Polynomial | null
  /** The share dealt on. */
  readonly #share: ShamirShare | undefined
  readonly #seed: Uint8Array
  readonly #opened: number[] = []
  #coin: Uint8Array | undefined

  /**
   * @param point    the dealer's
   * @param constant S(0): the party's secret in NTT form over every modulus, its share of the sharing before in a round of `reshare`, `null` in one of `zero`. Stays
   *                 the caller's, who keeps it until the round is over
   * @param seed     32 fresh secret bytes, copied, for this dealing only
   * @throws InvalidSharingError, SharingMismatchError (a share of another sharing)
   */
  constructor(
    readonly round: DealingRound,
    readonly point: number,
    constant: Polynomial | ShamirShare | null,
    seed: Uint8Array
  ) {
    round.checkDealer(point)
    const given = constant === null ? 'zero' : constant instanceof ShamirShare ? 'reshare' : 'secret'
    if (given !== round.kind) throw new InvalidSharingError('constant term', `that of a ${round.kind} round`, `that of a ${given} round`)
    if (constant instanceof ShamirShare) checkHeld(round.before!, point, constant)
    if (seed.length !== SEED_BYTES) throw new InvalidSharingError('seed', `${SEED_BYTES} bytes`, seed.length)
    this.#constant = constant instanceof ShamirShare ? constant.polynomial : constant
    this.#share = constant instanceof ShamirShare ? constant : undefined
    this.#seed = seed.slice()
  }

  /** The same bytes whenever it is called. @throws InvalidSharingError naming a receiver whose key is none */
  async deal(): Promise<Dealing> {
    const { round, point } = this
    const { access } = round
    const envelopes: Uint8Array[] = []
    const words = Array.from({ length: access.threshold }, (_, power) => this.#words(power))
    for (let first = 0; first < access.points.length; first += RECEIVERS_AT_ONCE) {
      const receivers = access.points.slice(first, first + RECEIVERS_AT_ONCE)
      const all = this.#contents(receivers, words)
      try {
        for (const [i, receiver] of receivers.entries()) envelopes.push(await this.#seal(all[i]!, receiver))
      } finally {
        for (const contents of all) contents.fill(0)
      }
    }
    return { announcement: writeAnnouncement(round, point, envelopes), envelopes }
  }

  /**
   * W_k and V_k as bytes, for everybody. The same coin gives the same answer again.
   *
   * @param coin   32 bytes, of `round.coin`
   * @param ledger in a round of `reshare`: where it is written down that the share has met its one coin
   * @throws SecondCoinError, InvalidSharingError; SpareMasksUsedError when the share was vouched for under another coin
   */
  answer(coin: Uint8Array, ledger?: ShareLedger): Uint8Array {
    const { round, point } = this
    const { context, access } = round
    if (coin.length !== COIN_BYTES) throw new InvalidSharingError('coin', `${COIN_BYTES} bytes`, coin.length)
    if (this.#coin !== undefined && !equalBytes(this.#coin, coin)) throw new SecondCoinError(point)
    if (this.#share !== undefined) {
      if (ledger === undefined) throw new InvalidSharingError('ledger', 'given where a share is dealt on', 'none')
      spendSpareMasks(this.#share, coin, ledger)
    }
    this.#coin = coin.slice()
    using fingerprints = new Fingerprints(context, coin)
    const answer = Array.from({ length: access.threshold }, (_, power) => {
      const words = this.#words(power)
      return this.#withCoefficient(power, coefficient =>
        coefficient === null
          ? [...words.masks, ...addResidues(context.ring.moduli, fingerprints.ofSpare(words.spare), words.spareMasks)]
          : maskedFingerprints(fingerprints, { ...words, polynomial: coefficient })
      )
    })
    return writeAnswer(round, point, coin, answer)
  }

  /**
   * e of one envelope, for everybody: shows what was dealt to a receiver that complains, and to everybody else what that receiver has. Only after a complaint that
   * the receiver has signed.
   *
   * @returns 32 bytes
   * @throws TooManyOpeningsError rather than open a t-th share; InvalidSharingError
   */
  open(receiver: number): Uint8Array {
    const { round, point } = this
    round.receiverPosition(receiver)
    if (!this.#opened.includes(receiver)) {
      const { threshold } = round.access
      if (this.#opened.length >= threshold - 1) throw new TooManyOpeningsError(point, [...this.#opened], receiver, threshold)
      this.#opened.push(receiver)
    }
    return this.#ephemeral(receiver)
  }

  /** Wipes the seed; the constant stays the caller's. */
  dispose(): void {
    this.#seed.fill(0)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** For each receiver S(j), by Horner's rule, and its masks. */
  #contents(receivers: readonly number[], words: readonly Words[]): Uint8Array[] {
    const { context, access } = this.round
    const { ring, parameters } = context
    return withScratch(ring, scratch => {
      const sums = receivers.map(() => scratch.keep(ring.allocate(parameters.keyIndices(), 'ntt')))
      for (let power = access.threshold - 1; power >= 0; power--) {
        this.#withCoefficient(power, coefficient => {
          sums.forEach((sum, i) => {
            ring.multiplyScalar(sum, sum, BigInt(receivers[i]!))
            if (coefficient !== null) ring.add(sum, sum, coefficient)
          })
        })
      }
      return sums.map((polynomial, i) => {
        const at = (of: keyof Words): Residues[] =>
          words[0]![of].map((_, k) =>
            evaluate(
              ring.moduli,
              words.map(coefficients => coefficients[of][k]!),
              receivers[i]!
            )
          )
        return writeDealtShare(context, { polynomial, masks: at('masks'), spare: at('spare'), spareMasks: at('spareMasks') })
      })
    })
  }

  async #seal(contents: Uint8Array, receiver: number): Promise<Uint8Array> {
    const { round, point } = this
    const ephemeral = this.#ephemeral(receiver)
    try {
      return await sealEnvelope(contents, ephemeral, round.receiverKey(receiver), round.binding(point, receiver))
    } catch (error) {
      if (!(error instanceof DOMException)) throw error
      throw new InvalidSharingError(`key of receiver ${receiver}`, 'an X25519 public key', error.name)
    } finally {
      ephemeral.fill(0)
    }
  }

  /** A_m, drawn again for each use so that no more than one is in memory; wiped after. */
  #withCoefficient<T>(power: number, body: (coefficient: Polynomial | null) => T): T {
    if (power === 0) return body(this.#constant)
    const { ring, parameters } = this.round.context
    const seed = deriveSeed(this.#seed, 'coefficient', power)
    const coefficient = expandReference(ring, parameters.keyIndices(), seed)
    try {
      return body(coefficient)
    } finally {
      seed.fill(0)
      coefficient.wipe()
      coefficient.dispose()
    }
  }

  /** The coefficients of one power of all masks. Those of the constant term: none where it is zero, the spare masks of a share dealt on. */
  #words(power: number): Words {
    const { moduli } = this.round.context.ring
    const drawn = (name: string): Residues[] =>
      Array.from({ length: fingerprintCount(moduli) }, (_, k) => uniformResidues(moduli, this.#seed, name, power, k))
    const zero = (): Residues[] => Array.from({ length: fingerprintCount(moduli) }, () => moduli.map(() => 0n))
    const constant = this.#share?.spare ?? (this.round.kind === 'zero' ? zero() : undefined)
    const masks = power === 0 && constant !== undefined ? constant : drawn('mask')
    return { masks, spare: drawn('spare mask'), spareMasks: drawn('mask of spare mask') }
  }

  #ephemeral(receiver: number): Uint8Array {
    return deriveSeed(this.#seed, 'envelope', receiver)
  }
}
