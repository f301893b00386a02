/**
 * The byte strings of a fleet as whoever works with them has them: verified by their SHA-256 whenever they come from a disk or over a network, with what was used last in
 * memory and on the disk of this machine. What does not match is fetched again; then the store is named as corrupt.
 */
import { hash as digest } from 'node:crypto'
import type { BorrowedBytes, ContentName, SharedContents } from '@slytherin/protocol/service'
import PQueue from 'p-queue'
import { ContentMissingError, CorruptStoreError } from '../errors.js'
import type { StoreBackend } from './backend.js'
import { BufferPool } from './buffer-pool.js'
import type { DiskCache } from './disk-cache.js'
import { MemoryCache } from './memory-cache.js'
import { made } from './read-whole.js'

/** Where byte strings are, and how much of them is kept at hand. */
export interface FleetContentsOptions {
  /** Where all of it is. */
  readonly backend: StoreBackend
  /** Bytes that are kept in memory. */
  readonly memoryBytes: number
  /** What lasts longer than a query is kept here, too. */
  readonly disk?: DiskCache
  /** The store gave something else than was asked for; it is asked once more. */
  onMismatch?(store: string, space: string, hash: string): void
}

/** Bytes that may be on their way to a disk: what comes faster than it takes them is not kept there. */
const MOST_WRITING = 2 ** 28
/** Reads at the same time: enough for a link, and few enough that what is waited for comes soon. */
const AT_ONCE = 8
/** What is read once is waited for; weights are asked for long before. */
const SOON = { priority: 1 }
const AHEAD = { priority: 0 }
/** What nobody waits for yet. */
const IDLE = { priority: -1 }
/** Byte strings at the same time that nobody waits for yet. */
const STAGED_AT_ONCE = 4
/** When something is read, among what else is. */
interface Turn {
  readonly priority: number
  /** By which its priority is changed. */
  readonly id?: string
  begun?(): void
}

/** What comes before it is asked for. */
interface Staging {
  /** Its read has not begun. */
  queued: boolean
  /** The disk's. */
  readonly bytes: Promise<Uint8Array>
}

/** Bytes of buffers between two uses. */
const MOST_IDLE = 2 ** 26

/** SHA-256 in hexadecimal. */
export const sha256 = (bytes: Uint8Array): string => digest('sha256', bytes, 'hex')

/** Byte strings of a fleet by space and SHA-256; what comes back is always what was put. */
export class FleetContents implements SharedContents {
  readonly #options: FleetContentsOptions
  readonly #memory: MemoryCache
  /** Bytes that are on their way to the disk. */
  #writing = 0
  readonly #buffers = new BufferPool(MOST_IDLE)
  readonly #reads = new PQueue({ concurrency: AT_ONCE })
  /** What is being fetched, by hash. */
  readonly #fetching = new Map<string, Promise<Uint8Array>>()
  /** What somebody has asked for and the disk may be given, by hash. */
  readonly #loading = new Map<string, Promise<Uint8Array>>()
  /** What comes before it is asked for, by hash. */
  readonly #staging = new Map<string, Staging>()
  /** What was asked for, and came, since something is staged; by what is staged. */
  readonly #stages = new Set<Set<string>>()

  constructor(options: FleetContentsOptions) {
    this.#options = options
    this.#memory = new MemoryCache(options.memoryBytes)
  }

  /** Durable in the store before it resolves. @returns SHA-256, hexadecimal @throws StoreUnreachableError */
  async put(space: string, bytes: Uint8Array): Promise<string> {
    const hash = sha256(bytes)
    await this.#options.backend.write(space, hash, bytes)
    this.#memory.put(hash, new Uint8Array(bytes))
    return hash
  }

  /** A copy of its own. @throws ContentMissingError, CorruptStoreError, StoreUnreachableError */
  async get(space: string, hash: string): Promise<Uint8Array> {
    const known = this.#memory.get(hash)
    if (known !== undefined) return new Uint8Array(known)
    let fetching = this.#fetching.get(hash)
    if (fetching === undefined) {
      fetching = this.#fetch(space, hash)
        .then(bytes => this.#keep(hash, bytes))
        .finally(() => this.#fetching.delete(hash))
      this.#fetching.set(hash, fetching)
    }
    return new Uint8Array(await fetching)
  }

  /** As `get`, for whoever keeps it in a memory of its own: the disk here keeps it, memory does not, and nothing is copied but what goes to the disk. */
  async load(space: string, hash: string): Promise<Uint8Array> {
    const known = this.#memory.get(hash)
    return known === undefined ? await this.#fetch(space, hash) : new Uint8Array(known)
  }

  /** As `get`, of what is read once, ahead of what `get` and `load` wait for: neither memory nor disk keeps it. */
  async take(space: string, hash: string): Promise<Uint8Array> {
    const known = this.#memory.get(hash)
    return known === undefined ? await this.#read(space, hash, SOON) : new Uint8Array(known)
  }

  /** Verified as what `get` gives; neither memory nor disk keeps it, and its buffer is used again. @throws as `get` */
  async borrow(space: string, hash: string): Promise<BorrowedBytes> {
    const known = this.#memory.get(hash)
    if (known !== undefined) return { bytes: known, [Symbol.dispose]: () => undefined }
    const buffers = this.#buffers
    const bytes = await this.#read(space, hash, SOON, length => buffers.take(length))
    let lent = true
    const giveBack = (): void => {
      if (lent) buffers.give(bytes)
      lent = false
    }
    return { bytes, [Symbol.dispose]: giveBack }
  }

  /**
   * Has byte strings on the disk here, in this order, while reads that somebody waits for leave time: a link is not idle when whoever computes is slower. What is asked for
   * meanwhile is fetched once.
   * @returns whether all of them are there, and those that came are what their names say (what the disk had is checked when it is read); false without a disk, or with too
   * small a one
   * @throws as `get`
   */
  async stage(names: readonly ContentName[]): Promise<boolean> {
    const { disk } = this.#options
    if (disk === undefined) return false
    const left = names.values()
    const came = new Set<string>()
    let fits = true
    const next = async (): Promise<void> => {
      for (const { space, hash } of left) {
        const there = !this.#loading.has(hash) && (await disk.has(hash))
        const loading = this.#loading.get(hash)
        if (loading !== undefined) await loading
        // What has come may still be on its way to the disk.
        else if (!there && !came.has(hash)) fits = (await this.#stage(disk, space, hash)) && fits
        if (!fits) return
      }
    }
    this.#stages.add(came)
    try {
      await Promise.all(Array.from({ length: STAGED_AT_ONCE }, next))
      return fits
    } finally {
      this.#stages.delete(came)
    }
  }

  /** Asks the store alone. */
  async has(space: string, hash: string): Promise<boolean> {
    return await this.#options.backend.has(space, hash)
  }

  /** Erases a space in the store; what is at hand of it goes when there is no room. */
  async clear(space: string): Promise<void> {
    await this.#options.backend.clear(space)
  }

  /** Names of all spaces of the store. */
  async spaces(): Promise<string[]> {
    return await this.#options.backend.spaces()
  }

  /** Closes the store. */
  close(): void {
    this.#options.backend.close()
  }

  /** The caller's own. */
  async #fetch(space: string, hash: string): Promise<Uint8Array> {
    const staging = this.#staging.get(hash)
    if (staging !== undefined) {
      // It is waited for now.
      if (staging.queued) this.#reads.setPriority(hash, AHEAD.priority)
      const staged = await staging.bytes.catch(() => undefined)
      if (staged !== undefined) return new Uint8Array(staged)
    }
    const { disk } = this.#options
    // What is of one query is read once.
    if (disk === undefined || space.startsWith('query-')) return await this.#read(space, hash, AHEAD)
    const loading = this.#load(disk, space, hash).then(bytes => {
      for (const came of this.#stages) came.add(hash)
      return bytes
    })
    this.#loading.set(hash, loading)
    return await loading.finally(() => this.#loading.delete(hash))
  }

  /** From the disk, which is given what it does not have. */
  async #load(disk: DiskCache, space: string, hash: string): Promise<Uint8Array> {
    const cached = await disk.get(hash)
    if (cached !== undefined) {
      if (sha256(cached) === hash) return cached
      await disk.remove(hash)
    }
    const bytes = await this.#read(space, hash, AHEAD)
    // Beside what is done with it: nobody waits for a disk that is slower than the network.
    if (this.#writing < MOST_WRITING) this.#write(disk, hash, bytes)
    return bytes
  }

  /** To the disk alone. @returns false where it has no room */
  async #stage(disk: DiskCache, space: string, hash: string): Promise<boolean> {
    const turn = { queued: true }
    const begun = (): void => {
      turn.queued = false
    }
    const staging: Staging = Object.assign(turn, { bytes: this.#read(space, hash, { ...IDLE, id: hash, begun }) })
    this.#staging.set(hash, staging)
    try {
      const bytes = await staging.bytes
      if (!disk.hasRoomFor(bytes.length)) return false
      await disk.put(hash, bytes)
      return true
    } finally {
      this.#staging.delete(hash)
    }
  }

  /** From the store; what is not what its name says is asked for once more. */
  async #read(space: string, hash: string, { begun, ...turn }: Turn, allocate = made): Promise<Uint8Array> {
    const { backend, onMismatch } = this.#options
    const read = async (): Promise<Uint8Array | undefined> => {
      begun?.()
      return await backend.read(space, hash, allocate)
    }
    for (let time = 0; ; time++) {
      const bytes = await this.#reads.add(read, turn)
      if (bytes === undefined) throw new ContentMissingError(backend.name, space, hash)
      if (sha256(bytes) === hash) return bytes
      if (time > 0) throw new CorruptStoreError(backend.name, space, hash)
      onMismatch?.(backend.name, space, hash)
    }
  }

  /** A copy, for these are the reader's; in a buffer that is used again. */
  #write(disk: DiskCache, hash: string, bytes: Uint8Array): void {
    const copy = this.#buffers.take(bytes.length)
    copy.set(bytes)
    this.#writing += copy.length
    void disk.put(hash, copy).finally(() => {
      this.#writing -= copy.length
      this.#buffers.give(copy)
    })
  }

  #keep(hash: string, bytes: Uint8Array): Uint8Array {
    this.#memory.put(hash, bytes)
    return bytes
  }
}
