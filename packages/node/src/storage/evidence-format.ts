/**
 * How the evidence of a session lies on disk:
 *
 *   <evidence>/<session>/records.jsonl   a line a record: chained hash, a blank, length in bytes, a blank, canonical JSON
 *   <evidence>/<session>/blobs/<sha256>  byte strings that records name
 *
 * The chained hash of a line is over the one before and its JSON, so that no line can be altered, left out or put between without all after it being others.
 */
import { join } from 'node:path'

export const RECORDS = 'records.jsonl'
export const BLOBS = 'blobs'

export const recordsFile = (session: string): string => join(session, RECORDS)
export const blobFile = (session: string, hash: string): string => join(session, BLOBS, hash)

export const SESSION_NAME = /^[0-9a-f]{64}$/
