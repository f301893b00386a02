/**
 * Secrets of a service on disk, a sealed file each: shares of keys, seeds. A file is named after the hash of its secret's name, which it is bound to, so that none
 * opens in the place of another.
 *
 * They are bound to the share ledger, as those of a session are (session-secrets.ts): a share of a key is safe only as long as the ledger remembers for which ciphertexts it
 * was given. Each file is sealed for the ledger's identity, and a mark beside them follows how much the ledger knows. A party whose ledger was deleted, replaced or
 * rolled back is not started, as long as there are secrets. Erasing removes the file; on media that keep old blocks it is the sealing that protects what was there.
 */
import { createHash, hkdfSync } from 'node:crypto'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SecretStore } from '@slytherin/protocol/service'
import { LedgerMismatchError, MissingFileError } from './errors.js'
import { KeyMaterial } from './key-source.js'
import { LedgerMark, type MarkOwner } from './ledger-mark.js'
import { readSealed, writeSealed } from './sealed-file.js'
import type { SqliteShareLedger } from './share-ledger.js'
import { storageFull } from './storage-full.js'

const MARK = 'ledger.mark'

export class SecretDirectory implements SecretStore, Disposable {
  readonly #directory: string
  readonly #sealing: KeyMaterial

  readonly #ledger: SqliteShareLedger
  readonly #mark: LedgerMark

  private constructor(directory: string, key: Uint8Array, ledger: SqliteShareLedger, mark: LedgerMark) {
    this.#directory = directory
    this.#sealing = new KeyMaterial('key', Uint8Array.from(key))
    this.#ledger = ledger
    this.#mark = mark
  }

  /**
   * @param key    32 bytes, copied
   * @param ledger stays the caller's, who lets go of it after this
   * @throws LedgerMismatchError when there are secrets, and shares were given of them that this ledger does not know
   */
  static async open(directory: string, key: Uint8Array, ledger: SqliteShareLedger): Promise<SecretDirectory> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const names = await readdir(directory)
    // Of a process that was killed while it wrote.
    for (const name of names) if (name.endsWith('.new')) await rm(join(directory, name), { force: true })
    const markKey = new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), 'slytherin ledger mark', 32))
    const owner: MarkOwner = { key: markKey, session: '', ledger: ledger.identity }
    const path = join(directory, MARK)
    const mark = names.some(name => name.endsWith('.json')) ? markOf(path, owner, ledger, directory) : LedgerMark.create(path, owner)
    ledger.follow(null, mark)
    return new SecretDirectory(directory, key, ledger, mark)
  }

  async put(name: string, secret: Uint8Array): Promise<void> {
    try {
      await writeSealed(this.#file(name), this.#purpose(name), secret, this.#sealing)
    } catch (error) {
      throw storageFull(error, this.#directory)
    }
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    try {
      const read = await readSealed(this.#file(name), this.#purpose(name), this.#sealing)
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
    this.#ledger.follow(undefined, undefined)
    this.#mark.dispose()
    this.#sealing.dispose()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  #file(name: string): string {
    return join(this.#directory, `${createHash('sha256').update(name).digest('hex')}.json`)
  }

  #purpose(name: string): string {
    return `secret ${name}, ledger ${this.#ledger.identity}`
  }
}

/** @throws LedgerMismatchError */
function markOf(path: string, owner: MarkOwner, ledger: SqliteShareLedger, directory: string): LedgerMark {
  const mismatch = (problem: string): LedgerMismatchError =>
    new LedgerMismatchError(
      ledger.path,
      problem,
      directory,
      'this party holds no share of any key then; have it dealt to again: slytherin cohort reshare, at the evaluator'
    )
  const mark = LedgerMark.open(path, owner, () => ledger.recorded(null))
  if (typeof mark === 'string') throw mismatch(mark)
  return mark
}
