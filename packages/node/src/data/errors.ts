/** A data file that is not what it should be. */
export class DataFileError extends Error {
  override name = 'DataFileError'

  constructor(
    readonly file: string,
    readonly field: string,
    readonly expected: string,
    readonly actual: string,
    options?: ErrorOptions
  ) {
    super(`${file}: ${field} should be ${expected}, got ${actual}`, options)
  }
}
