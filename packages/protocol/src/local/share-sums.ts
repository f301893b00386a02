/**
 * The evaluator's sums of key shares, as they arrive: relinearisation in two rounds, one Galois key per element. Which keys there are, and for which levels, is the plan's.
 */
import type { KeySwitchKey } from '@slytherin/ckks'
import {
  GaloisKeyGeneration,
  type GaloisShare,
  MissingShareError,
  RelinearizationKeyGeneration,
  type RelinearizationShareOne,
  type RelinearizationShareTwo,
  type ShareAggregation
} from '@slytherin/mhe'
import type { SummedProtocol } from '../cryptography/evaluator.js'
import { type OpenSession, SessionStateError } from './open-session.js'

interface RelinearizationSums {
  readonly protocol: RelinearizationKeyGeneration
  readonly one: ShareAggregation<RelinearizationShareOne>
  readonly two: ShareAggregation<RelinearizationShareTwo>
}

interface GaloisSum {
  readonly protocol: GaloisKeyGeneration
  readonly aggregation: ShareAggregation<GaloisShare>
}

export class ShareSums {
  readonly #session: OpenSession
  readonly #relinearization: RelinearizationSums | undefined
  /** By element. */
  readonly #galois = new Map<number, GaloisSum>()

  constructor(session: OpenSession) {
    this.#session = session
    const { context, sessionId, parties, plan } = session
    if (plan.relinearizationLevel === null) return
    const protocol = new RelinearizationKeyGeneration(context, sessionId, plan.relinearizationLevel)
    this.#relinearization = { protocol, one: protocol.aggregationOne(parties), two: protocol.aggregationTwo(parties) }
  }

  /** @throws mhe's typed errors (malformed, duplicate with other bytes, not a member); SessionStateError for a key that the plan does not name */
  add(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): void {
    if (protocol === 'relinearization-1') this.#relinearizationSums().one.add(party, share)
    else if (protocol === 'relinearization-2') this.#relinearizationSums().two.add(party, share)
    else this.#galoisSum(elementOf(instance)).aggregation.add(party, share)
  }

  /** @throws MissingShareError while a share of either round is */
  finishRelinearizationKey(): KeySwitchKey {
    const { protocol, one, two } = this.#relinearizationSums()
    if (!one.complete) throw new MissingShareError('relinearization-1', one.identity.instance, one.missing)
    const second = two.take()
    return protocol.finalize(one.take(), second)
  }

  finishGaloisKey(instance: string): { element: number; key: KeySwitchKey } {
    const element = elementOf(instance)
    const { protocol, aggregation } = this.#galoisSum(element)
    const key = protocol.finalize(aggregation.take(), element)
    this.#galois.delete(element)
    return { element, key }
  }

  dispose(): void {
    const sums = this.#relinearization
    if (sums !== undefined) {
      sums.one.dispose()
      sums.two.dispose()
    }
    for (const { aggregation } of this.#galois.values()) aggregation.dispose()
    this.#galois.clear()
  }

  #relinearizationSums(): RelinearizationSums {
    if (this.#relinearization === undefined) throw new SessionStateError('the plan has no relinearisation key')
    return this.#relinearization
  }

  #galoisSum(element: number): GaloisSum {
    const known = this.#galois.get(element)
    if (known !== undefined) return known
    const { context, sessionId, parties, plan } = this.#session
    const need = plan.galoisKeys.find(key => key.element === element)
    if (need === undefined) throw new SessionStateError(`the plan has no Galois key for element ${element}`)
    const protocol = new GaloisKeyGeneration(context, sessionId, need.level)
    const made = { protocol, aggregation: protocol.aggregation(element, parties) }
    this.#galois.set(element, made)
    return made
  }
}

/** A Galois key's instance is its element, as text. */
function elementOf(instance: string): number {
  const element = Number(instance)
  if (!Number.isSafeInteger(element) || element < 1) throw new SessionStateError(`${instance} is not a Galois element`)
  return element
}
