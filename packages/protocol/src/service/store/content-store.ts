/**
 * Byte strings by what they are: encrypted parts of releases and queries, shares, results. Each space (a release's, a query's) is erased as a whole; within it a
 * byte string is found by its SHA-256, and never returned as anything else than it was.
 */
import { hash, toHex } from '../../base/digest.js'

/** Keeps byte strings by space and SHA-256. */
export interface ContentStore {
  /** Durable before it resolves. @returns SHA-256, hexadecimal @throws StorageFullError; what is there stays */
  put(space: string, bytes: Uint8Array): Promise<string>
  /** Undefined for what is not there, or is damaged: that is erased, so that it may be put again. */
  get(space: string, hash: string): Promise<Uint8Array | undefined>
  /** Whether it is there; damage is found only when it is read. */
  has(space: string, hash: string): Promise<boolean>
  /** Erases a space and everything in it; one that is not there is no fault. */
  clear(space: string): Promise<void>
  /** Names of all spaces. */
  spaces(): Promise<string[]>
  /** Bytes that a space takes. */
  size(space: string): Promise<number>
}

/** Where a release's parts are. @param nonce of the release: it has one before it is signed */
export const releaseSpace = (nonce: string): string => `release-${nonce}`

/** Where an evaluator keeps the shares that evaluation keys are summed from, for the witnesses of the epoch. */
export const keyShareSpace = (epoch: string): string => `shares-${epoch}`

/** Where the shares and proofs are that a moved release was made of: what anybody can check it by. @param nonce of the moved release */
export const moveSpace = (nonce: string): string => `move-${nonce}`

/** Where a query's inputs and the answers of key holders are, until it is over. */
export const querySpace = (query: string): string => `query-${query}`

/** Where its result waits. */
export const resultSpace = (query: string): string => `result-${query}`

/** Keeps contents in memory: for tests. */
export class MemoryContentStore implements ContentStore {
  readonly #spaces = new Map<string, Map<string, Uint8Array>>()

  async put(space: string, bytes: Uint8Array): Promise<string> {
    const name = toHex(await hash(bytes))
    const contents = this.#spaces.get(space) ?? new Map<string, Uint8Array>()
    this.#spaces.set(space, contents.set(name, bytes.slice()))
    return name
  }

  async get(space: string, name: string): Promise<Uint8Array | undefined> {
    return this.#spaces.get(space)?.get(name)?.slice()
  }

  async has(space: string, name: string): Promise<boolean> {
    return this.#spaces.get(space)?.has(name) ?? false
  }

  async clear(space: string): Promise<void> {
    this.#spaces.delete(space)
  }

  async spaces(): Promise<string[]> {
    return [...this.#spaces.keys()]
  }

  async size(space: string): Promise<number> {
    let bytes = 0
    for (const content of this.#spaces.get(space)?.values() ?? []) bytes += content.length
    return bytes
  }
}
