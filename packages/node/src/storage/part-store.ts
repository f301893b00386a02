/**
 * Encrypted model parts (or anything numbered and large) of one session on disk: one append-only file and an index in memory. Each part is
 * read and written whole; the file is gone at the end of the session unless kept.
 */
import { type FileHandle, mkdir, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MissingFileError } from './errors.js'

interface Place {
  readonly offset: number
  readonly length: number
}

export class PartStore {
  private readonly places = new Map<number, Place>()
  private end = 0

  private constructor(
    readonly path: string,
    private readonly file: FileHandle
  ) {}

  /** @param directory made when missing; `name` is the file in it, replaced when it exists */
  static async create(directory: string, name: string): Promise<PartStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, `${name}.parts`)
    return new PartStore(path, await open(path, 'w+', 0o600))
  }

  /** Bytes on disk. */
  get byteLength(): number {
    return this.end
  }

  get size(): number {
    return this.places.size
  }

  has(index: number): boolean {
    return this.places.has(index)
  }

  /** Stores a part; a second one under the same index takes its place. */
  async put(index: number, bytes: Uint8Array): Promise<void> {
    const offset = this.end
    this.end += bytes.byteLength
    let written = 0
    while (written < bytes.byteLength) {
      written += (await this.file.write(bytes, written, bytes.byteLength - written, offset + written)).bytesWritten
    }
    this.places.set(index, { offset, length: bytes.byteLength })
  }

  /** @throws MissingFileError when there is no such part */
  async get(index: number): Promise<Uint8Array> {
    const place = this.places.get(index)
    if (place === undefined) throw new MissingFileError(this.path, `part ${index}`, 'It has to be stored before it is read.')
    const bytes = new Uint8Array(place.length)
    let filled = 0
    while (filled < place.length) {
      const { bytesRead } = await this.file.read(bytes, filled, place.length - filled, place.offset + filled)
      if (bytesRead === 0) throw new MissingFileError(this.path, `part ${index}`, 'The file was cut short by something else.')
      filled += bytesRead
    }
    return bytes
  }

  async close(options: { keep?: boolean } = {}): Promise<void> {
    await this.file.close()
    if (options.keep !== true) await rm(this.path, { force: true })
  }
}
