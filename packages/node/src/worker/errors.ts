/** The cryptography worker itself is at fault, not what it was asked. */

/** The worker thread ended while it was needed. */
export class WorkerCrashedError extends Error {
  override name = 'WorkerCrashedError'

  /** @param exitCode of the thread, where it exited; an uncaught error is the `cause` */
  constructor(
    readonly exitCode: number | undefined,
    options?: ErrorOptions
  ) {
    const why = options?.cause instanceof Error ? options.cause.message : `exit code ${exitCode ?? 'unknown'}`
    super(`the cryptography worker has ended: ${why}. Start the party again; its ledger and keys are safe on disk`, options)
  }
}

/** The party closed its worker while a call was in flight. */
export class WorkerClosedError extends Error {
  override name = 'WorkerClosedError'

  constructor() {
    super('the cryptography worker was closed')
  }
}
