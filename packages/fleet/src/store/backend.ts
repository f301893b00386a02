/** Where byte strings of a fleet are: what a store must do. Spaces are names of letters, digits, dots, underscores and hyphens; hashes SHA-256 in hexadecimal. */
export interface StoreBackend {
  /** As messages call it. */
  readonly name: string
  /** Whole before it resolves, or not there. */
  write(space: string, hash: string, bytes: Uint8Array): Promise<void>
  /**
   * What is there, whatever it is; undefined for nothing.
   * @param allocate makes the buffer that it is read into, where the store knows its length before
   */
  read(space: string, hash: string, allocate?: (length: number) => Uint8Array): Promise<Uint8Array | undefined>
  /** Whether something is there; not whether it is what it should be. */
  has(space: string, hash: string): Promise<boolean>
  /** Erases a space and everything in it; one that is not there is no fault. */
  clear(space: string): Promise<void>
  /** Names of all spaces. */
  spaces(): Promise<string[]>
  /** Lets go of connections; what is stored stays. */
  close(): void
}

const HASH = /^[0-9a-f]{64}$/
const SPACE = /^\w[\w.-]{0,127}$/

/** @throws RangeError for what is no name of a byte string */
export function checkName(space: string, hash?: string): void {
  if (!SPACE.test(space)) throw new RangeError(`no name of a space: ${JSON.stringify(space.slice(0, 80))}`)
  if (hash !== undefined && !HASH.test(hash)) throw new RangeError(`no SHA-256: ${JSON.stringify(hash.slice(0, 80))}`)
}
