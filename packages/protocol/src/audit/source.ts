/** Where evidence is written to and read from: records in order, and byte strings by their SHA-256. */
import { equalBytes, fromHex, hash, toHex } from '../base/digest.js'
import type { EvidenceRecord } from './records.js'

/** Takes what is kept of one session. Nothing here throws or waits: what cannot be written is said in the records, or not kept. */
export interface EvidenceSink {
  /** Appends a record; they are read back in this order. */
  record(record: EvidenceRecord): void
  /** Keeps a byte string under its SHA-256, hexadecimal; at once or later. @param bytes not altered any more */
  keep(hash: string, bytes: Uint8Array): void
  /** So many bytes are about to come: what there is no room for is not begun with. */
  expect(bytes: number): void
  /** Resolves when so little waits to be written that more may come. */
  room(): Promise<void>
  /** Nothing more will come. */
  end(): void
}

/** Where a party keeps the evidence of its sessions, each by itself. */
export interface EvidenceStore {
  /** Whether byte strings are kept at all. */
  readonly blobs: boolean
  /** Opens what takes the evidence of a new session. @param session its id, hexadecimal */
  begin(session: string): EvidenceSink
}

/** What was kept of one session. */
export interface EvidenceSource {
  /** In the order in which they were written, up to where they can be read. */
  readonly records: readonly EvidenceRecord[]
  /** Why not all records can be read, where they are not what was written. */
  readonly damage?: string | undefined
  /** Where the records end before their session does. */
  readonly cut?: string | undefined
  /** A byte string whose SHA-256 is `hash`, or undefined when it was not kept. */
  blob(hash: string): Promise<Uint8Array | undefined>
}

/** A byte string by its hash; otherwise whether nothing was kept under it, or something else. */
export async function blobOf(sources: readonly EvidenceSource[], wanted: string): Promise<Uint8Array | 'missing' | 'altered'> {
  let otherwise: 'missing' | 'altered' = 'missing'
  for (const source of sources) {
    const bytes = await source.blob(wanted)
    if (bytes === undefined) continue
    if (equalBytes(await hash(bytes), fromHex(wanted))) return bytes
    otherwise = 'altered'
  }
  return otherwise
}

/** Keeps evidence in memory: for tests, and for what a culprit file contains. */
export class MemoryEvidence implements EvidenceSink, EvidenceSource {
  readonly records: EvidenceRecord[] = []
  /** Byte strings by their SHA-256, hexadecimal. */
  readonly blobs = new Map<string, Uint8Array>()

  record(record: EvidenceRecord): void {
    this.records.push(record)
  }

  keep(hash: string, bytes: Uint8Array): void {
    this.blobs.set(hash, bytes.slice())
  }

  async blob(hash: string): Promise<Uint8Array | undefined> {
    return this.blobs.get(hash)
  }

  expect(): void {}

  async room(): Promise<void> {}

  end(): void {}
}

/** Sessions in memory, by id. */
export class MemoryEvidenceStore implements EvidenceStore {
  readonly blobs = true
  /** By session id, hexadecimal. */
  readonly sessions = new Map<string, MemoryEvidence>()

  begin(session: string): MemoryEvidence {
    const evidence = new MemoryEvidence()
    this.sessions.set(session, evidence)
    return evidence
  }
}

/** SHA-256 as evidence names it. */
export async function hashOf(bytes: Uint8Array): Promise<string> {
  return toHex(await hash(bytes))
}
