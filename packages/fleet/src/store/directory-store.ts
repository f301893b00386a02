/** A directory that all machines of a fleet see (NFS, a volume): a directory a space, a file each. */
import { randomUUID } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreUnreachableError } from '../errors.js'
import { checkName, type StoreBackend } from './backend.js'
import { made, readWhole } from './read-whole.js'

const UNFINISHED = '.part'

/** A store in a directory; writes are whole or not there. */
export class DirectoryStore implements StoreBackend {
  readonly name: string
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
    this.name = `the store ${directory}`
  }

  async write(space: string, hash: string, bytes: Uint8Array): Promise<void> {
    checkName(space, hash)
    const directory = join(this.#directory, space)
    const part = join(directory, `${hash}.${randomUUID()}${UNFINISHED}`)
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      const file = await open(part, 'w', 0o600)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(part, join(directory, hash))
    } catch (cause) {
      await rm(part, { force: true }).catch(() => undefined)
      throw new StoreUnreachableError(this.name, { cause })
    }
  }

  async read(space: string, hash: string, allocate = made): Promise<Uint8Array | undefined> {
    checkName(space, hash)
    return await readWhole(join(this.#directory, space, hash), allocate).catch(this.#unlessMissing)
  }

  async has(space: string, hash: string): Promise<boolean> {
    checkName(space, hash)
    return (await stat(join(this.#directory, space, hash)).catch(this.#unlessMissing)) !== undefined
  }

  async clear(space: string): Promise<void> {
    checkName(space)
    await rm(join(this.#directory, space), { recursive: true, force: true, maxRetries: 3 })
  }

  async spaces(): Promise<string[]> {
    return ((await readdir(this.#directory).catch(this.#unlessMissing)) ?? []).sort()
  }

  close(): void {
    // nothing is open
  }

  readonly #unlessMissing = (cause: NodeJS.ErrnoException): undefined => {
    if (cause.code !== 'ENOENT') throw new StoreUnreachableError(this.name, { cause })
  }
}
