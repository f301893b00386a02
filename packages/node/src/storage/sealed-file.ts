/**
 * Secrets at rest: AES-256-GCM under a key from scrypt (RFC 7914, passphrase) or HKDF-SHA-256 (RFC 5869, key file).
 *
 *   master    = scrypt(passphrase, salt)  or the key file's 32 bytes
 *   key       = HKDF(master, salt, "slytherin seal " ‖ purpose)
 *   check     = HKDF(master, salt, "slytherin check " ‖ purpose), 16 bytes: tells a wrong passphrase from a changed file
 *   contents  = AES-256-GCM(key, nonce, plaintext, additional data = everything else in the file)
 *
 * A new salt and nonce at every write. The file is JSON of mode 0600, replaced atomically.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import * as z from 'zod'
import { writeAtomically } from './atomic-file.js'
import { FileModeError, MissingFileError, TamperedFileError, WrongPassphraseError } from './errors.js'
import type { KeyMaterial } from './key-source.js'

/** 128 MiB and about half a second: what OWASP asks of scrypt for a stored password. */
const SCRYPT = { cost: 2 ** 17, blockSize: 8, parallelization: 1 } as const
/** A file that asks for more than 1 GiB of memory was not written by us. */
const MAXIMUM_SCRYPT_COST = 2 ** 20

/** In its one form: Node reads texts without their padding, or with other bits in it, as the same bytes. */
const base64 = z.string().refine(text => Buffer.from(text, 'base64').toString('base64') === text, 'not base64 in its one form')

const sealedSchema = z.strictObject({
  format: z.literal('slytherin-sealed'),
  version: z.literal(1),
  purpose: z.string(),
  /** Not secret, but bound to the contents: the peer id of an identity. */
  label: z.string(),
  derivation: z.union([
    z.strictObject({
      name: z.literal('scrypt'),
      cost: z.number().int().min(2).max(MAXIMUM_SCRYPT_COST),
      blockSize: z.literal(8),
      parallelization: z.literal(1)
    }),
    z.strictObject({ name: z.literal('hkdf') })
  ]),
  salt: base64,
  check: base64,
  cipher: z.literal('aes-256-gcm'),
  nonce: base64,
  ciphertext: base64,
  tag: base64
})

type Sealed = z.infer<typeof sealedSchema>
type Header = Omit<Sealed, 'ciphertext' | 'tag'>

const scryptAsync = promisify<
  Uint8Array,
  Uint8Array,
  number,
  { cost: number; blockSize: number; parallelization: number; maxmem: number },
  Buffer
>(scrypt)

/**
 * Encrypts and replaces the file.
 * @param purpose what the file is for; a file of another purpose does not open
 * @param label readable by everyone who can read the file
 */
export async function writeSealed(path: string, purpose: string, plaintext: Uint8Array, material: KeyMaterial, label = ''): Promise<void> {
  const salt = randomBytes(32)
  const derivation: Sealed['derivation'] = material.kind === 'passphrase' ? { name: 'scrypt', ...SCRYPT } : { name: 'hkdf' }
  const keys = await deriveKeys(material, derivation, salt, purpose)
  try {
    const header: Header = {
      format: 'slytherin-sealed',
      version: 1,
      purpose,
      label,
      derivation,
      salt: salt.toString('base64'),
      check: keys.check.toString('base64'),
      cipher: 'aes-256-gcm',
      nonce: randomBytes(12).toString('base64')
    }
    const cipher = createCipheriv('aes-256-gcm', keys.key, Buffer.from(header.nonce, 'base64'))
    cipher.setAAD(additionalData(header))
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
    const sealed: Sealed = { ...header, ciphertext: ciphertext.toString('base64'), tag: cipher.getAuthTag().toString('base64') }
    await writeAtomically(path, `${JSON.stringify(sealed, null, 2)}\n`)
  } finally {
    keys.key.fill(0)
  }
}

/**
 * @returns the plaintext; the caller wipes it
 * @throws MissingFileError, FileModeError, WrongPassphraseError, TamperedFileError
 */
export async function readSealed(path: string, purpose: string, material: KeyMaterial): Promise<Buffer> {
  const sealed = await readHeader(path, purpose)
  const { ciphertext, tag, ...header } = sealed
  if ((material.kind === 'passphrase') !== (header.derivation.name === 'scrypt')) throw new WrongPassphraseError(path)
  const keys = await deriveKeys(material, header.derivation, Buffer.from(header.salt, 'base64'), purpose)
  try {
    const check = Buffer.from(header.check, 'base64')
    if (check.length !== keys.check.length || !timingSafeEqual(check, keys.check)) throw new WrongPassphraseError(path)
    const decipher = createDecipheriv('aes-256-gcm', keys.key, Buffer.from(header.nonce, 'base64'), { authTagLength: 16 })
    decipher.setAAD(additionalData(header))
    decipher.setAuthTag(Buffer.from(tag, 'base64'))
    return Buffer.concat([decipher.update(Buffer.from(ciphertext, 'base64')), decipher.final()])
  } catch (error) {
    throw error instanceof WrongPassphraseError ? error : new TamperedFileError(path, 'ciphertext', { cause: error })
  } finally {
    keys.key.fill(0)
  }
}

/** The label, without opening the file; only a read of the contents proves that it is the one written. */
export async function readLabel(path: string, purpose: string): Promise<string> {
  return (await readHeader(path, purpose)).label
}

async function readHeader(path: string, purpose: string): Promise<Sealed> {
  let text: string
  try {
    const { mode } = await stat(path)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw new FileModeError(path, mode)
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new MissingFileError(path, `the party's ${purpose}`, 'Run "slytherin init --directory DIRECTORY" first.')
    }
    throw error
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    throw new TamperedFileError(path, 'JSON', { cause: error })
  }
  const parsed = sealedSchema.safeParse(json)
  if (!parsed.success) throw new TamperedFileError(path, parsed.error.issues[0]?.path.join('.') ?? 'file')
  if (parsed.data.purpose !== purpose) throw new TamperedFileError(path, 'purpose')
  return parsed.data
}

async function deriveKeys(
  material: KeyMaterial,
  derivation: Sealed['derivation'],
  salt: Buffer,
  purpose: string
): Promise<{ key: Buffer; check: Buffer }> {
  const master =
    derivation.name === 'scrypt'
      ? await scryptAsync(material.bytes, salt, 32, {
          cost: derivation.cost,
          blockSize: derivation.blockSize,
          parallelization: derivation.parallelization,
          maxmem: 256 * derivation.cost * derivation.blockSize
        })
      : Buffer.from(material.bytes)
  try {
    return {
      key: Buffer.from(hkdfSync('sha256', master, salt, `slytherin seal ${purpose}`, 32)),
      check: Buffer.from(hkdfSync('sha256', master, salt, `slytherin check ${purpose}`, 16))
    }
  } finally {
    master.fill(0)
  }
}

function additionalData(header: Header): Buffer {
  const { format, version, purpose, label, derivation, salt, check, cipher, nonce } = header
  return Buffer.from(JSON.stringify([format, version, purpose, label, derivation, salt, check, cipher, nonce]))
}
