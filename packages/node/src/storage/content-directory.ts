/** Byte strings by their SHA-256 on disk, a directory a space, a file each: encrypted parts of models, inputs, answers, keys. Nothing in it is secret. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ContentStore } from '@slytherin/protocol/service'
import { writeAtomically } from './atomic-file.js'
import { storageFull } from './storage-full.js'

const NAME = /^[0-9a-f]{64}$/
const SPACE = /^[\w.-]{1,128}$/

export class ContentDirectory implements ContentStore {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  async put(space: string, bytes: Uint8Array): Promise<string> {
    const name = createHash('sha256').update(bytes).digest('hex')
    const directory = this.#space(space)
    if (await this.has(space, name)) return name
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await writeAtomically(join(directory, name), bytes)
    } catch (error) {
      throw storageFull(error, directory)
    }
    return name
  }

  async get(space: string, name: string): Promise<Uint8Array | undefined> {
    const path = this.#file(space, name)
    const bytes = await readFile(path).catch(unlessMissing)
    if (bytes === undefined) return undefined
    if (createHash('sha256').update(bytes).digest('hex') === name) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    await rm(path, { force: true })
    return undefined
  }

  async has(space: string, name: string): Promise<boolean> {
    return (await stat(this.#file(space, name)).catch(unlessMissing)) !== undefined
  }

  /** Out of sight at once: what is killed while it erases goes on when the space is cleared again. */
  async clear(space: string): Promise<void> {
    const directory = this.#space(space)
    const aside = join(this.#directory, `${space}.erased`)
    await rm(aside, { recursive: true, force: true })
    await rename(directory, aside).catch(unlessMissing)
    await rm(aside, { recursive: true, force: true })
  }

  async spaces(): Promise<string[]> {
    const names = (await readdir(this.#directory).catch(unlessMissing)) ?? []
    return names.filter(name => !name.endsWith('.erased')).sort()
  }

  async size(space: string): Promise<number> {
    const directory = this.#space(space)
    const names = (await readdir(directory).catch(unlessMissing)) ?? []
    let bytes = 0
    for (const name of names) bytes += (await stat(join(directory, name)).catch(unlessMissing))?.size ?? 0
    return bytes
  }

  #space(space: string): string {
    if (!SPACE.test(space) || space.startsWith('.')) throw new RangeError(`no name of a space: ${JSON.stringify(space.slice(0, 80))}`)
    return join(this.#directory, space)
  }

  #file(space: string, name: string): string {
    if (!NAME.test(name)) throw new RangeError(`no SHA-256: ${JSON.stringify(name.slice(0, 80))}`)
    return join(this.#space(space), name)
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
