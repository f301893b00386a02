/** What goes wrong between a coordinator and its workers; each says what to do. */

/** Something of a fleet cannot go on as it is. @param remedy what whoever reads it can do */
export class FleetError extends Error {
  override name = 'FleetError'
  constructor(
    message: string,
    readonly remedy: string,
    options?: ErrorOptions
  ) {
    super(`${message}. ${remedy}`, options)
  }
}

/** The store has given other bytes than it was asked for, twice. */
export class CorruptStoreError extends FleetError {
  override name = 'CorruptStoreError'
  constructor(
    readonly store: string,
    readonly space: string,
    readonly hash: string
  ) {
    super(
      `${store} is corrupt: what it gives for ${hash} of ${space} does not have this SHA-256, fetched twice`,
      `Check the disk or bucket behind it, remove the space ${space} from it and start the evaluator again, which puts it there anew.`
    )
  }
}

/** The store does not have what a part of an evaluation needs. */
export class ContentMissingError extends FleetError {
  override name = 'ContentMissingError'
  constructor(
    readonly store: string,
    readonly space: string,
    readonly hash: string
  ) {
    super(`${store} does not have ${hash} of ${space}`, 'See whether worker and evaluator name the same store.')
  }
}

/** The store cannot be read or written. */
export class StoreUnreachableError extends FleetError {
  override name = 'StoreUnreachableError'
  constructor(
    readonly store: string,
    options: ErrorOptions & { readonly cause: unknown }
  ) {
    const why = options.cause instanceof Error ? options.cause.message : String(options.cause)
    super(`${store} cannot be used: ${why}`, 'Check "fleet.store", that this machine reaches it, and that it may write there.', options)
  }
}

/** This machine would not come to the same bytes, or has come to others. */
export class WorkerRefusedError extends FleetError {
  override name = 'WorkerRefusedError'
  constructor(
    readonly worker: string,
    readonly field: string,
    readonly expected: string,
    readonly actual: string
  ) {
    super(`worker ${worker} was refused: ${field} is ${actual}, the evaluator's is ${expected}`, REMEDIES[field] ?? REMEDIES.software!)
  }
}

const REMEDIES: Readonly<Record<string, string>> = {
  software: 'Install the release of slytherin that the evaluator runs.',
  'known answer': 'Install the same release of slytherin and of Node as the evaluator runs, or choose another kernel variant.',
  result: 'Check this machine (memory, disk) before it is started again.'
}

/** A part of an evaluation has failed wherever it was tried. */
export class PartFailedError extends FleetError {
  override name = 'PartFailedError'
  constructor(
    readonly worker: string,
    readonly code: string,
    message: string
  ) {
    super(`a part of the evaluation failed at worker ${worker}: ${message.replace(/\.$/, '')}`, 'The log of the worker says more.')
  }
}

/** What came over the queue is no message of this protocol. */
export class MalformedFleetMessageError extends FleetError {
  override name = 'MalformedFleetMessageError'
  constructor(
    readonly field: string,
    expected: string
  ) {
    super(
      `a message of the fleet should have ${expected} as ${field}`,
      'See whether something else writes to the same Redis under the same "fleet.name".'
    )
  }
}
