/** What is wrong with a party's configuration, one issue per fault: where, what was expected, what came, what to do. */

export interface ConfigurationIssue {
  /** Path of the key, as `roster[1].peerId`; empty for the file itself. */
  readonly key: string
  /** In words, as `got`. */
  readonly expected: string
  readonly got: string
  readonly remedy?: string
}

/** A file that cannot be used, with every fault in it at once. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError'

  constructor(
    readonly file: string,
    readonly issues: readonly ConfigurationIssue[],
    options?: ErrorOptions
  ) {
    super(`${file} cannot be used:\n${issues.map(line).join('\n')}`, options)
  }
}

function line({ key, expected, got, remedy }: ConfigurationIssue): string {
  return `  ${key === '' ? '' : `${key}: `}expected ${expected}, got ${got}${remedy === undefined ? '' : `. ${remedy}`}`
}
