/**
 * The page's Ed25519 identity: made by the browser (Web Cryptography, Ed25519), kept in IndexedDB, exported and imported as text. It signs queries, and its
 * peer id is who the page is to everybody else.
 */
import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { signerOf } from '@slytherin/node/portable'
import type { Signer } from '@slytherin/protocol'
import * as z from 'zod'
import { MalformedInputError, UnsupportedBrowserError } from '../errors.js'
import type { PageDatabase } from '../storage/page-database.js'

const OWN = 'own'
const KIND = 'slytherin identity'
/** Of an Ed25519 key pair: seed and public key. */
const KEY_BYTES = 64

const schema = z.strictObject({
  kind: z.literal(KIND),
  version: z.literal(1),
  peer: z.string().max(100),
  privateKey: z.string().regex(/^[0-9a-f]{128}$/)
})

export interface PageIdentity {
  readonly privateKey: Ed25519PrivateKey
  /** Peer id as text. */
  readonly peer: string
  readonly signer: Signer
}

/** The one that is kept, or a new one, which is kept from then on. */
export async function ownIdentity(database: PageDatabase): Promise<PageIdentity> {
  const kept = await database.get('identity', OWN)
  if (kept !== undefined) return identityOf(keyFrom(kept))
  const raw = await generateKey()
  await database.put('identity', raw, OWN)
  return identityOf(keyFrom(raw))
}

/** Text that another browser takes: the private key in the clear, for its owner to keep. */
export function exportIdentity({ privateKey, peer }: PageIdentity): string {
  return `${JSON.stringify({ kind: KIND, version: 1, peer, privateKey: hexadecimal(privateKey.raw) }, null, 2)}\n`
}

/** Takes the place of the one that is kept. @throws MalformedInputError, naming the field */
export async function importIdentity(text: string, database: PageDatabase): Promise<PageIdentity> {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new MalformedInputError('identity', 'file', 'JSON')
  }
  const { success, data, error } = schema.safeParse(json)
  if (!success) throw new MalformedInputError('identity', error.issues[0]?.path.join('.') || 'file', `of an exported ${KIND}`)
  const raw = Uint8Array.from({ length: KEY_BYTES }, (_, k) => Number.parseInt(data.privateKey.slice(2 * k, 2 * k + 2), 16))
  const identity = identityOf(keyFrom(raw))
  if (identity.peer !== data.peer) throw new MalformedInputError('identity', 'peer', `${identity.peer}, whose key it is`)
  // A public half that is not the private one's would sign what nobody can verify.
  const probe = new TextEncoder().encode(KIND)
  if (!(await identity.signer.verify(identity.peer, probe, await identity.signer.sign(probe)))) {
    throw new MalformedInputError('identity', 'privateKey', 'a pair whose halves belong together')
  }
  await database.put('identity', raw, OWN)
  return identity
}

/** @returns seed and public key. @throws UnsupportedBrowserError */
async function generateKey(): Promise<Uint8Array> {
  try {
    const pair = (await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair
    const { d = '', x = '' } = await crypto.subtle.exportKey('jwk', pair.privateKey)
    return Uint8Array.from([...fromBase64Url(d), ...fromBase64Url(x)])
  } catch (cause) {
    throw new UnsupportedBrowserError('signatures by Ed25519 (Web Cryptography)', { cause })
  }
}

function fromBase64Url(text: string): Uint8Array {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), character => character.charCodeAt(0))
}

function keyFrom(raw: Uint8Array): Ed25519PrivateKey {
  const key = privateKeyFromRaw(Uint8Array.from(raw))
  if (key.type !== 'Ed25519') throw new MalformedInputError('identity', 'privateKey', 'an Ed25519 key')
  return key
}

function identityOf(privateKey: Ed25519PrivateKey): PageIdentity {
  const peer = peerIdFromPrivateKey(privateKey).toString()
  return { privateKey, peer, signer: signerOf({ privateKey, peer }) }
}

export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
