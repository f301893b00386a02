/** What goes wrong between a coordinator and its workers; each says what to do. */

/** Something of a fleet cannot go on as it is. @param remedy what whoever reads it can do */
export class FleetError extends Error {
  override name = 'FleetError'
  constructor(
    message: string,
    /** What whoever reads it can do. */
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
    /** As messages call it. */
    readonly store: string,
    /** Where it should be. */
    readonly space: string,
    /** SHA-256 that was asked for, hexadecimal. */
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
    /** As messages call it. */
    readonly store: string,
    /** Where it should be. */
    readonly space: string,
    /** SHA-256 that was asked for, hexadecimal. */
    readonly hash: string
  ) {
    super(`${store} does not have ${hash} of ${space}`, 'See whether worker and evaluator name the same store.')
  }
}

/** The store cannot be read or written. */
export class StoreUnreachableError extends FleetError {
  override name = 'StoreUnreachableError'
  constructor(
    /** As messages call it. */
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
    /** Its identifier. */
    readonly worker: string,
    /** What is not as it should be. */
    readonly field: string,
    /** What it should be. */
    readonly expected: string,
    /** What it is. */
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
    /** Its identifier. */
    readonly worker: string,
    /** Name of the error at the worker. */
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
    /** What is not as it should be. */
    readonly field: string,
    expected: string
  ) {
    super(
      `a message of the fleet should have ${expected} as ${field}`,
      'See whether something else writes to the same Redis under the same "fleet.name".'
    )
  }
}
