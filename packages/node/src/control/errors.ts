/** What can be wrong between a command and the party that it is for. */

/** How a failure crosses the socket. */
export interface Failure {
  /** What kind of failure: a code of the protocol (`queue-full`), or the name of an error. */
  readonly code: string
  readonly message: string
  readonly remedy?: string
  /** What of a message, or of a grant, it is about. */
  readonly field?: string
}

/** No party of this state directory is running. */
export class NoPartyError extends Error {
  override name = 'NoPartyError'
  readonly code = 'no-party'
  readonly remedy: string

  constructor(
    readonly state: string,
    file: string,
    options?: ErrorOptions
  ) {
    const remedy = `Start it with: slytherin party --config ${file}`
    super(`no party is running on ${state}. ${remedy}`, options)
    this.remedy = remedy
  }
}

/** The party was asked and has refused or failed; `message` and `remedy` are its own. */
export class CommandFailedError extends Error {
  override name = 'CommandFailedError'
  readonly code: string
  readonly remedy: string | undefined
  readonly field: string | undefined

  constructor(failure: Failure) {
    super(failure.message)
    this.field = failure.field
    this.code = failure.code
    this.remedy = failure.remedy
  }
}

/** A line that is no request or no reply, or a connection that ended too early. */
export class ControlProtocolError extends Error {
  override name = 'ControlProtocolError'
  readonly code = 'control-protocol'
}

/** A command that cannot be obeyed as it is given. */
export class CommandRefusedError extends Error {
  override name = 'CommandRefusedError'

  constructor(
    readonly code: 'no-such-command' | 'wrong-parameters' | 'not-found' | 'ambiguous' | 'not-permitted' | 'not-ready',
    problem: string,
    readonly remedy: string
  ) {
    super(`${problem}. ${remedy}`)
  }
}
