/** What can be wrong with a party's files. Messages name the file and what to do; none carries a secret. */

/** Base: something about a file of the state directory. */
export abstract class StorageError extends Error {
  constructor(
    /** Its path. */
    readonly file: string,
    problem: string,
    /** What to do, for whoever runs the party. */
    readonly remedy: string,
    options?: ErrorOptions
  ) {
    super(`${file}: ${problem}. ${remedy}`, options)
    this.name = new.target.name
  }
}

/** The passphrase or key file is not the one that this file was sealed with. */
export class WrongPassphraseError extends StorageError {
  constructor(file: string) {
    super(
      file,
      'the passphrase (or key file) does not open this file',
      'Use the one given to "slytherin init"; without it the secrets cannot be recovered.'
    )
  }
}

/** The passphrase is right, but the contents are not what was written. */
export class TamperedFileError extends StorageError {
  constructor(
    file: string,
    /** What of the file does not fit. */
    readonly field: string,
    options?: ErrorOptions
  ) {
    super(
      file,
      `"${field}" is not what slytherin wrote there`,
      'Restore the file from a backup, or make a new identity with "slytherin init" and tell the other parties.',
      options
    )
  }
}

/** A file with secrets can be read by others. */
export class FileModeError extends StorageError {
  constructor(
    file: string,
    /** Its mode bits as they are. */
    readonly mode: number,
    kind: 'file' | 'directory' = 'file'
  ) {
    super(
      file,
      `its mode is ${(mode & 0o777).toString(8).padStart(4, '0')}, so others can read it`,
      `Run: chmod ${kind === 'directory' ? 700 : 600} ${file}`
    )
  }
}

export class MissingFileError extends StorageError {
  constructor(file: string, what: string, remedy: string) {
    super(file, `${what} is not there`, remedy)
  }
}

/** A file that must not be overwritten exists. */
export class FileExistsError extends StorageError {
  constructor(file: string) {
    super(file, 'it exists already', 'Choose another directory, or move the old state away if it is really not needed.')
  }
}

/** The environment variable or file that should give the passphrase gives none, or one too weak to use. */
export class PassphraseSourceError extends StorageError {}

/** The share ledger is not the one that remembers what was given in the session that lives. */
export class LedgerMismatchError extends StorageError {
  /**
   * @param secrets the sealed secrets that the ledger does not belong to
   * @param then    what follows when they are removed
   */
  constructor(file: string, problem: string, secrets: string, then = 'that session is then over for this party, and a new one can begin') {
    super(file, problem, `Put the ledger back as it was; or, if it is lost, remove ${secrets}: ${then}.`)
  }
}

/** The share ledger was moved, deleted or replaced while this process had it open. */
export class LedgerMovedError extends StorageError {
  constructor(file: string) {
    super(file, 'it is not the ledger any more that this process opened', 'Put the ledger back where it was, and start this party again.')
  }
}

/** The share ledger is there and cannot be read or written: its bytes are not what SQLite wrote, or the disk refuses. */
export class LedgerDamagedError extends StorageError {
  constructor(file: string, options: ErrorOptions) {
    const reason = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(
      file,
      `it cannot be used as a ledger (${reason})`,
      'Put the ledger back as it was; without it this party cannot tell which shares it has given, and gives none.',
      options
    )
  }
}

/** Another process works with this state directory. */
export class StateInUseError extends StorageError {
  constructor(file: string, options?: ErrorOptions) {
    super(
      file,
      'another process uses this state directory',
      'Stop it first; two processes with one identity would break the rule that a share is given once.',
      options
    )
  }
}

/** Evidence, or an accusation, that cannot be read. */
export class EvidenceFileError extends StorageError {}
