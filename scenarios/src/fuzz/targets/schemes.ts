/** Ciphertexts, keys, components, and the shares of every protocol: residues behind headers, nothing authenticated, one form each. */
import {
  CIPHERTEXT_SEED_BYTES,
  deserializeCiphertext,
  deserializeKeySwitchKey,
  deserializePublicKey,
  deserializeSeeded,
  Encryptor,
  KeyGenerator,
  type KeySwitchKey,
  type PublicKey,
  SecretKeyEncryptor,
  serializeCiphertext,
  serializeKeySwitchKey,
  serializePublicKey,
  serializeSeeded
} from '@slytherin/ckks'
import { CkksError } from '@slytherin/ckks/errors'
import { readCiphertext, readKeySwitchKeys, readPlaintext, writeCiphertext, writeKeySwitchKeys, writePlaintext } from '@slytherin/ckks/seal'
import {
  decodeUndivided,
  encodeUndivided,
  GaloisKeyGeneration,
  PublicKeyGeneration,
  PublicKeySwitch,
  Refresh,
  RelinearizationKeyGeneration,
  type ShareFormat,
  type ShareIdentity
} from '@slytherin/mhe'
import { MultipartyError } from '@slytherin/mhe/errors'
import type { Keystream } from '../random.js'
import type { Target } from '../target.js'
import type { SmallCohort } from './cohort.js'

/** Residues that are their prime or just above it, where the packing puts one: the bytes from `from` on are residues of these many bits, N a row. */
function residueAtItsPrime(
  bytes: Uint8Array,
  random: Keystream,
  from: number,
  primes: readonly bigint[],
  N: number
): Uint8Array | undefined {
  const out = bytes.slice()
  const row = random.below(primes.length)
  const prime = primes[row]!
  let bit = 8 * from
  for (let k = 0; k < row; k++) bit += N * primes[k]!.toString(2).length
  const width = prime.toString(2).length
  bit += random.below(N) * width
  let value = prime + BigInt(random.below(3))
  if (bit + width > 8 * out.length) return undefined
  for (let k = 0; k < width; k++, bit++) {
    const mask = 1 << (bit & 7)
    out[bit >> 3] = (out[bit >> 3]! & ~mask) | ((value & 1n) === 1n ? mask : 0)
    value >>= 1n
  }
  return out
}

export function schemeTargets(cohort: SmallCohort): Target[] {
  const { context, seed, publicKey, secrets } = cohort
  const { parameters, ring } = context
  const level = 2
  const encryptor = new Encryptor(context, publicKey)
  const encrypt = (label: string) => {
    using plaintext = context.encoder.encode(Float64Array.of(1, -2), { level, scale: parameters.scale })
    return encryptor.encryptProvably(plaintext, seed(label))
  }
  const encrypted = ['one', 'two'].map(encrypt)
  const seeded = new SecretKeyEncryptor(context, secrets[0]!).encrypt(
    Float64Array.of(1, -2),
    { level, scale: parameters.scale },
    seed('seeded')
  )
  const keys = new KeyGenerator(context)
  const switching = keys.relinearizationKey(secrets[0]!, { seed: seed('relinearization') })
  const primes = (indices: readonly number[]): bigint[] => indices.map(index => ring.moduli[index]!.value)
  const disposeKey = (key: KeySwitchKey | PublicKey): void => key.dispose()
  const scheme = (
    name: string,
    corpus: readonly Uint8Array[],
    parse: Target['parse'],
    header: number,
    indices: readonly number[]
  ): Target => ({
    name,
    contract: 'one form',
    structure: 'bytes',
    weight: 5,
    corpus,
    refusals: [CkksError, MultipartyError],
    parse,
    mutate: (bytes, random) => residueAtItsPrime(bytes, random, header, primes(indices), parameters.N)
  })
  const HEADER = 48
  const SEEDED_HEADER = HEADER + CIPHERTEXT_SEED_BYTES
  return [
    scheme(
      'ciphertext',
      encrypted.map(({ ciphertext }) => serializeCiphertext(ciphertext)),
      bytes => {
        const ciphertext = deserializeCiphertext(context, bytes, { level, scale: parameters.scale })
        const again = serializeCiphertext(ciphertext)
        ciphertext.dispose()
        return again
      },
      HEADER,
      parameters.ciphertextIndices(level)
    ),
    scheme(
      'seeded ciphertext',
      [serializeSeeded(seeded)],
      bytes => {
        const ciphertext = deserializeSeeded(context, bytes, { level, scale: parameters.scale })
        const again = serializeSeeded({ ...ciphertext, first: ciphertext.components[0]!, seed: bytes.subarray(HEADER, SEEDED_HEADER) })
        ciphertext.dispose()
        return again
      },
      SEEDED_HEADER,
      parameters.ciphertextIndices(level)
    ),
    scheme(
      'public key',
      [serializePublicKey(publicKey)],
      bytes => {
        const key = deserializePublicKey(context, bytes)
        const again = serializePublicKey(key)
        disposeKey(key)
        return again
      },
      HEADER,
      parameters.keyIndices()
    ),
    scheme(
      'key-switching key',
      [serializeKeySwitchKey(switching)],
      bytes => {
        const key = deserializeKeySwitchKey(context, bytes)
        const again = serializeKeySwitchKey(key)
        disposeKey(key)
        return again
      },
      HEADER,
      parameters.keyIndices()
    ),
    scheme(
      'undivided ciphertext',
      encrypted.map(({ undivided }) => encodeUndivided(context, undivided)),
      bytes => {
        const undivided = decodeUndivided(context, bytes, level)
        const again = encodeUndivided(context, undivided)
        undivided.dispose()
        return again
      },
      0,
      [...parameters.ciphertextIndices(level), parameters.maxLevel + 1]
    ),
    ...shareTargets(cohort, level, scheme),
    ...sealTargets()
  ]
}

type Maker = (name: string, corpus: readonly Uint8Array[], parse: Target['parse'], header: number, indices: readonly number[]) => Target

function shareTargets({ context, sessionId, secrets, publicKey, seed }: SmallCohort, level: number, make: Maker): Target[] {
  const { parameters } = context
  const HEADER = 24
  const target = <S>(format: ShareFormat<S>, identity: ShareIdentity, share: S, indices: readonly number[]): Target =>
    make(
      `${format.protocol} share`,
      [format.serialize(share, identity)],
      bytes => {
        const read = format.deserialize(bytes, identity)
        const again = format.serialize(read, identity)
        format.dispose(read)
        return again
      },
      HEADER,
      indices
    )
  const [secret] = secrets as [SmallCohort['secrets'][number]]
  const top = parameters.keyIndices()
  const publicKeys = new PublicKeyGeneration(context, sessionId)
  const relinearization = new RelinearizationKeyGeneration(context, sessionId, parameters.maxLevel)
  const one = relinearization.shareOne(secret, seed('ephemeral'), seed('one'))
  const sum = relinearization.aggregateOne([one])
  const two = relinearization.shareTwo(secret, seed('ephemeral'), sum, seed('two'))
  const galois = new GaloisKeyGeneration(context, sessionId, parameters.maxLevel)
  const refresh = new Refresh(context, sessionId)
  const publicKeySwitch = new PublicKeySwitch(context, sessionId)
  using plaintext = context.encoder.encode(Float64Array.of(1), { level: parameters.maxLevel, scale: parameters.scale })
  const ciphertext = new Encryptor(context, publicKey).encrypt(plaintext, seed('to be helped'))
  const c1 = ciphertext.components[1]!
  const { scale, magnitude, noise } = ciphertext
  const at = { instance: 'q/1/0', level: parameters.maxLevel }
  const flooding = { securityBits: 30, maximumDecryptions: 1 }
  const rows = parameters.ciphertextIndices(level)
  return [
    target(publicKeys.format, publicKeys.identity, publicKeys.share(secret, seed('share')), top),
    target(relinearization.formatOne, relinearization.identity, one, top),
    target(relinearization.formatTwo, relinearization.identity, two, top),
    target(galois.format, galois.identity(5), galois.share(secret, 5, seed('galois')), top),
    target(refresh.format, at, refresh.share(secret, { ...at, scale, magnitude, c1 }, seed('refresh')), rows),
    target(publicKeySwitch.format, at, publicKeySwitch.share(secret, { ...at, noise, c1 }, publicKey, flooding, seed('switch')), rows)
  ]
}

/** SEAL's framing, without SEAL. */
function sealTargets(): Target[] {
  const parmsId = BigUint64Array.of(1n, 2n, 3n, 4n)
  const [N, moduli] = [8, 2]
  const words = (first: number): Uint8Array => Uint8Array.from({ length: 8 * N * moduli }, (_, i) => first + i)
  const fields = { parmsId, N, moduli, scale: 2 ** 30, components: [words(1), words(2)] }
  const target = (name: string, corpus: readonly Uint8Array[], parse: Target['parse']): Target => ({
    name,
    contract: 'one form',
    structure: 'bytes',
    weight: 3,
    corpus,
    refusals: [CkksError],
    parse
  })
  return [
    target('seal ciphertext', [writeCiphertext(fields)], bytes => writeCiphertext(readCiphertext(bytes))),
    target('seal plaintext', [writePlaintext({ parmsId, scale: 2 ** 30, words: words(3) })], bytes => writePlaintext(readPlaintext(bytes))),
    target('seal keys', [writeKeySwitchKeys(parmsId, 2, [fields, fields])], bytes => {
      const { parmsId: id, keys } = readKeySwitchKeys(bytes)
      // As the program makes them: one key, the last.
      const [[index, digits] = [0, []]] = [...keys]
      return writeKeySwitchKeys(id, index, digits)
    })
  ]
}
