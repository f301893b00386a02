/** A data file that is not what it should be. */
export class DataFileError extends Error {
  override name = 'DataFileError'
  /** What to do about it, where that can be said. */
  readonly remedy?: string

  /**
   * @param field what of the file: a row and column, a field of its header
   * @param actual what is there; never a value of a sample
   */
  constructor(
    /** Its path. */
    readonly file: string,
    readonly field: string,
    /** What should stand there. */
    readonly expected: string,
    readonly actual: string,
    { remedy, ...options }: ErrorOptions & { readonly remedy?: string | undefined } = {}
  ) {
    super(`${file}: ${field} should be ${expected}, got ${actual}${remedy === undefined ? '' : `. ${remedy}`}`, options)
    if (remedy !== undefined) this.remedy = remedy
  }
}
