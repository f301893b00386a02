/** Evaluation keys of an epoch where it is computed: summed from shares, kept by their hash, put to use. */
import { type Context, deserializeKeySwitchKey, type Evaluator, type KeySwitchKey, serializeKeySwitchKey } from '@slytherin/ckks'
import { GaloisKeyGeneration, RelinearizationKeyGeneration, type RelinearizationShareOne, type ShareAggregation } from '@slytherin/mhe'
import { RejectedShareError } from '../../cryptography/rejected-share.js'
import { SessionStateError } from '../../local/open-session.js'
import type { BlockMeans } from '../cryptography/blocks.js'
import type { AttemptName } from '../cryptography/epoch.js'
import type { EvaluationKeyName } from '../cryptography/service.js'
import type { ContentStore } from '../store/content-store.js'
import { attemptOf } from './attempts.js'

export class EpochKeyRing {
  readonly #context: Context
  readonly #epoch: Uint8Array
  readonly #contents: ContentStore
  readonly #space: string
  readonly #evaluator: () => Evaluator
  /** By what they are for. */
  readonly #used = new Map<string, BlockMeans['keys'][number]>()

  /** @param evaluator that keys are put to use in. @throws where this party does not compute */
  constructor(context: Context, epoch: Uint8Array, contents: ContentStore, space: string, evaluator: () => Evaluator) {
    this.#context = context
    this.#epoch = epoch
    this.#contents = contents
    this.#space = space
    this.#evaluator = evaluator
  }

  /** The keys that are in use. */
  get used(): BlockMeans['keys'] {
    return [...this.#used.values()]
  }

  /** Serialised sum of round one of a relinearisation key. @throws RejectedShareError */
  sumOfOne(attempt: AttemptName, level: number, ones: readonly Uint8Array[]): Uint8Array {
    const protocol = new RelinearizationKeyGeneration(this.#context, attemptOf(this.#epoch, attempt).keySession, level)
    const sum = this.#sumOne(protocol, attempt, ones)
    try {
      return protocol.serializeOne(sum, 'aggregate')
    } finally {
      protocol.formatOne.dispose(sum)
    }
  }

  /** @returns SHA-256 of the serialised key */
  async sum(
    name: EvaluationKeyName,
    attempt: AttemptName,
    shares: readonly Uint8Array[],
    ones: readonly Uint8Array[] = []
  ): Promise<string> {
    const key = name.kind === 'galois' ? this.#galois(name, attempt, shares) : this.#relinearization(name.level, attempt, shares, ones)
    try {
      const hash = await this.#contents.put(this.#space, serializeKeySwitchKey(key))
      this.#use(name, key, hash)
      return hash
    } finally {
      key.dispose()
    }
  }

  async load(name: EvaluationKeyName, hash: string): Promise<boolean> {
    const bytes = await this.#contents.get(this.#space, hash)
    if (bytes === undefined) return false
    const key = deserializeKeySwitchKey(this.#context, bytes, { level: name.level })
    try {
      this.#use(name, key, hash)
      return true
    } finally {
      key.dispose()
    }
  }

  #use(name: EvaluationKeyName, key: KeySwitchKey, hash: string): void {
    this.#used.set(name.kind === 'galois' ? `galois ${name.element}` : name.kind, { ...name, space: this.#space, hash })
    if (name.kind === 'galois') this.#evaluator().setGaloisKey(name.element, key)
    else this.#evaluator().setRelinearizationKey(key)
  }

  #galois({ element, level }: { element: number; level: number }, attempt: AttemptName, shares: readonly Uint8Array[]): KeySwitchKey {
    const protocol = new GaloisKeyGeneration(this.#context, attemptOf(this.#epoch, attempt).keySession, level)
    const sum = collectShares('galois', `${element}`, protocol.aggregation(element, attempt.active.length), shares)
    return protocol.finalize(sum, element)
  }

  #relinearization(level: number, attempt: AttemptName, shares: readonly Uint8Array[], ones: readonly Uint8Array[]): KeySwitchKey {
    const protocol = new RelinearizationKeyGeneration(this.#context, attemptOf(this.#epoch, attempt).keySession, level)
    const one = this.#sumOne(protocol, attempt, ones)
    let two: ReturnType<ReturnType<typeof protocol.aggregationTwo>['take']>
    try {
      two = collectShares('relinearization-2', 'collective', protocol.aggregationTwo(attempt.active.length), shares)
    } catch (error) {
      protocol.formatOne.dispose(one)
      throw error
    }
    return protocol.finalize(one, two)
  }

  #sumOne(protocol: RelinearizationKeyGeneration, attempt: AttemptName, ones: readonly Uint8Array[]): RelinearizationShareOne {
    return collectShares('relinearization-1', 'collective', protocol.aggregationOne(attempt.active.length), ones)
  }
}

/** @throws RejectedShareError naming the place of the holder whose share is none */
export function collectShares<S>(protocol: string, instance: string, aggregation: ShareAggregation<S>, shares: readonly Uint8Array[]): S {
  try {
    shares.forEach((share, position) => {
      try {
        aggregation.add(position, share)
      } catch (cause) {
        throw new RejectedShareError(position, protocol, instance, cause)
      }
    })
    if (!aggregation.complete) throw new SessionStateError(`shares of ${protocol} are missing`)
    return aggregation.take()
  } catch (error) {
    aggregation.dispose()
    throw error
  }
}
