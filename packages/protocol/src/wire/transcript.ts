/**
 * What this party sent and received in a session, as a hash chain:
 *
 *   chain_0 = proposal id,  chain_k = H(chain_{k-1} ‖ direction ‖ peer ‖ kind ‖ SHA-256(message))
 *
 * Holds hashes only, so that it can be shown to others; a signature over the head binds its owner to it.
 */

import { digest, fromHex, hash, toHex } from '../base/digest.js'
import type { Signer } from '../terms/signer.js'

/** One message of a transcript, by its hash. */
export interface TranscriptEntry {
  direction: 'sent' | 'received'
  /** Peer id of the other end. */
  peer: string
  kind: string
  /** Message bytes. */
  length: number
  /** SHA-256 of the message, hexadecimal. */
  hash: string
}

/** A transcript to be shown to others; `signTranscript` binds its owner to it. */
export interface TranscriptExport {
  /** Peer id of whose transcript this is. */
  self: string
  /** Session id, hexadecimal; the proposal id when the session never opened. */
  session: string
  /** chain_0, hexadecimal. */
  proposal: string
  /** In the order of the chain. */
  entries: TranscriptEntry[]
  /** Last link of the chain, hexadecimal. */
  head: string
}

export class Transcript {
  readonly #entries: TranscriptEntry[] = []
  #tail: Promise<Uint8Array>
  session: string | undefined

  constructor(
    readonly self: string,
    private readonly proposalId: Uint8Array
  ) {
    this.#tail = Promise.resolve(proposalId)
  }

  /** Appends a message; hashing happens in the background, in order. */
  append(direction: TranscriptEntry['direction'], peer: string, kind: string, message: Uint8Array): void {
    const hashed = hash(message)
    this.#tail = this.#tail.then(async previous => {
      const messageHash = await hashed
      this.#entries.push({ direction, peer, kind, length: message.length, hash: toHex(messageHash) })
      return digest('slytherin transcript link', previous, direction, peer, kind, messageHash)
    })
  }

  async export(): Promise<TranscriptExport> {
    const head = await this.#tail
    const proposal = toHex(this.proposalId)
    return { self: this.self, session: this.session ?? proposal, proposal, entries: [...this.#entries], head: toHex(head) }
  }
}

function transcriptDigest(sessionId: string, peer: string, head: string): Uint8Array {
  return digest('slytherin transcript', sessionId, peer, head)
}

/** The owner's signature over the head of its transcript. */
export async function signTranscript(signer: Signer, transcript: TranscriptExport): Promise<Uint8Array> {
  return await signer.sign(transcriptDigest(transcript.session, transcript.self, transcript.head))
}

/** Whether the chain of entries leads to the head and the owner has signed it. */
export async function verifyTranscript(signer: Signer, transcript: TranscriptExport, signature: Uint8Array): Promise<boolean> {
  if (headOf(transcript) !== transcript.head) return false
  return await signer.verify(transcript.self, transcriptDigest(transcript.session, transcript.self, transcript.head), signature)
}

/** The head that the entries lead to; undefined when they are not hexadecimal. */
function headOf(transcript: TranscriptExport): string | undefined {
  try {
    let chain = fromHex(transcript.proposal)
    for (const entry of transcript.entries) {
      chain = digest('slytherin transcript link', chain, entry.direction, entry.peer, entry.kind, fromHex(entry.hash))
    }
    return toHex(chain)
  } catch {
    return undefined
  }
}
