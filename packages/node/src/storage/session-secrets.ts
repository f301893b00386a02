/**
 * Secrets of the session that lives, sealed under a key of the keystore, in a file of their own that is erased when the session ends.
 *
 * They are bound to the share ledger: a share is given once only as long as the ledger remembers what was given. A ledger that was deleted, replaced by another
 * or rolled back while the session lives does not open them, and the party refuses rather than starts anew.
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { SESSION_SECRET_BYTES, type SessionSecretStore, type SessionSecrets } from '@slytherin/protocol'
import { LedgerMismatchError, TamperedFileError } from './errors.js'
import { KeyMaterial } from './key-source.js'
import { LedgerMark, type MarkOwner } from './ledger-mark.js'
import { readLabel, readSealed, writeSealed } from './sealed-file.js'
import type { SqliteShareLedger } from './share-ledger.js'

const PURPOSE = 'session'
const IDENTITY_BYTES = 16
const SEALED = /^([0-9a-f]+)\.json$/

/** How strictly secrets are bound to the ledger. */
export interface FileSessionSecretsOptions {
  /** Whether the ledger must be the one that the secrets were made with. Only an attack that shows what this keeps out says false. */
  readonly bound?: boolean
}

/** A key holder's secrets of the session that lives, sealed on disk. */
export class FileSessionSecrets implements SessionSecretStore, AsyncDisposable {
  readonly #directory: string
  readonly #ledger: SqliteShareLedger
  readonly #sealing: KeyMaterial
  readonly #markKey: Uint8Array
  readonly #bound: boolean
  #mark: { readonly session: string; readonly mark: LedgerMark } | undefined

  private constructor(directory: string, key: Uint8Array, ledger: SqliteShareLedger, { bound = true }: FileSessionSecretsOptions) {
    this.#directory = directory
    this.#ledger = ledger
    this.#sealing = new KeyMaterial('key', Uint8Array.from(key))
    this.#markKey = new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), 'slytherin ledger mark', 32))
    this.#bound = bound
  }

  /**
   * @param directory made when missing
   * @param key 32 bytes of the keystore; copied
   * @throws LedgerMismatchError when a session lives whose shares are in another ledger than this one
   */
  static async open(
    directory: string,
    key: Uint8Array,
    ledger: SqliteShareLedger,
    options: FileSessionSecretsOptions = {}
  ): Promise<FileSessionSecrets> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const store = new FileSessionSecrets(directory, key, ledger, options)
    try {
      for (const session of await store.#living()) {
        const secrets = await store.#read(session)
        secrets.secretSeed.fill(0)
        secrets.shareKey.fill(0)
      }
      return store
    } catch (error) {
      await store.dispose()
      throw error
    }
  }

  async take(sessionId: Uint8Array): Promise<SessionSecrets> {
    const session = Buffer.from(sessionId).toString('hex')
    const living = await this.#living()
    for (const other of living) if (other !== session) await this.#erase(other)
    return living.includes(session) ? await this.#read(session) : await this.#make(session)
  }

  async erase(sessionId: Uint8Array): Promise<void> {
    await this.#erase(Buffer.from(sessionId).toString('hex'))
  }

  /** Wipes the key; what is on disk stays. */
  async dispose(): Promise<void> {
    this.#letGo()
    this.#sealing.dispose()
    this.#markKey.fill(0)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  async #living(): Promise<string[]> {
    return (await readdir(this.#directory)).flatMap(name => SEALED.exec(name)?.[1] ?? [])
  }

  async #make(session: string): Promise<SessionSecrets> {
    const plaintext = Buffer.concat([randomBytes(2 * SESSION_SECRET_BYTES), Buffer.from(this.#ledger.identity, 'hex')])
    try {
      // With the sealed file the session lives; its mark is there before.
      this.#follow(session, LedgerMark.create(this.#markPath(session), this.#owner(session)))
      await writeSealed(this.#path(session), PURPOSE, plaintext, this.#sealing, session)
      return secretsIn(plaintext)
    } finally {
      plaintext.fill(0)
    }
  }

  async #read(session: string): Promise<SessionSecrets> {
    const path = this.#path(session)
    if ((await readLabel(path, PURPOSE)) !== session) throw new TamperedFileError(path, 'label')
    const plaintext = await readSealed(path, PURPOSE, this.#sealing)
    try {
      if (plaintext.length !== 2 * SESSION_SECRET_BYTES + IDENTITY_BYTES) throw new TamperedFileError(path, 'ciphertext')
      if (this.#bound) this.#checkLedger(session, plaintext.subarray(2 * SESSION_SECRET_BYTES).toString('hex'))
      return secretsIn(plaintext)
    } finally {
      plaintext.fill(0)
    }
  }

  #checkLedger(session: string, identity: string): void {
    const mismatch = (problem: string): LedgerMismatchError => new LedgerMismatchError(this.#ledger.path, problem, this.#path(session))
    if (identity !== this.#ledger.identity) throw mismatch('it is not the ledger of the session that lives here')
    const mark = LedgerMark.open(this.#markPath(session), this.#owner(session), () => this.#ledger.recorded(session))
    if (typeof mark === 'string') throw mismatch(mark)
    this.#follow(session, mark)
  }

  #follow(session: string, mark: LedgerMark): void {
    this.#letGo()
    this.#mark = { session, mark }
    this.#ledger.follow(session, mark)
  }

  #letGo(): void {
    this.#ledger.follow(undefined, undefined)
    this.#mark?.mark.dispose()
    this.#mark = undefined
  }

  async #erase(session: string): Promise<void> {
    if (this.#mark?.session === session) this.#letGo()
    // The sealed file first: without it, nothing lives.
    for (const path of [this.#path(session), this.#markPath(session)]) await erase(path)
  }

  #owner(session: string): MarkOwner {
    return { key: this.#markKey, session, ledger: this.#ledger.identity }
  }

  #path(session: string): string {
    return join(this.#directory, `${session}.json`)
  }

  #markPath(session: string): string {
    return join(this.#directory, `${session}.mark`)
  }
}

function secretsIn(plaintext: Buffer): SessionSecrets {
  return {
    secretSeed: Uint8Array.from(plaintext.subarray(0, SESSION_SECRET_BYTES)),
    shareKey: Uint8Array.from(plaintext.subarray(SESSION_SECRET_BYTES, 2 * SESSION_SECRET_BYTES))
  }
}

/** Overwrites a file and removes it. What a disk keeps of overwritten blocks is beyond us. */
async function erase(path: string): Promise<void> {
  try {
    const { size } = await stat(path)
    const file = await open(path, 'r+')
    try {
      await file.write(randomBytes(size), 0, size, 0)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await rm(path, { force: true })
}
