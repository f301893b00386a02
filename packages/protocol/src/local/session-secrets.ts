/**
 * What a key holder's share of a session's secret, and the randomness of its shares, are made from: fresh for every session, kept while it lives, erased when
 * it is over. Whoever takes the party's disk afterwards opens nothing that was recorded before.
 */
import { randomBytes, toHex } from '../base/digest.js'

/** Bytes of each of the two secrets of a session. */
export const SESSION_SECRET_BYTES = 32

/** 32 bytes each, from the platform's generator. Whoever is given them wipes them. */
export interface SessionSecrets {
  /** The key holder's share of the session's secret key is sampled from it. */
  readonly secretSeed: Uint8Array
  /** The randomness of every share that the holder gives is derived from it. */
  readonly shareKey: Uint8Array
}

/** Keeps a key holder's secrets of the session that it is in, so that a restarted process gives the same shares. */
export interface SessionSecretStore {
  /**
   * A copy of a session's secrets: fresh ones the first time, the same as long as the session lives, in whatever process. What is kept of other sessions is
   * erased: a party is in one session at a time. Durable before it resolves.
   */
  take(sessionId: Uint8Array): Promise<SessionSecrets>
  /** The session is over: nothing of its secrets stays. May be called when there are none. */
  erase(sessionId: Uint8Array): Promise<void>
}

/** Keeps secrets in memory: for tests, benchmarks and a cohort of one. */
export class MemorySessionSecrets implements SessionSecretStore {
  readonly #random: (length: number) => Uint8Array
  #kept: { readonly session: string; readonly secrets: SessionSecrets } | undefined

  /** @param random where secrets come from; the platform's generator when not given */
  constructor(random: (length: number) => Uint8Array = randomBytes) {
    this.#random = random
  }

  async take(sessionId: Uint8Array): Promise<SessionSecrets> {
    const session = toHex(sessionId)
    if (this.#kept?.session !== session) {
      this.#wipe()
      this.#kept = { session, secrets: { secretSeed: this.#random(SESSION_SECRET_BYTES), shareKey: this.#random(SESSION_SECRET_BYTES) } }
    }
    const { secretSeed, shareKey } = this.#kept.secrets
    return { secretSeed: secretSeed.slice(), shareKey: shareKey.slice() }
  }

  async erase(sessionId: Uint8Array): Promise<void> {
    if (this.#kept?.session === toHex(sessionId)) this.#wipe()
  }

  #wipe(): void {
    if (this.#kept === undefined) return
    this.#kept.secrets.secretSeed.fill(0)
    this.#kept.secrets.shareKey.fill(0)
    this.#kept = undefined
  }
}
