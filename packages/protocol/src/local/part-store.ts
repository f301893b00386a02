/** Where an evaluator keeps what it was sent until it is used: encrypted weights and inputs, which may not fit in memory. Shares no memory with its callers. */
export interface PartStore {
  /** Takes the place of what has this key. Forgotten, too, when the store is cleared in the meantime. */
  put(key: string, bytes: Uint8Array): Promise<void>
  /** @throws MissingPartError */
  get(key: string): Promise<Uint8Array>
  /** Forgets what has this key; nothing happens where nothing has. */
  delete(key: string): Promise<void>
  /** Forgets everything. */
  clear(): Promise<void>
}

/** Something was needed that had not been sent, or was already used up. */
export class MissingPartError extends Error {
  override name = 'MissingPartError'
  constructor(readonly key: string) {
    super(`${key} has not been received`)
  }
}

/** Keeps parts in memory: for tests and small models. */
export class MemoryPartStore implements PartStore {
  private readonly parts = new Map<string, Uint8Array>()

  async put(key: string, bytes: Uint8Array): Promise<void> {
    this.parts.set(key, bytes.slice())
  }

  async get(key: string): Promise<Uint8Array> {
    const bytes = this.parts.get(key)
    if (bytes === undefined) throw new MissingPartError(key)
    return bytes.slice()
  }

  async delete(key: string): Promise<void> {
    this.parts.delete(key)
  }

  async clear(): Promise<void> {
    this.parts.clear()
  }
}
