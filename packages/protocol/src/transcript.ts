/**
 * What this party sent and received in a session, as a hash chain: `chain_k = SHA-256(chain_{k-1} ‖ direction ‖ peer ‖ kind ‖ SHA-256(message))`.
 *
 * Holds hashes only, so that it can be shown to others; a signature over the head (see `signTranscript`) binds its owner to it.
 */
export interface TranscriptEntry {
  direction: 'sent' | 'received'
  peer: string
  kind: string
  /** Message bytes. */
  length: number
  /** SHA-256 of the message, hexadecimal. */
  hash: string
}

export interface TranscriptExport {
  self: string
  /** Session id, hexadecimal. */
  session: string
  entries: TranscriptEntry[]
  /** Last link of the chain, hexadecimal. */
  head: string
}
