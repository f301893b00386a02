import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Signer } from '@slytherin/protocol'

/** "Signatures" that everybody could forge: enough to see that signatures are asked for and checked. */
export class FakeSigner implements Signer {
  constructor(readonly self: string) {}

  async sign(bytes: Uint8Array): Promise<Uint8Array> {
    return FakeSigner.signature(this.self, bytes)
  }

  async verify(peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
    return Buffer.from(signature).equals(FakeSigner.signature(peer, bytes))
  }

  static signature(peer: string, bytes: Uint8Array): Uint8Array {
    return sha256(concatBytes(utf8ToBytes(`signed by ${peer}: `), bytes))
  }
}
