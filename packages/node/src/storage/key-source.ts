/**
 * Where the key that seals a party's secrets comes from: a passphrase in an environment variable or a file, or a key file of 32 random
 * bytes. Never from the configuration itself.
 */
import { randomBytes } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { inspect } from 'node:util'
import type { Configuration } from '../configuration/schema.js'
import { writeAtomically } from './atomic-file.js'
import { FileModeError, MissingFileError, PassphraseSourceError } from './errors.js'

/** Where the passphrase or key is, never what it is. */
export type KeySource =
  | { readonly kind: 'environment'; readonly name: string }
  | { readonly kind: 'passphrase-file'; readonly path: string }
  | { readonly kind: 'key-file'; readonly path: string }

/** Where the configuration says that the passphrase or key comes from. */
export function keySourceOf({ keystore }: Pick<Configuration, 'keystore'>): KeySource {
  if (keystore.passphraseEnvironment !== undefined) return { kind: 'environment', name: keystore.passphraseEnvironment }
  if (keystore.passphraseFile !== undefined) return { kind: 'passphrase-file', path: keystore.passphraseFile }
  return { kind: 'key-file', path: keystore.keyFile! }
}

/** Bytes of a key file. */
export const KEY_FILE_BYTES = 32
const MINIMUM_PASSPHRASE_CHARACTERS = 8

/** What a sealed file's key is derived from. Wiped with `dispose`; shows nothing of itself. */
export class KeyMaterial implements Disposable {
  readonly #bytes: Uint8Array

  /** @param kind a passphrase is stretched with scrypt, a key is used with HKDF alone */
  constructor(
    readonly kind: 'passphrase' | 'key',
    bytes: Uint8Array
  ) {
    this.#bytes = bytes
  }

  /** The bytes, not a copy. */
  get bytes(): Uint8Array {
    return this.#bytes
  }

  /** Overwrites the bytes with zeros. */
  dispose(): void {
    this.#bytes.fill(0)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** What `console.log` and `util.inspect` print: the kind alone. */
  [inspect.custom](): string {
    return `KeyMaterial(${this.kind})`
  }

  /** Left out of JSON. */
  toJSON(): undefined {
    return undefined
  }
}

/**
 * @throws PassphraseSourceError when there is no passphrase or it is shorter than 8 characters
 * @throws FileModeError when others can read the file
 * @throws MissingFileError
 */
export async function loadKeyMaterial(source: KeySource, environment: NodeJS.ProcessEnv = process.env): Promise<KeyMaterial> {
  switch (source.kind) {
    case 'environment':
      return passphrase(`environment variable ${source.name}`, Buffer.from(environment[source.name] ?? '', 'utf8'))
    case 'passphrase-file':
      return passphrase(source.path, trimmed(await readSecret(source.path, 'the passphrase file')))
    case 'key-file': {
      const bytes = await readSecret(source.path, 'the key file')
      if (bytes.length !== KEY_FILE_BYTES) {
        throw new PassphraseSourceError(
          source.path,
          `a key file holds ${KEY_FILE_BYTES} bytes, this one ${bytes.length}`,
          'Let "slytherin init --key-file" make one.'
        )
      }
      return new KeyMaterial('key', bytes)
    }
  }
}

/**
 * Takes a passphrase out of the environment once it has been read, so that processes started later and reports of this one do not carry it. What the operating system
 * shows of the start of a process stays; a key file or passphrase file leaves nothing behind.
 */
export function forgetPassphrase(source: KeySource, environment: NodeJS.ProcessEnv = process.env): void {
  if (source.kind === 'environment') delete environment[source.name]
}

/** Makes a new key file, mode 0600. */
export async function createKeyFile(path: string): Promise<void> {
  await writeAtomically(path, randomBytes(KEY_FILE_BYTES))
}

function passphrase(origin: string, bytes: Buffer): KeyMaterial {
  const characters = [...bytes.toString('utf8')].length
  if (characters === 0) throw new PassphraseSourceError(origin, 'it holds no passphrase', 'Set it before starting.')
  if (characters < MINIMUM_PASSPHRASE_CHARACTERS) {
    throw new PassphraseSourceError(
      origin,
      `a passphrase has at least ${MINIMUM_PASSPHRASE_CHARACTERS} characters`,
      'Choose a longer one, best several random words.'
    )
  }
  return new KeyMaterial('passphrase', bytes)
}

/** Without the line end that editors and echo leave. */
function trimmed(bytes: Buffer): Buffer {
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--
  return bytes.subarray(0, end)
}

async function readSecret(path: string, what: string): Promise<Buffer> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new MissingFileError(path, what, 'Run "slytherin init" first, or correct the path.')
    throw error
  })
  if (process.platform !== 'win32' && (info.mode & 0o077) !== 0) throw new FileModeError(path, info.mode)
  return await readFile(path)
}
