/** The directory with all that a party keeps: where each thing lies, and the lock that one process holds. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { FileModeError, StateInUseError } from './errors.js'

/** Where each thing lies in a state directory; absolute where the directory is. */
export interface StatePaths {
  /** the state directory itself, mode 0700 */
  readonly directory: string
  /** the identity's private key, sealed */
  readonly identity: string
  /** the key that secrets of sessions are sealed under, itself sealed */
  readonly keystore: string
  /** which shares were given, and for what */
  readonly ledger: string
  /** sealed secrets of the session that lives */
  readonly sessions: string
  /** encrypted model parts and inputs of the session that lives */
  readonly parts: string
  /** what was signed in past sessions, for an audit */
  readonly evidence: string
  /** of a service: documents and records; byte strings by their hash; sealed secrets */
  readonly records: string
  readonly contents: string
  readonly secrets: string
  /** who was allowed what, who asked, what was given */
  readonly auditLog: string
  /** measured costs of this machine */
  readonly costs: string
  /** held by the one process that works here */
  readonly lock: string
}

/** The places in a state directory; nothing is made. */
export function statePaths(directory: string): StatePaths {
  return {
    directory,
    identity: join(directory, 'identity.json'),
    keystore: join(directory, 'keystore.json'),
    ledger: join(directory, 'shares.sqlite'),
    sessions: join(directory, 'sessions'),
    parts: join(directory, 'parts'),
    evidence: join(directory, 'evidence'),
    records: join(directory, 'service.sqlite'),
    contents: join(directory, 'contents'),
    secrets: join(directory, 'secrets'),
    auditLog: join(directory, 'audit'),
    costs: join(directory, 'costs.json'),
    lock: join(directory, 'lock.sqlite')
  }
}

/** The right of this process to work in a state directory; the operating system takes it back when the process ends, however it ends. */
export class StateLock implements Disposable {
  private constructor(private readonly database: DatabaseSync) {}

  /** Makes the directory (mode 0700) when missing. @throws FileModeError when others can enter it @throws StateInUseError */
  static async acquire(paths: StatePaths): Promise<StateLock> {
    await mkdir(paths.directory, { recursive: true, mode: 0o700 })
    const { mode } = await stat(paths.directory)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new FileModeError(paths.directory, mode, 'directory')
    const database = new DatabaseSync(paths.lock)
    try {
      database.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      throw new StateInUseError(paths.directory, { cause: error })
    }
    return new StateLock(database)
  }

  /** Lets another process work in the directory. */
  dispose(): void {
    this.database.close()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }
}

/** Removes what an earlier process left unfinished: parts of sessions that are over. */
export async function removeLeftovers(paths: StatePaths): Promise<void> {
  await rm(paths.parts, { recursive: true, force: true })
}
