/** Results that came back are not those of a query: nothing was decrypted. */
export class EncryptedResultsError extends Error {
  override name = 'EncryptedResultsError'

  constructor(
    /** How many ciphertexts the plan has for a batch. */
    readonly expected: number,
    /** How many came. */
    readonly actual: number
  ) {
    super(`results: ${expected} ciphertext(s) were expected, ${actual} came`)
  }
}

/** No connection came about, or it ended. */
export class ConnectionFailedError extends Error {
  override name = 'ConnectionFailedError'

  constructor(
    /** Where to. */
    readonly address: string,
    readonly reason: string,
    options?: ErrorOptions
  ) {
    super(`${address}: ${reason}`, options)
  }
}

/** What a page was told of its cohort, or an identity that was to be imported, is not what it should be. */
export class MalformedInputError extends Error {
  override name = 'MalformedInputError'

  constructor(
    /** Which input. */
    readonly input: string,
    readonly field: string,
    readonly expected: string
  ) {
    super(`${input}: ${field} must be ${expected}`)
  }
}

/** The page has no grant that is in force for a model. */
export class NoGrantError extends Error {
  override name = 'NoGrantError'

  constructor(
    readonly model: string,
    /** Who gives one: what the model's owner is called. */
    readonly owner: string
  ) {
    super(`this page has no grant for "${model}" that is in force; ${owner} gives one to its identity`)
  }
}

/** No model of this release is known, or it was withdrawn. */
export class UnknownModelError extends Error {
  override name = 'UnknownModelError'

  constructor(readonly release: string) {
    super(`no model of release ${release.slice(0, 12)} may be asked here`)
  }
}

/** This browser lacks what the page is made of. */
export class UnsupportedBrowserError extends Error {
  override name = 'UnsupportedBrowserError'

  constructor(
    readonly missing: string,
    options?: ErrorOptions
  ) {
    super(`this browser has no ${missing}: use a current one`, options)
  }
}
