/**
 * Byte strings on a disk of this machine within a budget, by their SHA-256, so that a worker that is started again need not fetch its models again. What was not used for
 * longest goes first. Nothing here needs to be durable: what is damaged counts as not there.
 *
 * Several workers of one machine may share a directory: files appear whole (by a rename), what another worker has put is found, and what another has removed counts as not
 * there. Each knows of the others' files only what it saw when it last looked through the directory, which it does whenever it has written a sixteenth of the budget; so the
 * directory may be above the budget by a sixteenth of it for every worker.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readWhole } from './read-whole.js'

const HASH = /^[0-9a-f]{64}$/
/** Part of the budget that is written between two looks through the directory, and that is made free at once when there is no room. */
const SLACK = 1 / 16
/** Milliseconds after which what is half written is nobody's: whoever wrote it was killed. */
const ABANDONED = 600_000

/** Byte strings on the disk of one machine, up to a budget; those that were not used for longest go first. */
export class DiskCache {
  readonly #directory: string
  readonly #budget: number
  /** Sizes, as far as this worker knows; those used last come last. */
  readonly #kept = new Map<string, number>()
  #bytes = 0
  /** Since it last looked through the directory. */
  #written = 0

  private constructor(directory: string, budget: number) {
    this.#directory = directory
    this.#budget = budget
  }

  /** With what earlier workers left, and what others have there. @param budget bytes */
  static async open(directory: string, budget: number): Promise<DiskCache> {
    const cache = new DiskCache(directory, budget)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await cache.#look()
    return cache
  }

  /** That it holds, as far as this worker knows. */
  get bytes(): number {
    return this.#bytes
  }

  /** Whether something is there, and stays within the budget as what was used last; not whether it is what it should be. */
  async has(hash: string): Promise<boolean> {
    const path = join(this.#directory, hash)
    const file = await stat(path).catch(() => undefined)
    this.#forget(hash)
    if (file === undefined) return false
    this.#note(hash, file.size)
    await used(path)
    return true
  }

  /** Whether so many bytes more stay without others having to go. */
  hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#budget
  }

  /** As it is on the disk: whoever takes it checks it. */
  async get(hash: string): Promise<Uint8Array | undefined> {
    const path = join(this.#directory, hash)
    const bytes = await readWhole(path).catch(() => undefined)
    this.#forget(hash)
    if (bytes === undefined) return undefined
    this.#note(hash, bytes.length)
    await used(path)
    return bytes
  }

  /** A disk that is full keeps nothing more. */
  async put(hash: string, bytes: Uint8Array): Promise<void> {
    if (this.#kept.has(hash) || bytes.length > this.#budget) return
    const path = join(this.#directory, hash)
    const part = `${path}.${randomUUID()}.part`
    try {
      await writeFile(part, bytes, { mode: 0o600 })
      // A file system's clock may be behind this one.
      await used(part)
      await rename(part, path)
    } catch {
      await rm(part, { force: true }).catch(() => undefined)
      return
    }
    this.#forget(hash)
    this.#note(hash, bytes.length)
    this.#written += bytes.length
    if (this.#bytes > this.#budget || this.#written > SLACK * this.#budget) await this.#look()
  }

  /** Forgets a byte string; one that is not there is no fault. */
  async remove(hash: string): Promise<void> {
    this.#forget(hash)
    await rm(join(this.#directory, hash), { force: true })
  }

  /** What is in the directory now, whoever put it there; when it is too much, what was not used for longest goes. */
  async #look(): Promise<void> {
    const found: { name: string; size: number; used: number }[] = []
    for (const name of await readdir(this.#directory)) {
      const path = join(this.#directory, name)
      const whole = HASH.test(name)
      if (!whole && !name.endsWith('.part')) continue
      const file = await stat(path).catch(() => undefined)
      if (file === undefined) continue
      if (whole) found.push({ name, size: file.size, used: file.mtimeMs })
      else if (file.mtimeMs < Date.now() - ABANDONED) await rm(path, { force: true })
    }
    // Of two that were used in the same millisecond, what this worker knows decides.
    const order = new Map([...this.#kept.keys()].map((hash, place) => [hash, place]))
    const place = (hash: string): number => order.get(hash) ?? -1
    found.sort((a, b) => a.used - b.used || place(a.name) - place(b.name))
    this.#kept.clear()
    this.#bytes = 0
    this.#written = 0
    for (const { name, size } of found) this.#note(name, size)
    if (this.#bytes <= this.#budget) return
    for (const hash of [...this.#kept.keys()]) {
      if (this.#bytes <= (1 - SLACK) * this.#budget) return
      await this.remove(hash)
    }
  }

  #note(hash: string, size: number): void {
    if (!this.#kept.has(hash)) this.#bytes += size
    this.#kept.set(hash, size)
  }

  #forget(hash: string): void {
    this.#bytes -= this.#kept.get(hash) ?? 0
    this.#kept.delete(hash)
  }
}

/** Who else looks through the directory sees it, too. */
async function used(path: string): Promise<void> {
  const now = new Date()
  await utimes(path, now, now).catch(() => undefined)
}
