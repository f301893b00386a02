/** Reading evidence from disk. Whatever is there is only bytes until its hashes and signatures have been checked. */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import {
  type Accusation,
  type Culprit,
  type CulpritParts,
  canonicalJson,
  chained,
  culpritSchema,
  type EvidenceRecord,
  type EvidenceSource,
  hashOf,
  MissingPartError,
  type PartStore,
  recordSchema
} from '@slytherin/protocol'
import { SECRET_MODE } from './atomic-file.js'
import { EvidenceFileError } from './errors.js'
import { blobFile, recordsFile } from './evidence-format.js'

const HASH = /^[0-9a-f]{64}$/
/** Most bytes of the first line of a culprit file: all that was signed in a session is a small part of it. */
const LONGEST_HEAD = 2 ** 28
const PIECE = 2 ** 16

/** @param directory of one session @throws EvidenceFileError when there are no records */
export async function readEvidence(directory: string): Promise<EvidenceSource> {
  const path = recordsFile(directory)
  const text = await readFile(path, 'utf8').catch(error => {
    throw new EvidenceFileError(path, 'it cannot be read', 'Give a directory of evidence, or that of one session in it.', { cause: error })
  })
  const records: EvidenceRecord[] = []
  const blob = async (hash: string): Promise<Uint8Array | undefined> =>
    HASH.test(hash) ? await readFile(blobFile(directory, hash)).catch(() => undefined) : undefined
  let chain = ''
  const lines = text.split('\n')
  const rest = lines.pop()!
  for (const [index, line] of lines.entries()) {
    const json = /^[0-9a-f]{64} \d+ (.*)$/s.exec(line)?.[1]
    chain = json === undefined ? '' : chained(chain, json)
    const whole = json !== undefined && line === `${chain} ${Buffer.byteLength(json)} ${json}`
    const record = whole ? parsed(json) : undefined
    if (record === undefined) return { records, blob, damage: `line ${index + 1} of ${path} is not what was written` }
    records.push(record)
  }
  if (rest !== '') return { records, blob, cut: 'the last line is not whole: the party was stopped while it wrote' }
  const ended = records.at(-1)?.record === 'end'
  return { records, blob, ...(ended ? {} : { cut: 'they end before the session does: it goes on, or the party was stopped' }) }
}

function parsed(json: string): EvidenceRecord | undefined {
  try {
    const result = recordSchema.safeParse(JSON.parse(json))
    return result.success && canonicalJson(result.data) === json ? result.data : undefined
  } catch {
    return undefined
  }
}

/** An accusation with what it rests on: a line of JSON, then the byte strings one after the other. @returns bytes written @throws EvidenceFileError */
export async function writeCulprit(path: string, parts: CulpritParts, sources: readonly EvidenceSource[]): Promise<number> {
  const found: { hash: string; bytes: number; source: EvidenceSource }[] = []
  for (const hash of parts.blobs) {
    for (const source of sources) {
      const bytes = await source.blob(hash)
      if (bytes === undefined) continue
      found.push({ hash, bytes: bytes.length, source })
      break
    }
  }
  const { accusation, records } = parts
  const blobs = found.map(({ hash, bytes }) => ({ hash, bytes }))
  const head = `${canonicalJson({ culprit: 1, accusation, records, blobs })}\n`
  const file = await open(path, 'w', SECRET_MODE)
  try {
    await file.appendFile(head)
    for (const { hash, source } of found) await file.appendFile((await source.blob(hash))!)
    await file.sync()
  } finally {
    await file.close()
  }
  return Buffer.byteLength(head) + found.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** A culprit file that is open. */
export interface OpenCulprit extends AsyncDisposable {
  readonly accusation: Accusation
  readonly source: EvidenceSource
}

/** @throws EvidenceFileError */
export async function openCulprit(path: string): Promise<OpenCulprit> {
  const none = (problem: string, cause?: unknown): EvidenceFileError =>
    new EvidenceFileError(path, problem, 'Give a file culprit-… as "slytherin audit --evidence" has written it, whole.', { cause })
  const file = await open(path, 'r').catch(error => {
    throw none('it cannot be read', error)
  })
  try {
    const head = await firstLine(file)
    if (head === undefined) throw none(`its first line does not end within ${LONGEST_HEAD} bytes`)
    let culprit: Culprit
    try {
      culprit = culpritSchema.parse(JSON.parse(head))
    } catch (error) {
      throw none('its first line is no accusation', error)
    }
    const places = new Map<string, { offset: number; bytes: number }>()
    let offset = Buffer.byteLength(head) + 1
    for (const { hash, bytes } of culprit.blobs) {
      places.set(hash, { offset, bytes })
      offset += bytes
    }
    const { size } = await file.stat()
    if (size !== offset) throw none(`it has ${size} bytes, and its first line says ${offset}`)
    return {
      accusation: culprit.accusation,
      source: { records: culprit.records, blob: async hash => await readAt(file, places.get(hash)) },
      [Symbol.asyncDispose]: async () => await file.close()
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** @returns undefined when there is no end to it */
async function firstLine(file: FileHandle): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  for (let offset = 0; offset < LONGEST_HEAD; ) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(PIECE), 0, PIECE, offset)
    const end = buffer.subarray(0, bytesRead).indexOf(10)
    pieces.push(buffer.subarray(0, end < 0 ? bytesRead : end))
    if (end >= 0) return Buffer.concat(pieces).toString('utf8')
    if (bytesRead === 0) return undefined
    offset += bytesRead
  }
  return undefined
}

async function readAt(file: FileHandle, place: { offset: number; bytes: number } | undefined): Promise<Uint8Array | undefined> {
  if (place === undefined) return undefined
  const bytes = new Uint8Array(place.bytes)
  let filled = 0
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, place.offset + filled)
    if (bytesRead === 0) return undefined
    filled += bytesRead
  }
  return bytes
}

/** Parts that lie in evidence already: nothing is written twice, however large the model. */
export class EvidencePartStore implements PartStore {
  readonly #source: EvidenceSource
  /** By key, the hash of what evidence has, or the part itself. */
  readonly #parts = new Map<string, string | Uint8Array>()

  constructor(source: EvidenceSource) {
    this.#source = source
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    const hash = await hashOf(bytes)
    this.#parts.set(key, (await this.#source.blob(hash)) === undefined ? bytes.slice() : hash)
  }

  async get(key: string): Promise<Uint8Array> {
    const part = this.#parts.get(key)
    const bytes = typeof part === 'string' ? await this.#source.blob(part) : part
    if (bytes === undefined) throw new MissingPartError(key)
    return bytes.slice()
  }

  async delete(key: string): Promise<void> {
    this.#parts.delete(key)
  }

  async clear(): Promise<void> {
    this.#parts.clear()
  }
}
