/**
 * The evaluator's sums of key shares, as they arrive: relinearisation in two rounds, one Galois key per rotation.
 */
import type { KeySwitchKey } from '@slytherin/ckks'
import {
  GaloisKeyGeneration,
  type GaloisShare,
  RelinearizationKeyGeneration,
  type RelinearizationShareOne,
  type RelinearizationShareTwo,
  type ShareAggregation
} from '@slytherin/mhe'
import type { SummedProtocol } from '../cryptography.js'
import { type OpenSession, SessionStateError } from './session.js'

export class ShareSums {
  readonly #session: OpenSession
  readonly #relinearization: RelinearizationKeyGeneration
  readonly #galois: GaloisKeyGeneration
  #one: ShareAggregation<RelinearizationShareOne>
  #two: ShareAggregation<RelinearizationShareTwo>
  #sumOne: RelinearizationShareOne | undefined
  readonly #elements = new Map<number, ShareAggregation<GaloisShare>>()

  constructor(session: OpenSession) {
    this.#session = session
    this.#relinearization = new RelinearizationKeyGeneration(session.context, session.sessionId)
    this.#galois = new GaloisKeyGeneration(session.context, session.sessionId)
    this.#one = this.#relinearization.aggregationOne(session.parties)
    this.#two = this.#relinearization.aggregationTwo(session.parties)
  }

  /** @throws mhe's typed errors: malformed, duplicate with other bytes, not a member */
  add(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): void {
    if (protocol === 'relinearization-1') this.#one.add(party, share)
    else if (protocol === 'relinearization-2') this.#two.add(party, share)
    else this.#galoisAggregation(elementOf(instance)).add(party, share)
  }

  /** The serialised sum of round one, which every key holder needs for round two. */
  aggregateOne(): Uint8Array {
    this.#sumOne ??= this.#one.take()
    return this.#relinearization.serializeOne(this.#sumOne, 'aggregate')
  }

  finishRelinearizationKey(): KeySwitchKey {
    if (this.#sumOne === undefined) throw new SessionStateError('round one of the relinearisation key is not finished')
    const key = this.#relinearization.finalize(this.#sumOne, this.#two.take())
    this.#sumOne = undefined
    return key
  }

  finishGaloisKey(instance: string): { element: number; key: KeySwitchKey } {
    const element = elementOf(instance)
    const key = this.#galois.finalize(this.#galoisAggregation(element).take(), element)
    this.#elements.delete(element)
    return { element, key }
  }

  dispose(): void {
    if (this.#sumOne !== undefined) this.#relinearization.formatOne.dispose(this.#sumOne)
    this.#sumOne = undefined
    this.#one.dispose()
    this.#two.dispose()
    for (const aggregation of this.#elements.values()) aggregation.dispose()
    this.#elements.clear()
  }

  #galoisAggregation(element: number): ShareAggregation<GaloisShare> {
    let aggregation = this.#elements.get(element)
    if (aggregation === undefined) {
      aggregation = this.#galois.aggregation(element, this.#session.parties)
      this.#elements.set(element, aggregation)
    }
    return aggregation
  }
}

/** A Galois key's instance is its element, as text. */
function elementOf(instance: string): number {
  const element = Number(instance)
  if (!Number.isSafeInteger(element) || element < 1) throw new SessionStateError(`${instance} is not a Galois element`)
  return element
}
