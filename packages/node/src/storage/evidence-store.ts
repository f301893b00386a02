/**
 * Evidence on disk (evidence-format.ts). Nothing here makes the session wait or fail: what is told is queued and written in order; a process that is killed
 * leaves the records up to there. Oldest sessions go first when there is not room for all; a session that alone is too large keeps its records and loses its
 * byte strings, and its records say so.
 */
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson, chained, type EvidenceRecord, type EvidenceSink, type EvidenceStore } from '@slytherin/protocol'
import { BLOBS, blobFile, RECORDS, recordsFile, SESSION_NAME } from './evidence-format.js'

/** How much evidence is kept, and for how long. */
export interface EvidenceBounds {
  /** All sessions together. */
  readonly maximumBytes: number
  /** Milliseconds. */
  readonly maximumAge: number
  /** Whether byte strings are kept, and not only what was signed. */
  readonly blobs: boolean
}

interface FileEvidenceOptions extends EvidenceBounds {
  /** Told when evidence cannot be kept; once for a session. */
  readonly onFault?: ((error: unknown) => void) | undefined
}

/** So much may wait to be written before whoever can wait does. */
const MAXIMUM_WAITING_BYTES = 64 * 2 ** 20

/** A party's evidence of sessions, a folder for each. */
export class FileEvidenceStore implements EvidenceStore {
  readonly #options: FileEvidenceOptions
  readonly #writing = new Set<FileEvidence>()

  constructor(
    /** With a folder for each session, by its id. */
    readonly directory: string,
    options: FileEvidenceOptions
  ) {
    this.#options = options
  }

  get blobs(): boolean {
    return this.#options.blobs
  }

  begin(session: string): EvidenceSink {
    const evidence = new FileEvidence(join(this.directory, session), this.#options, async bytes => await this.#makeRoom(session, bytes))
    this.#writing.add(evidence)
    return evidence
  }

  /** Resolves when all that was told is on disk. */
  async close(): Promise<void> {
    for (const evidence of this.#writing) {
      evidence.end()
      await evidence.written()
    }
    this.#writing.clear()
  }

  /** Removes what is too old, then the oldest sessions until `bytes` fit beside the others. @returns whether they do */
  async #makeRoom(session: string, bytes: number): Promise<boolean> {
    const { maximumAge, maximumBytes } = this.#options
    const others = (await sessionsIn(this.directory)).filter(({ name }) => name !== session)
    let total = bytes
    for (const { directory, touched, bytes: size } of others) {
      total += size
      if (Date.now() - touched > maximumAge || total > maximumBytes) await rm(directory, { recursive: true, force: true })
    }
    return bytes <= maximumBytes
  }
}

interface KeptSession {
  readonly name: string
  readonly directory: string
  /** Milliseconds since 1970. */
  readonly touched: number
  readonly bytes: number
}

/** The sessions of which there is evidence, latest first. */
export async function sessionsIn(directory: string): Promise<KeptSession[]> {
  const names = await readdir(directory).catch(() => [])
  const kept: KeptSession[] = []
  for (const name of names.filter(entry => SESSION_NAME.test(entry))) {
    const session = join(directory, name)
    const records = await stat(recordsFile(session)).catch(() => undefined)
    if (records === undefined) continue
    let bytes = records.size
    for (const blob of await readdir(join(session, BLOBS)).catch(() => [])) {
      bytes += (await stat(blobFile(session, blob)).catch(() => undefined))?.size ?? 0
    }
    kept.push({ name, directory: session, touched: records.mtimeMs, bytes })
  }
  return kept.sort((a, b) => b.touched - a.touched)
}

/** Removes all evidence in a directory, and nothing else that may lie there. */
export async function forgetSessions(directory: string): Promise<void> {
  for (const session of await sessionsIn(directory)) await rm(session.directory, { recursive: true, force: true })
}

/** One session as it is written. */
class FileEvidence implements EvidenceSink {
  readonly #directory: string
  readonly #options: FileEvidenceOptions
  readonly #makeRoom: (bytes: number) => Promise<boolean>
  #tail: Promise<void>
  #file: FileHandle | undefined
  #chain = ''
  /** On disk, or waiting to be. */
  #bytes = 0
  /** With how many bytes room was last made; more are asked for by the half. */
  #granted = 0
  #waiting = 0
  #wanted: (() => void)[] = []
  #blobs: boolean
  readonly #known = new Set<string>()
  #failed = false
  #ended = false

  constructor(directory: string, options: FileEvidenceOptions, makeRoom: (bytes: number) => Promise<boolean>) {
    this.#directory = directory
    this.#options = options
    this.#makeRoom = makeRoom
    this.#blobs = options.blobs
    this.#tail = this.#guarded(async () => {
      await mkdir(join(directory, BLOBS), { recursive: true, mode: 0o700 })
      this.#file = await open(join(directory, RECORDS), 'w', 0o600)
      await makeRoom(0)
    })
  }

  record(record: EvidenceRecord): void {
    if (this.#ended) return
    const json = canonicalJson(record)
    this.#later(json.length, async () => await this.#append(json))
  }

  keep(hash: string, bytes: Uint8Array): void {
    if (this.#ended || !this.#blobs || this.#known.has(hash)) return
    this.#known.add(hash)
    this.#later(bytes.length, async () => {
      if (!this.#blobs || !(await this.#fits(bytes.length))) return
      const path = blobFile(this.#directory, hash)
      await writeFile(`${path}.new`, bytes, { mode: 0o600 })
      await rename(`${path}.new`, path)
      this.#bytes += bytes.length
    })
  }

  expect(bytes: number): void {
    this.#later(0, async () => void (await this.#fits(bytes)))
  }

  async room(): Promise<void> {
    if (this.#waiting <= MAXIMUM_WAITING_BYTES) return
    await new Promise<void>(resolve => this.#wanted.push(resolve))
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#later(0, async () => {
      await this.#file?.sync()
      await this.#file?.close()
      this.#file = undefined
    })
  }

  async written(): Promise<void> {
    await this.#tail
  }

  async #append(json: string): Promise<void> {
    this.#chain = chained(this.#chain, json)
    const line = `${this.#chain} ${Buffer.byteLength(json)} ${json}\n`
    await this.#file?.appendFile(line)
    this.#bytes += line.length
  }

  /** Whether there is room for more; otherwise the session's byte strings are let go. */
  async #fits(more: number): Promise<boolean> {
    const total = this.#bytes + more
    if (total <= this.#granted) return true
    const asked = Math.min(Math.ceil(total * 1.5), this.#options.maximumBytes)
    if (total <= this.#options.maximumBytes && (await this.#makeRoom(asked))) {
      this.#granted = asked
      return true
    }
    this.#blobs = false
    await rm(join(this.#directory, BLOBS), { recursive: true, force: true })
    const reason = `more than the ${this.#options.maximumBytes} bytes of evidence.maximumBytes`
    await this.#append(canonicalJson({ record: 'dropped', reason, bytes: total } satisfies EvidenceRecord))
    return false
  }

  #later(bytes: number, step: () => Promise<void>): void {
    this.#waiting += bytes
    this.#tail = this.#tail.then(async () => {
      if (!this.#failed) await this.#guarded(step)
      this.#waiting -= bytes
      if (this.#waiting > MAXIMUM_WAITING_BYTES) return
      for (const resume of this.#wanted.splice(0)) resume()
    })
  }

  /** A disk that is full takes no more evidence, and the session goes on. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      this.#failed = true
      this.#options.onFault?.(error)
    }
  }
}
