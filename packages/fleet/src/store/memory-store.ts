/** Keeps byte strings in memory: for tests. */
import { checkName, type StoreBackend } from './backend.js'

/** A store in this process. */
export class MemoryStore implements StoreBackend {
  readonly name = 'the store in memory'
  readonly #spaces = new Map<string, Map<string, Uint8Array>>()
  /** How often something was read. */
  reads = 0

  async write(space: string, hash: string, bytes: Uint8Array): Promise<void> {
    checkName(space, hash)
    const contents = this.#spaces.get(space) ?? new Map<string, Uint8Array>()
    this.#spaces.set(space, contents.set(hash, new Uint8Array(bytes)))
  }

  async read(space: string, hash: string): Promise<Uint8Array | undefined> {
    this.reads++
    return this.#spaces.get(space)?.get(hash)?.slice()
  }

  async has(space: string, hash: string): Promise<boolean> {
    return this.#spaces.get(space)?.has(hash) ?? false
  }

  async clear(space: string): Promise<void> {
    this.#spaces.delete(space)
  }

  async spaces(): Promise<string[]> {
    return [...this.#spaces.keys()].sort()
  }

  close(): void {
    this.#spaces.clear()
  }
}
