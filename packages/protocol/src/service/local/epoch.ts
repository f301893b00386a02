/**
 * One key epoch at one party: its share (epoch-share.ts), the public key, and evaluation keys where it computes. Keys are in the content store, space
 * `epoch-EPOCH`.
 */
import {
  type Ciphertext,
  Context,
  Decryptor,
  deserializePublicKey,
  Encryptor,
  type Evaluator,
  KernelEvaluator,
  Parameters,
  type PublicKey,
  SecretKey,
  serializePublicKey
} from '@slytherin/ckks'
import {
  DealingRound,
  encodeComponent,
  PublicKeyGeneration,
  PublicKeySwitch,
  ShamirShare,
  type ShareLedger,
  type Sharing
} from '@slytherin/mhe'
import type { Kernel, Polynomial } from '@slytherin/ring'
import { digest, fromHex, hash, toHex } from '../../base/digest.js'
import { RejectedShareError } from '../../cryptography/rejected-share.js'
import { SessionStateError } from '../../local/open-session.js'
import type { BlockRunner } from '../cryptography/blocks.js'
import type { AttemptName, SharingName } from '../cryptography/epoch.js'
import type { ReleasesCryptography } from '../cryptography/release.js'
import type { DealingCryptography, DealingTerms, EpochCryptography, EvaluationKeyName, OpenEpochTerms } from '../cryptography/service.js'
import type { ContentStore } from '../store/content-store.js'
import type { SecretStore } from '../store/secrets.js'
import { attemptOf } from './attempts.js'
import { LocalDealing } from './dealing.js'
import { collectShares, EpochKeyRing } from './epoch-keys.js'
import type { EpochHand, EpochMeans } from './epoch-means.js'
import { EpochShare } from './epoch-share.js'
import { LocalReleases, type LocalReleasesOptions } from './releases.js'

export interface LocalEpochOptions {
  readonly kernel: Kernel
  readonly self: string
  readonly secrets: SecretStore
  readonly contents: ContentStore
  readonly ledger: ShareLedger
  /** This party's models, by the name that publications give. */
  readonly models?: LocalReleasesOptions['models']
  /** Bytes of weights of all releases in memory; 1 GiB when not given. */
  readonly weightBytes?: number
  /** Has parts of evaluations done, on other machines too. */
  readonly blocks?: BlockRunner
  /** For tests: rings that are below the security table. */
  readonly allowInsecure?: boolean
  /** The private half of a key pair that was made for a round; once. @throws SessionStateError */
  takeReceiverKey(publicKey: Uint8Array): Uint8Array
  onDisposed?(): void
}

/** Of the ciphertext that tests a new sharing. */
const TEST_SCALE = 2 ** 30
/** log2 of how far above the noise of a coefficient, times N, a slot may be. */
const TEST_MARGIN_BITS = 4

/** Where an epoch's keys are. */
const epochSpace = (epoch: string): string => `epoch-${epoch}`

export class LocalEpoch implements EpochCryptography {
  readonly context: Context
  readonly #options: LocalEpochOptions
  readonly #epoch: Uint8Array
  readonly #releases: LocalReleases
  readonly #keys: EpochKeyRing
  readonly #share: EpochShare
  readonly #rounds = new Set<LocalDealing>()
  #publicKey: PublicKey | undefined
  #evaluator: Evaluator | undefined

  private constructor(
    readonly terms: OpenEpochTerms,
    options: LocalEpochOptions
  ) {
    this.#options = options
    this.#epoch = fromHex(terms.epoch)
    const { allowInsecure = false } = options
    const parameters = Parameters.fromJSON(terms.parameters, { allowInsecure })
    this.context = Context.create(parameters, options.kernel, { parties: terms.dealers })
    if (terms.evaluates) this.#evaluator = new KernelEvaluator(this.context)
    const { self, contents, models, weightBytes, blocks } = options
    this.#share = new EpochShare(terms, this.context, options)
    this.#keys = new EpochKeyRing(this.context, this.#epoch, contents, epochSpace(terms.epoch), () => this.#computing())
    this.#releases = new LocalReleases(this.#means(), {
      self,
      soleHolder: terms.soleHolder,
      contents,
      ...(models === undefined ? {} : { models }),
      ...(blocks === undefined ? {} : { blocks }),
      ...(weightBytes === undefined ? {} : { weightBytes })
    })
  }

  /** With the share that this party holds, if it holds one. */
  static async open(terms: OpenEpochTerms, options: LocalEpochOptions): Promise<LocalEpoch> {
    const epoch = new LocalEpoch(terms, options)
    try {
      await epoch.#share.load()
      return epoch
    } catch (error) {
      await epoch.dispose()
      throw error
    }
  }

  // ---- rounds of dealing

  async openRound(terms: DealingTerms): Promise<DealingCryptography> {
    const { kind, before, dealers, threshold, points, receiverKeys, own } = terms
    const round = new DealingRound(this.context, {
      kind,
      epoch: this.#epoch,
      ...(before === undefined ? {} : { before: sharingOf(this.#epoch, before) }),
      dealers,
      access: { threshold, points },
      receiverKeys
    })
    const place = own.receiver === null ? -1 : points.indexOf(own.receiver)
    const privateKey = place < 0 ? undefined : this.#options.takeReceiverKey(receiverKeys[place]!)
    const constant = own.dealer === null ? null : await this.#share.constant(kind)
    const dealing = new LocalDealing({
      round,
      receiver: privateKey === undefined ? null : { point: own.receiver!, privateKey },
      dealer: own.dealer === null ? null : { point: own.dealer, constant },
      ledger: this.#options.ledger,
      before: async () => (kind === 'zero' ? await this.#share.read('share') : undefined),
      keep: async share => await this.#share.keepNext(share),
      disposed: () => {
        if (constant instanceof ShamirShare) constant.dispose()
        else if (constant !== null) {
          constant.wipe()
          constant.dispose()
        }
        this.#rounds.delete(dealing)
      }
    })
    this.#rounds.add(dealing)
    return dealing
  }

  async adopt(sharing: SharingName): Promise<void> {
    await this.#share.adopt(sharing)
  }

  async held(): Promise<SharingName | undefined> {
    return this.#share.held
  }

  async erase(): Promise<void> {
    await this.#share.erase()
  }

  async testShare(attempt: AttemptName, targetKey: Uint8Array): Promise<Uint8Array> {
    const name = attemptOf(this.#epoch, attempt)
    using ciphertext = this.#known(attempt.sharing)
    const { level, scale, magnitude, noise } = ciphertext
    const c1 = encodeComponent(this.context, ciphertext.components[1]!)
    return await this.#share.withGiver(attempt.sharing, giver =>
      giver.switchShare(name, { ciphertext: 0, level, noise, scale, magnitude, c1, targetKey })
    )
  }

  async testSharing(attempt: AttemptName, shares: Uint8Array[], seed: Uint8Array): Promise<boolean> {
    const { context } = this
    const { floodingBits: securityBits, maximumDecryptions } = this.terms
    const flooding = { securityBits, maximumDecryptions }
    const parties = attempt.active.length
    const protocol = new PublicKeySwitch(context, this.#epoch, parties)
    using ciphertext = this.#known(attempt.sharing)
    const instance = attemptOf(this.#epoch, attempt).instanceOf(0)
    const sum = collectShares('switch', instance, protocol.aggregation(instance, ciphertext.level, parties), shares)
    try {
      using switched = protocol.finalize(ciphertext, sum, flooding, parties)
      using secret = SecretKey.fromSeed(context, seed)
      seed.fill(0)
      const { real } = new Decryptor(context, secret).decrypt(switched)
      const largest = real.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      // Of another secret, what comes out fills the modulus.
      return Math.log2(largest * switched.scale) < switched.noise + context.parameters.logN + TEST_MARGIN_BITS
    } finally {
      protocol.format.dispose(sum)
    }
  }

  // ---- the public key

  async publicKeyShare(attempt: AttemptName): Promise<Uint8Array> {
    // Of a sharing that is not in force before the key is there.
    const name = attemptOf(this.#epoch, attempt)
    return await this.#share.withGiver(attempt.sharing, giver => giver.publicKeyShare(name))
  }

  async sumPublicKey(attempt: AttemptName, shares: Uint8Array[]): Promise<string> {
    const generation = new PublicKeyGeneration(this.context, attemptOf(this.#epoch, attempt).keySession)
    if (shares.length !== attempt.active.length) throw new SessionStateError(`${attempt.active.length} shares are needed`)
    const parsed: Polynomial[] = []
    try {
      for (const [position, bytes] of shares.entries()) {
        try {
          parsed.push(generation.deserialize(bytes))
        } catch (cause) {
          throw new RejectedShareError(position, 'public-key', generation.identity.instance, cause)
        }
      }
      return await this.#setPublicKey(generation.finalize(generation.aggregate(parsed)))
    } finally {
      for (const share of parsed) share.dispose()
    }
  }

  async takePublicKey(bytes: Uint8Array, name: string): Promise<void> {
    const actual = toHex(await hash(bytes))
    if (actual !== name) throw new SessionStateError(`the public key is ${actual}, not ${name}`)
    await this.#setPublicKey(deserializePublicKey(this.context, bytes))
  }

  async loadPublicKey(name: string): Promise<boolean> {
    const bytes = await this.#options.contents.get(epochSpace(this.terms.epoch), name)
    if (bytes === undefined) return false
    await this.takePublicKey(bytes, name)
    return true
  }

  async publicKey(): Promise<Uint8Array> {
    return serializePublicKey(this.#key())
  }

  // ---- evaluation keys

  async relinearizationShareOne(attempt: AttemptName, level: number): Promise<Uint8Array> {
    const name = attemptOf(this.#epoch, attempt)
    return await this.#share.withGiver(attempt.sharing, giver => giver.relinearizationShareOne(name, level))
  }

  async relinearizationShareTwo(attempt: AttemptName, level: number, ones: Uint8Array[]): Promise<Uint8Array> {
    const name = attemptOf(this.#epoch, attempt)
    const sum = this.#keys.sumOfOne(attempt, level, ones)
    return await this.#share.withGiver(attempt.sharing, giver => giver.relinearizationShareTwo(name, level, sum))
  }

  async galoisShare(attempt: AttemptName, element: number, level: number): Promise<Uint8Array> {
    const name = attemptOf(this.#epoch, attempt)
    return await this.#share.withGiver(attempt.sharing, giver => giver.galoisShare(name, element, level))
  }

  async sumKey(name: EvaluationKeyName, attempt: AttemptName, shares: Uint8Array[], ones?: Uint8Array[]): Promise<string> {
    return await this.#keys.sum(name, attempt, shares, ones)
  }

  async loadKey(name: EvaluationKeyName, hashName: string): Promise<boolean> {
    return await this.#keys.load(name, hashName)
  }

  async releases(): Promise<ReleasesCryptography> {
    return this.#releases
  }

  async dispose(): Promise<void> {
    await this.#releases.dispose()
    for (const round of [...this.#rounds]) await round.dispose()
    this.#share.drop()
    this.#evaluator?.[Symbol.dispose]()
    this.#evaluator = undefined
    this.#publicKey?.dispose()
    this.#publicKey = undefined
    this.context.dispose()
    this.#options.onDisposed?.()
  }

  /** What releases rest on. */
  #means(): EpochMeans {
    const { terms, context } = this
    const key = (): PublicKey => this.#key()
    const computing = (): Evaluator => this.#computing()
    const held = (): EpochHand => this.#share.hand
    const keys = (): EpochMeans['keys'] => this.#keys.used
    return {
      terms,
      threshold: terms.threshold,
      context,
      get publicKey() {
        return key()
      },
      get evaluator() {
        return computing()
      },
      get keys() {
        return keys()
      },
      get hand() {
        return held()
      }
    }
  }

  /** An encryption of zero that everybody computes: its randomness comes from the sharing's name, and is nobody's choice. */
  #known({ generation, lineage }: SharingName): Ciphertext {
    const { context } = this
    const { maxLevel } = context.parameters
    using nothing = context.encoder.encode(new Float64Array(0), { scale: TEST_SCALE, level: maxLevel })
    const seed = digest('slytherin sharing test', this.#epoch, String(generation), lineage)
    return new Encryptor(context, this.#key()).encrypt(nothing, seed)
  }

  #key(): PublicKey {
    if (this.#publicKey === undefined) throw new SessionStateError('the collective public key is not known yet')
    return this.#publicKey
  }

  #computing(): Evaluator {
    if (this.#evaluator === undefined) throw new SessionStateError('this party does not compute')
    return this.#evaluator
  }

  async #setPublicKey(key: PublicKey): Promise<string> {
    this.#publicKey?.dispose()
    this.#publicKey = key
    return await this.#options.contents.put(epochSpace(this.terms.epoch), serializePublicKey(key))
  }
}

function sharingOf(epoch: Uint8Array, { generation, lineage, threshold, points }: SharingName): Sharing {
  return { epoch, generation, lineage: fromHex(lineage), access: { threshold, points } }
}
