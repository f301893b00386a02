/** What every store of session secrets must do, wherever it keeps them. */
import { afterEach, describe, expect, it } from 'vitest'
import { SESSION_SECRET_BYTES, type SessionSecretStore, type SessionSecrets } from '../local/session-secrets.js'

/** An implementation under test. */
export interface SessionSecretsHarness {
  /** A store without secrets. */
  create(): Promise<SessionSecretStore>
  /** The store as a process that has started anew finds it. */
  reopen(store: SessionSecretStore): Promise<SessionSecretStore>
  /** After each test. */
  dispose?(): Promise<void>
}

const session = (value: number): Uint8Array => new Uint8Array(32).fill(value)
const text = ({ secretSeed, shareKey }: SessionSecrets): string => Buffer.concat([secretSeed, shareKey]).toString('hex')

/** Registers the suite. */
export function sessionSecretsCompliance(name: string, harness: SessionSecretsHarness): void {
  describe(`${name}, as a store of session secrets`, () => {
    afterEach(async () => await harness.dispose?.())

    it('makes two secrets for each session, and never the same', async () => {
      const store = await harness.create()
      const seen = new Set<string>()
      for (let i = 1; i <= 4; i++) {
        const { secretSeed, shareKey } = await store.take(session(i))
        for (const secret of [secretSeed, shareKey]) {
          expect(secret).toHaveLength(SESSION_SECRET_BYTES)
          seen.add(Buffer.from(secret).toString('hex'))
        }
      }
      expect(seen.size).toBe(8)
    })

    it('has the same ones while a session lives, also after a restart', async () => {
      const store = await harness.create()
      const first = text(await store.take(session(1)))
      expect(text(await store.take(session(1)))).toBe(first)
      const again = await harness.reopen(store)
      expect(text(await again.take(session(1)))).toBe(first)
    })

    it('shares no memory with whoever takes them', async () => {
      const store = await harness.create()
      const taken = await store.take(session(1))
      const first = text(taken)
      taken.secretSeed.fill(0)
      taken.shareKey.fill(0)
      expect(text(await store.take(session(1)))).toBe(first)
    })

    it('erases them: whoever asks again gets others', async () => {
      const store = await harness.create()
      const first = text(await store.take(session(1)))
      await store.erase(session(2))
      expect(text(await store.take(session(1)))).toBe(first)
      await store.erase(session(1))
      await store.erase(session(1))
      const second = text(await store.take(session(1)))
      expect(second).not.toBe(first)
      await store.erase(session(1))
      expect(text(await (await harness.reopen(store)).take(session(1)))).not.toBe(second)
    })

    it('erases what it finds of a session that is over, when another begins', async () => {
      const store = await harness.create()
      const first = text(await store.take(session(1)))
      const again = await harness.reopen(store)
      const second = text(await again.take(session(2)))
      expect(text(await again.take(session(2)))).toBe(second)
      expect(text(await again.take(session(1)))).not.toBe(first)
    })
  })
}
