/**
 * The long-lived secret of a party, sealed at rest: the key under which the secrets of the session that lives are sealed (session-secrets.ts). No secret of a
 * session is derived from it. Opened inside the cryptography worker only.
 */
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { exists } from '../data/read.js'
import { FileExistsError, TamperedFileError } from './errors.js'
import type { KeyMaterial } from './key-source.js'
import { readSealed, writeSealed } from './sealed-file.js'

const PURPOSE = 'keystore'
const SECRET_BYTES = 32
const NAMES = ['sessionKey'] as const

/** A secret of the keystore by name. */
export type SecretName = (typeof NAMES)[number]

/** Secrets of 32 bytes each, one today. Shows nothing of itself; `dispose` wipes. */
export class Secrets implements Disposable {
  readonly #bytes: Buffer

  /** @param bytes the secrets, one after the other; owned from here on */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** A view of one secret: copy it to keep it, for `dispose` wipes it. */
  get(name: SecretName): Uint8Array {
    const start = NAMES.indexOf(name) * SECRET_BYTES
    return this.#bytes.subarray(start, start + SECRET_BYTES)
  }

  dispose(): void {
    this.#bytes.fill(0)
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  [inspect.custom](): string {
    return 'Secrets'
  }

  toJSON(): undefined {
    return undefined
  }
}

/** Makes new secrets. @throws FileExistsError: secrets are never overwritten */
export async function createKeystore(path: string, material: KeyMaterial): Promise<void> {
  if (await exists(path)) throw new FileExistsError(path)
  const bytes = randomBytes(NAMES.length * SECRET_BYTES)
  try {
    await writeSealed(path, PURPOSE, bytes, material)
  } finally {
    bytes.fill(0)
  }
}

/** @throws MissingFileError, FileModeError, WrongPassphraseError, TamperedFileError */
export async function openKeystore(path: string, material: KeyMaterial): Promise<Secrets> {
  const bytes = await readSealed(path, PURPOSE, material)
  // Earlier versions kept three secrets here, of which the first is used.
  if (bytes.length !== NAMES.length * SECRET_BYTES && bytes.length !== 3 * SECRET_BYTES) throw new TamperedFileError(path, 'ciphertext')
  return new Secrets(bytes)
}
