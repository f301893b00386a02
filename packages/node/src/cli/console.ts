/** What every command has: streams to write to, and a way to end with another code than 0. */

/** Where a command writes; tests bring their own. */
export interface Streams {
  /** Standard output. */
  readonly out: (text: string) => void
  /** Standard error. */
  readonly err: (text: string) => void
  /** Standard output is a terminal. */
  readonly terminal: boolean
}

/** Something that a command needs has not been said. */
export class UsageError extends Error {
  override name = 'UsageError'
}

/** A command that ended with another code than 0 and has said why. */
export class ExitError extends Error {
  override name = 'ExitError'

  constructor(readonly exitCode: number) {
    super(`exit ${exitCode}`)
  }
}
