/** What an evaluator knows of its moves, durable: a move that was cut short goes on where it was. */
import type { AttemptName } from '../cryptography/epoch.js'
import type { Release } from '../objects/release.js'
import type { RecordStore } from '../store/records.js'

const MOVE = 'move'
const BATCH = 'move-batch'

export interface MoveRecord {
  readonly to: string
  /** Of the release to come. */
  readonly nonce: string
  /** The attempt that is under way; null before the first, and after one that was given up. */
  readonly attempt: AttemptName | null
  /** Attempts that were given up. */
  readonly failed: number
  /** What is to be signed, once all parts are there. */
  readonly document: Release | null
  /** Why it will not be moved; empty otherwise. */
  readonly refused: string
}

/** One batch of parts, done: hashes. */
export interface BatchMoved {
  readonly parts: readonly string[]
  /** By holder, in the order of their points. */
  readonly shares: readonly (readonly string[])[]
  readonly proofs: readonly string[]
}

/** By the identifier of the release that is moved. */
export class MoveRecords {
  readonly #records: RecordStore

  constructor(records: RecordStore) {
    this.#records = records
  }

  async get(release: string): Promise<MoveRecord | undefined> {
    return (await this.#records.get(MOVE, release)) as MoveRecord | undefined
  }

  async put(release: string, record: MoveRecord): Promise<MoveRecord> {
    await this.#records.put(MOVE, release, record)
    return record
  }

  async batch(release: string, attempt: number, batch: number): Promise<BatchMoved | undefined> {
    return (await this.#records.get(BATCH, `${release}/${attempt}/${batch}`)) as BatchMoved | undefined
  }

  async putBatch(release: string, attempt: number, batch: number, moved: BatchMoved): Promise<void> {
    await this.#records.put(BATCH, `${release}/${attempt}/${batch}`, moved)
  }
}
