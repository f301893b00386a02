/**
 * Key holder: gives its shares, each once (the ledger decides), for the session that is open.
 *
 * The secret of a session is derived from the party's long-lived seed and the session identifier, so no two sessions share a secret and a
 * party that comes back after a crash has the same one again.
 */
import { SecretKey } from '@slytherin/ckks'
import { ShareGiver, type ShareLedger } from '@slytherin/mhe'
import { deriveSeed } from '@slytherin/ring'
import type { RefreshRequest, SwitchRequest } from '../cryptography/key-holder.js'
import { ciphertextInstance } from './instances.js'
import type { OpenSession } from './open-session.js'

/**
 * A request for help that the signed plan does not foresee: too little flooding, too short a mask or a key too many would be its aim, so no share is given.
 */
export class UnforeseenRequestError extends Error {
  override name = 'UnforeseenRequestError'
  constructor(
    readonly request: 'relinearization' | 'galois' | 'refresh' | 'switch',
    readonly field: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`${request} request: ${field} is ${actual}, the plan says ${expected}`)
  }
}

/** Long-lived secrets of a key holder; 32 bytes each, from the platform's generator, kept encrypted at rest. */
export interface KeyHolderSecrets {
  readonly secretSeed: Uint8Array
  readonly shareKey: Uint8Array
}

export class KeyHolder {
  readonly #giver: ShareGiver
  readonly #session: OpenSession

  constructor(session: OpenSession, secrets: KeyHolderSecrets, ledger: ShareLedger) {
    this.#session = session
    const seed = deriveSeed(secrets.secretSeed, 'session secret', session.sessionId)
    const shareKey = deriveSeed(secrets.shareKey, 'session share key', session.sessionId)
    try {
      this.#giver = new ShareGiver(session.context, {
        secret: SecretKey.fromSeed(session.context, seed),
        shareKey,
        ledger,
        sessionId: session.sessionId,
        flooding: { statisticalBits: session.floodingBits, maximumDecryptions: session.maximumDecryptions },
        minimumSwitchNoise: session.plan.output.noise
      })
    } finally {
      seed.fill(0)
      shareKey.fill(0)
    }
  }

  publicKeyShare(): Uint8Array {
    return this.#giver.publicKeyShare()
  }

  /** @throws UnforeseenRequestError when the plan has no relinearisation key */
  relinearizationShareOne(): Uint8Array {
    return this.#giver.relinearizationShareOne(this.#relinearizationLevel)
  }

  /** @throws UnforeseenRequestError when the plan has no relinearisation key */
  relinearizationShareTwo(aggregatedOne: Uint8Array): Uint8Array {
    return this.#giver.relinearizationShareTwo(this.#relinearizationLevel, aggregatedOne)
  }

  /** At the plan's level. @throws UnforeseenRequestError when the plan has no such key */
  galoisShare(element: number): Uint8Array {
    const { galoisKeys } = this.#session.plan
    const key = galoisKeys.find(need => need.element === element)
    if (key === undefined) {
      throw new UnforeseenRequestError('galois', 'element', galoisKeys.map(need => need.element).join(' or ') || 'none', `${element}`)
    }
    return this.#giver.galoisShare(element, key.level)
  }

  /** @throws UnforeseenRequestError unless the plan has a refresh of that level, scale and magnitude */
  refreshShare({ instance, level, scale, magnitude, c1 }: RefreshRequest): Uint8Array[] {
    const foreseen = this.#session.plan.refreshes.some(step => step.level === level && step.scale === scale && step.magnitude === magnitude)
    if (!foreseen) {
      const expected = this.#session.plan.refreshes.map(describe).join(' or ') || 'no refresh'
      throw new UnforeseenRequestError('refresh', 'ciphertext', expected, describe({ level, scale, magnitude }))
    }
    return c1.map((component, k) =>
      this.#giver.refreshShare({ instance: ciphertextInstance(instance, k), level, scale, magnitude, c1: component })
    )
  }

  /** @throws UnforeseenRequestError when the level is not the plan's, or less noise is claimed than the plan expects */
  switchShare({ instance, level, noise, c1, targetKey }: SwitchRequest & { targetKey: Uint8Array }): Uint8Array[] {
    const { output } = this.#session.plan
    if (level !== output.level) throw new UnforeseenRequestError('switch', 'level', `${output.level}`, `${level}`)
    if (!(noise >= output.noise)) throw new UnforeseenRequestError('switch', 'noise', `at least 2^${output.noise}`, `2^${noise}`)
    const { scale, magnitude } = output
    return c1.map((component, k) =>
      this.#giver.switchShare({ instance: ciphertextInstance(instance, k), level, noise, scale, magnitude, c1: component, targetKey })
    )
  }

  dispose(): void {
    this.#giver.dispose()
  }

  get #relinearizationLevel(): number {
    const { relinearizationLevel } = this.#session.plan
    if (relinearizationLevel === null) throw new UnforeseenRequestError('relinearization', 'key', 'none', 'one')
    return relinearizationLevel
  }
}

function describe({ level, scale, magnitude }: { level: number; scale: number; magnitude: number }): string {
  return `level ${level}, scale ${scale}, magnitude ${magnitude}`
}
