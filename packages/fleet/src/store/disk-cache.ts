/**
 * Byte strings on a disk of this machine within a budget, by their SHA-256, so that a worker that is started again need not fetch its models again. What was not used for
 * longest goes first. Nothing here needs to be durable: what is damaged counts as not there.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const HASH = /^[0-9a-f]{64}$/

/** Byte strings on the disk of one machine, up to a budget; those that were not used for longest go first. */
export class DiskCache {
  readonly #directory: string
  readonly #budget: number
  /** Sizes; those used last come last. */
  readonly #kept = new Map<string, number>()
  #bytes = 0

  private constructor(directory: string, budget: number) {
    this.#directory = directory
    this.#budget = budget
  }

  /** With what an earlier worker left. @param budget bytes */
  static async open(directory: string, budget: number): Promise<DiskCache> {
    const cache = new DiskCache(directory, budget)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const found: { name: string; size: number; used: number }[] = []
    for (const name of await readdir(directory)) {
      const path = join(directory, name)
      if (!HASH.test(name)) {
        // What was being written when its worker was killed.
        if (name.endsWith('.part')) await rm(path, { force: true })
        continue
      }
      const { size, mtimeMs } = await stat(path)
      found.push({ name, size, used: mtimeMs })
    }
    for (const { name, size } of found.sort((a, b) => a.used - b.used)) {
      cache.#kept.set(name, size)
      cache.#bytes += size
    }
    await cache.#shrink()
    return cache
  }

  /** That it holds at present. */
  get bytes(): number {
    return this.#bytes
  }

  /** As it is on the disk: whoever takes it checks it. */
  async get(hash: string): Promise<Uint8Array | undefined> {
    const size = this.#kept.get(hash)
    if (size === undefined) return undefined
    const path = join(this.#directory, hash)
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes === undefined) {
      this.#forget(hash)
      return undefined
    }
    this.#kept.delete(hash)
    this.#kept.set(hash, size)
    const now = new Date()
    await utimes(path, now, now).catch(() => undefined)
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** A disk that is full keeps nothing more. */
  async put(hash: string, bytes: Uint8Array): Promise<void> {
    if (this.#kept.has(hash) || bytes.length > this.#budget) return
    const path = join(this.#directory, hash)
    const part = `${path}.${randomUUID()}.part`
    try {
      await writeFile(part, bytes, { mode: 0o600 })
      await rename(part, path)
    } catch {
      await rm(part, { force: true }).catch(() => undefined)
      return
    }
    if (this.#kept.has(hash)) return
    this.#kept.set(hash, bytes.length)
    this.#bytes += bytes.length
    await this.#shrink()
  }

  /** Forgets a byte string; one that is not there is no fault. */
  async remove(hash: string): Promise<void> {
    this.#forget(hash)
    await rm(join(this.#directory, hash), { force: true })
  }

  async #shrink(): Promise<void> {
    for (const hash of [...this.#kept.keys()]) {
      if (this.#bytes <= this.#budget) return
      await this.remove(hash)
    }
  }

  #forget(hash: string): void {
    this.#bytes -= this.#kept.get(hash) ?? 0
    this.#kept.delete(hash)
  }
}
