/** The identity of a party: signs for itself and verifies for others. The node package backs it with the Ed25519 key of the libp2p identity. */
export interface Signer {
  /** Peer id of this party, the same text as `Transport.self`. */
  readonly self: string
  /** A signature of this party over the bytes as they are: domain separation is the caller's (`statementDigest`). */
  sign(bytes: Uint8Array): Promise<Uint8Array>
  /** Whether `signature` over `bytes` was made by `peer`; false (never a throw) for anything malformed. */
  verify(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
}
