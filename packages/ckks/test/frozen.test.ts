/**
 * The bytes of a ciphertext, a public key and a key-switch key, made from fixed seeds, stay as they are: parties of two releases read each other's, and what is made from a
 * seed is the same on every machine.
 *
 * A change that is meant: raise the version in the header (`header.ts`), then write the vectors anew with `RENEW_VECTORS=1 npx vitest run packages/ckks/test/frozen.test.ts`
 * and read the difference before it is committed.
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import {
  deserializeCiphertext,
  deserializeKeySwitchKey,
  deserializePublicKey,
  serializeCiphertext,
  serializeKeySwitchKey,
  serializePublicKey
} from '@slytherin/ckks'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { complexSlots, encrypt, type Party, party, SMALL, seedOf } from './support.js'

interface Vector {
  readonly sha256: string
  readonly length: number
  /** the header and a little of the first row, as hexadecimal digits */
  readonly first: string
}

const FIRST_BYTES = 64

const vectorOf = (bytes: Uint8Array): Vector => ({
  sha256: createHash('sha256').update(bytes).digest('hex'),
  length: bytes.length,
  first: Buffer.from(bytes.subarray(0, FIRST_BYTES)).toString('hex')
})

const FILE = new URL('./vectors/serialized.json', import.meta.url)
const RENEWING = process.env['RENEW_VECTORS'] === '1'
const renewed: Record<string, Vector> = {}
const frozen = RENEWING ? renewed : (JSON.parse(await readFile(FILE, 'utf8')) as Record<string, Vector>)

/** What `name` is to be; what it is now while vectors are renewed. */
function expected(name: string, bytes: Uint8Array): Vector {
  if (RENEWING) renewed[name] ??= vectorOf(bytes)
  return frozen[name]!
}

describe('the bytes', () => {
  let owner: Party
  beforeAll(async () => {
    owner = await party({ ...SMALL, logN: 6 }, 'frozen')
  })
  afterAll(async () => {
    owner.context.dispose()
    if (RENEWING) await writeFile(FILE, `${JSON.stringify(renewed, null, 2)}\n`)
  })

  it.each([
    ['ciphertext', undefined],
    ['lower ciphertext', 1]
  ] as const)('of a %s are what they were, and are read', (name, level) => {
    using ciphertext = encrypt(owner, complexSlots('frozen', owner.context.parameters.slots), 'frozen', level)
    const bytes = serializeCiphertext(ciphertext)
    expect(vectorOf(bytes)).toEqual(expected(name, bytes))
    using read = deserializeCiphertext(owner.context, bytes, { level: ciphertext.level, degree: 1 })
    expect(vectorOf(serializeCiphertext(read))).toEqual(expected(name, bytes))
  })

  it('of a public key are what they were, and are read', () => {
    const bytes = serializePublicKey(owner.publicKey)
    expect(vectorOf(bytes)).toEqual(expected('public key', bytes))
    using read = deserializePublicKey(owner.context, bytes)
    expect(vectorOf(serializePublicKey(read))).toEqual(expected('public key', bytes))
  })

  it.each([
    ['key-switch key', undefined],
    ['lower key-switch key', 1]
  ] as const)('of a %s are what they were, and are read', (name, level) => {
    using key = owner.generator.galoisKey(owner.secret, 5, { level, seed: seedOf('frozen', 'galois') })
    const bytes = serializeKeySwitchKey(key)
    expect(vectorOf(bytes)).toEqual(expected(name, bytes))
    using read = deserializeKeySwitchKey(owner.context, bytes, { level: key.level })
    expect(vectorOf(serializeKeySwitchKey(read))).toEqual(expected(name, bytes))
  })
})
