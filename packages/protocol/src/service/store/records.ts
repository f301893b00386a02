/**
 * Small durable records: JSON by kind and key. What a flow must not forget, and nothing that is secret (store/secrets.ts). Each put is durable and whole before it
 * resolves: a party may be killed at any instant.
 */
import { canonicalJson } from '../../base/canonical.js'

/** Keeps JSON values by kind and key. */
export interface RecordStore {
  /** Takes the place of what is there. @throws StorageFullError; what is there stays */
  put(kind: string, key: string, value: unknown): Promise<void>
  /** A copy, or undefined for what is not there. */
  get(kind: string, key: string): Promise<unknown>
  /** Of a kind, by key. */
  list(kind: string): Promise<{ readonly key: string; readonly value: unknown }[]>
  /** How many there are of a kind. */
  count(kind: string): Promise<number>
  /** What is not there is no fault. */
  delete(kind: string, key: string): Promise<void>
}

/** Keeps records in memory: for tests. */
export class MemoryRecordStore implements RecordStore {
  readonly #records = new Map<string, Map<string, string>>()

  async put(kind: string, key: string, value: unknown): Promise<void> {
    const records = this.#records.get(kind) ?? new Map<string, string>()
    this.#records.set(kind, records.set(key, canonicalJson(value)))
  }

  async get(kind: string, key: string): Promise<unknown> {
    const text = this.#records.get(kind)?.get(key)
    return text === undefined ? undefined : JSON.parse(text)
  }

  async list(kind: string): Promise<{ key: string; value: unknown }[]> {
    const records = [...(this.#records.get(kind) ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))
    return records.map(([key, text]) => ({ key, value: JSON.parse(text) }))
  }

  async count(kind: string): Promise<number> {
    return this.#records.get(kind)?.size ?? 0
  }

  async delete(kind: string, key: string): Promise<void> {
    this.#records.get(kind)?.delete(key)
  }
}
