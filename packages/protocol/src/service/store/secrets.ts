/** Secrets that a party keeps for a while, by name: seeds of publications and of result keys. Sealed where they are durable; erased for good. */

export interface SecretStore {
  /** Durable before it resolves; takes the place of what is there. Copied. @throws StorageFullError */
  put(name: string, secret: Uint8Array): Promise<void>
  /** A copy, which whoever is given it wipes. */
  get(name: string): Promise<Uint8Array | undefined>
  /** What is not there is no fault. */
  erase(name: string): Promise<void>
}

/** Keeps secrets in memory: for tests. */
export class MemorySecretStore implements SecretStore {
  readonly #secrets = new Map<string, Uint8Array>()

  async put(name: string, secret: Uint8Array): Promise<void> {
    await this.erase(name)
    this.#secrets.set(name, secret.slice())
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    return this.#secrets.get(name)?.slice()
  }

  async erase(name: string): Promise<void> {
    this.#secrets.get(name)?.fill(0)
    this.#secrets.delete(name)
  }
}
