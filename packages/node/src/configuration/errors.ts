/** What is wrong with a party's configuration, one issue per fault: where, what was expected, what came, what to do. */

export interface ConfigurationIssue {
  /** Path of the key, as `roster[1].peerId`; empty for the file itself. */
  readonly key: string
  /** In words, as `got`. */
  readonly expected: string
  /** What stands there; never a secret. */
  readonly got: string
  /** What to change, where that can be said. */
  readonly remedy?: string
}

/** A file that cannot be used, with every fault in it at once. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError'

  constructor(
    /** Its path. */
    readonly file: string,
    /** Every fault in it. */
    readonly issues: readonly ConfigurationIssue[],
    options?: ErrorOptions
  ) {
    super(`${file} cannot be used:\n${issues.map(line).join('\n')}`, options)
  }
}

function line({ key, expected, got, remedy }: ConfigurationIssue): string {
  return `  ${key === '' ? '' : `${key}: `}expected ${expected}, got ${got}${remedy === undefined ? '' : `. ${remedy}`}`
}
