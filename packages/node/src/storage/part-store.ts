/**
 * Encrypted model parts and inputs of one session on disk: one file, an index in memory. A part is read and written whole; the place of a
 * deleted part is used again by the next one of its length, so that query after query takes no more room than one.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingPartError, type PartStore } from '@slytherin/protocol'
import { MissingFileError } from './errors.js'

interface Place {
  readonly offset: number
  readonly length: number
  /** Who is reading it: its room is not used again before they have finished. */
  readers: number
  released: boolean
}

/** Parts of one session in one file. */
export class FilePartStore implements PartStore {
  private readonly places = new Map<string, Place>()
  private readonly free = new Map<number, number[]>()
  private end = 0
  /** Counts how often everything was forgotten. */
  private generation = 0

  private constructor(
    /** The file of the parts. */
    readonly path: string,
    private readonly file: FileHandle,
    private readonly keep: boolean
  ) {}

  /**
   * Opens an empty store.
   * @param directory made when missing; `name` is the file in it, replaced when it exists
   * @param options.keep leave the file where it is when the store is closed, and its contents when it is cleared
   */
  static async create(directory: string, name: string, options: { readonly keep?: boolean } = {}): Promise<FilePartStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, `${name}.parts`)
    return new FilePartStore(path, await open(path, 'w+', 0o600), options.keep ?? false)
  }

  /** Bytes on disk. */
  get byteLength(): number {
    return this.end
  }

  /** Stores a part; a second one under the same key takes its place. */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    const { generation } = this
    const place: Place = { offset: this.allocate(bytes.byteLength), length: bytes.byteLength, readers: 0, released: false }
    let written = 0
    while (written < bytes.byteLength) {
      written += (await this.file.write(bytes, written, bytes.byteLength - written, place.offset + written)).bytesWritten
    }
    if (generation !== this.generation) return
    this.release(key)
    this.places.set(key, place)
  }

  /** @throws MissingPartError when there is no such part */
  async get(key: string): Promise<Uint8Array> {
    const place = this.places.get(key)
    if (place === undefined) throw new MissingPartError(key)
    place.readers++
    try {
      return await this.read(key, place)
    } finally {
      place.readers--
      this.reuse(place)
    }
  }

  async delete(key: string): Promise<void> {
    this.release(key)
  }

  async clear(): Promise<void> {
    this.generation++
    this.places.clear()
    this.free.clear()
    this.end = 0
    if (!this.keep) await this.file.truncate(0)
  }

  /** Closes the file, and removes it unless it is to be kept. */
  async close(): Promise<void> {
    await this.file.close()
    if (!this.keep) await rm(this.path, { force: true })
  }

  private allocate(length: number): number {
    const reused = this.free.get(length)?.pop()
    if (reused !== undefined) return reused
    const offset = this.end
    this.end += length
    return offset
  }

  private async read(key: string, place: Place): Promise<Uint8Array> {
    const bytes = new Uint8Array(place.length)
    let filled = 0
    while (filled < place.length) {
      const { bytesRead } = await this.file.read(bytes, filled, place.length - filled, place.offset + filled)
      if (bytesRead === 0) throw new MissingFileError(this.path, `part ${key}`, 'Something else cut the file short: run the session again.')
      filled += bytesRead
    }
    return bytes
  }

  private release(key: string): void {
    const place = this.places.get(key)
    if (place === undefined) return
    this.places.delete(key)
    place.released = true
    this.reuse(place)
  }

  private reuse(place: Place): void {
    if (!place.released || place.readers > 0) return
    const offsets = this.free.get(place.length)
    if (offsets === undefined) this.free.set(place.length, [place.offset])
    else offsets.push(place.offset)
  }
}
