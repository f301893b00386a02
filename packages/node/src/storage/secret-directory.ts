/**
 * Secrets of a service on disk, a sealed file each: shares of keys, seeds. A file is named after the hash of its secret's name, which it is bound to, so that none
 * opens in the place of another. Erasing removes the file; on media that keep old blocks it is the sealing that protects what was there.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretStore } from '@slytherin/protocol/service'
import { MissingFileError } from './errors.js'
import { KeyMaterial } from './key-source.js'
import { readSealed, writeSealed } from './sealed-file.js'
import { storageFull } from './storage-full.js'

export class SecretDirectory implements SecretStore, Disposable {
  readonly #directory: string
  readonly #sealing: KeyMaterial

  private constructor(directory: string, key: Uint8Array) {
    this.#directory = directory
    this.#sealing = new KeyMaterial('key', Uint8Array.from(key))
  }

  /** @param key 32 bytes, copied */
  static async open(directory: string, key: Uint8Array): Promise<SecretDirectory> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    // Of a process that was killed while it wrote.
    for (const name of await readdir(directory)) if (name.endsWith('.new')) await rm(join(directory, name), { force: true })
    return new SecretDirectory(directory, key)
  }

  async put(name: string, secret: Uint8Array): Promise<void> {
    try {
      await writeSealed(this.#file(name), purpose(name), secret, this.#sealing)
    } catch (error) {
      throw storageFull(error, this.#directory)
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    try {
      const read = await readSealed(this.#file(name), purpose(name), this.#sealing)
      // A Buffer's slices are views, and whoever wipes one would wipe what another has cut from it.
      const secret = Uint8Array.from(read)
      read.fill(0)
      return secret
    } catch (error) {
      if (error instanceof MissingFileError) return undefined
      throw error
    }
  }

  async erase(name: string): Promise<void> {
    await rm(this.#file(name), { force: true })
    const directory = await open(this.#directory, 'r')
    await directory.sync().finally(async () => await directory.close())
  }

  dispose(): void {
    this.#sealing.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #file(name: string): string {
    return join(this.#directory, `${createHash('sha256').update(name).digest('hex')}.json`)
  }
}

const purpose = (name: string): string => `secret ${name}`
