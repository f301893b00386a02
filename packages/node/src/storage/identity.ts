/** The Ed25519 identity of a party: its libp2p key, sealed at rest. Made once by `slytherin init`; the peer id is its public half. */
import { generateKeyPair, privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { exists } from '../data/read.js'
import type { Identity } from '../signing.js'
import { FileExistsError, TamperedFileError } from './errors.js'
import type { KeyMaterial } from './key-source.js'
import { readLabel, readSealed, writeSealed } from './sealed-file.js'

const PURPOSE = 'identity'

export { type Identity, signerOf, verifySignature } from '../signing.js'

/** @throws FileExistsError: an identity is never overwritten */
export async function createIdentity(path: string, material: KeyMaterial): Promise<Identity> {
  if (await exists(path)) throw new FileExistsError(path)
  const identity = identityOf(await generateKeyPair('Ed25519'))
  await writeSealed(path, PURPOSE, identity.privateKey.raw, material, identity.peer)
  return identity
}

/** The peer id, without the passphrase. */
export async function peekPeer(path: string): Promise<string> {
  return await readLabel(path, PURPOSE)
}

/** @throws MissingFileError, FileModeError, WrongPassphraseError, TamperedFileError */
export async function openIdentity(path: string, material: KeyMaterial): Promise<Identity> {
  const raw = await readSealed(path, PURPOSE, material)
  try {
    // The key keeps a view of what it is given: hand it a copy of its own.
    const key = privateKeyFromRaw(Uint8Array.from(raw))
    if (key.type !== 'Ed25519') throw new TamperedFileError(path, 'key type')
    return identityOf(key)
  } finally {
    raw.fill(0)
  }
}

function identityOf(privateKey: Ed25519PrivateKey): Identity {
  return { privateKey, peer: peerIdFromPrivateKey(privateKey).toString() }
}
