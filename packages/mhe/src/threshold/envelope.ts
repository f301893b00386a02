/**
 * A dealt share on its way through others' hands, sealed to its receiver: X25519 (RFC 7748), HKDF-SHA-256 (RFC 5869) and AES-256-GCM of the platform, put
 * together as in HPKE's base mode (RFC 9180).
 *
 *   envelope = E ‖ AES-256-GCM(key, 0, plaintext),      E = e·9
 *   key      = HKDF(e·R, info = H(domain ‖ binding ‖ E ‖ R))      R the receiver's public key
 *
 * `binding` stands for (epoch, round, dealer, receiver, generation): under any other the envelope does not open. An e seals one envelope only, so the nonce may
 * be constant. Who knows e can open the envelope, and E says whether it is the right e: that is how a dealer proves what it dealt. Who sent the envelope is
 * known from its hash in the dealer's signed announcement, not from the envelope.
 */
import { hashParts } from '../hash.js'

export const ENVELOPE_KEY_BYTES = 32
const TAG_BYTES = 16
/** What an envelope is longer than its contents. */
export const ENVELOPE_OVERHEAD = ENVELOPE_KEY_BYTES + TAG_BYTES

const DOMAIN = 'slytherin threshold envelope'
const NONCE = new Uint8Array(12)
/** DER of a PKCS #8 private key of X25519 (RFC 8410), before its 32 bytes. */
const PKCS8_PREFIX = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20] as const
const BASE_POINT = Uint8Array.from({ length: ENVELOPE_KEY_BYTES }, (_, i) => (i === 0 ? 9 : 0))

/** Why an envelope did not open; says nothing of what is in it. */
export class EnvelopeOpeningError extends Error {
  constructor(options?: ErrorOptions) {
    super('the envelope does not open under this key and binding', options)
    this.name = 'EnvelopeOpeningError'
  }
}

/** The public key of 32 secret bytes. */
export function envelopePublicKey(privateKey: Uint8Array): Promise<Uint8Array> {
  return agree(privateKey, BASE_POINT)
}

/** @param ephemeral e, 32 secret bytes for this envelope only */
export async function sealEnvelope(
  plaintext: Uint8Array,
  ephemeral: Uint8Array,
  receiver: Uint8Array,
  binding: Uint8Array
): Promise<Uint8Array> {
  const sender = await envelopePublicKey(ephemeral)
  const key = await contentKey(ephemeral, receiver, sender, receiver, binding, 'encrypt')
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: NONCE }, key, plaintext.slice())
  const out = new Uint8Array(ENVELOPE_KEY_BYTES + sealed.byteLength)
  out.set(sender)
  out.set(new Uint8Array(sealed), ENVELOPE_KEY_BYTES)
  return out
}

/** By its receiver. @throws EnvelopeOpeningError */
export async function openEnvelope(envelope: Uint8Array, privateKey: Uint8Array, binding: Uint8Array): Promise<Uint8Array> {
  const sender = envelope.slice(0, ENVELOPE_KEY_BYTES)
  return decrypt(envelope, async () => contentKey(privateKey, sender, sender, await envelopePublicKey(privateKey), binding, 'decrypt'))
}

/** By anybody, with the e that the dealer gave out. @throws EnvelopeOpeningError, also when e is not that of the envelope */
export async function openAsDealer(
  envelope: Uint8Array,
  ephemeral: Uint8Array,
  receiver: Uint8Array,
  binding: Uint8Array
): Promise<Uint8Array> {
  const sender = envelope.slice(0, ENVELOPE_KEY_BYTES)
  return decrypt(envelope, async () => {
    // The platform takes a longer one, too, and looks at its first bytes alone.
    if (ephemeral.length !== ENVELOPE_KEY_BYTES) throw new EnvelopeOpeningError()
    const own = await envelopePublicKey(ephemeral)
    if (!own.every((byte, i) => byte === sender[i])) throw new EnvelopeOpeningError()
    return contentKey(ephemeral, receiver, sender, receiver, binding, 'decrypt')
  })
}

async function decrypt(envelope: Uint8Array, key: () => Promise<CryptoKey>): Promise<Uint8Array> {
  try {
    const contents = envelope.slice(ENVELOPE_KEY_BYTES)
    return new Uint8Array(await crypto.subtle.decrypt({ name: 'AES-GCM', iv: NONCE }, await key(), contents))
  } catch (error) {
    throw error instanceof EnvelopeOpeningError ? error : new EnvelopeOpeningError({ cause: error })
  }
}

async function contentKey(
  own: Uint8Array,
  theirs: Uint8Array,
  sender: Uint8Array,
  receiver: Uint8Array,
  binding: Uint8Array,
  usage: 'encrypt' | 'decrypt'
): Promise<CryptoKey> {
  const shared = await agree(own, theirs)
  try {
    const material = await crypto.subtle.importKey('raw', shared, 'HKDF', false, ['deriveKey'])
    const info = hashParts(DOMAIN, binding, sender, receiver).slice()
    const hkdf = { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info }
    return await crypto.subtle.deriveKey(hkdf, material, { name: 'AES-GCM', length: 256 }, false, [usage])
  } finally {
    shared.fill(0)
  }
}

/** X25519. The platform refuses a public key of small order. */
async function agree(privateKey: Uint8Array, publicKey: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const pkcs8 = Uint8Array.from([...PKCS8_PREFIX, ...privateKey])
  try {
    const own = await crypto.subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])
    const theirs = await crypto.subtle.importKey('raw', publicKey.slice(), 'X25519', false, [])
    return new Uint8Array(await crypto.subtle.deriveBits({ name: 'X25519', public: theirs }, own, 8 * ENVELOPE_KEY_BYTES))
  } finally {
    pkcs8.fill(0)
  }
}
