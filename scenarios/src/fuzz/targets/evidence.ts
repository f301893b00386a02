/**
 * Evidence of a session and accusations. A record that was altered is found, and an innocent party is named by none: every record of a kind is mutated in its place,
 * the chain made anew or not.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openCulprit, readEvidence, StorageError, writeCulprit } from '@slytherin/node'
import {
  type Accusation,
  audit,
  canonicalJson,
  chained,
  culpritParts,
  type EvidenceRecord,
  type EvidenceSource,
  MemoryEvidence,
  recordSchema,
  sameAccusation,
  statementDigest,
  type VerifySignature,
  verifyCulprit
} from '@slytherin/protocol'
import { mutateJson } from '../json-mutations.js'
import { demand, type Target, type TargetGroup } from '../target.js'
import type { RecordedSession } from './messages.js'

class NoRecordError extends Error {}
class FoundError extends Error {}
class NotProvenError extends Error {}

/** Records that say nothing which somebody has signed, or that prove themselves only where the session is run again. */
const UNSIGNED: readonly EvidenceRecord['record'][] = ['keeper', 'proof', 'result', 'dropped', 'end']
/** Of a kind, as the corpus has them. */
const OF_A_KIND = 2
/** Lines of the file that is mutated. */
const LINES = 12

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(canonicalJson(value))
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

function parsed(bytes: Uint8Array): EvidenceRecord {
  let json: unknown
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (error) {
    throw new NoRecordError(String(error))
  }
  const record = recordSchema.safeParse(json)
  if (record.success) return record.data
  throw new NoRecordError(record.error.message)
}

/** As evidence lies on disk. */
function linesOf(records: readonly unknown[]): string {
  let chain = ''
  return records
    .map(record => {
      const json = typeof record === 'string' ? record : canonicalJson(record)
      chain = chained(chain, json)
      return `${chain} ${Buffer.byteLength(json)} ${json}\n`
    })
    .join('')
}

export async function evidenceTargets({ evidence, verify, sign }: RecordedSession): Promise<TargetGroup> {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-fuzz-'))
  await mkdir(join(directory, 'session'))
  const checked = remembering(verify)
  return {
    targets: [
      recordTarget(evidence, checked),
      recordsFileTarget(evidence, directory),
      await culpritTarget(evidence, { verify: checked, sign, directory })
    ],
    [Symbol.asyncDispose]: async () => await rm(directory, { recursive: true, force: true })
  }
}

/** The same signatures are checked again and again. */
function remembering(verify: VerifySignature): VerifySignature {
  const known = new Map<string, Promise<boolean>>()
  return async (peer, digest, signature) => {
    const key = JSON.stringify([peer, Buffer.from(digest).toString('hex'), Buffer.from(signature).toString('hex')])
    const answer = known.get(key) ?? verify(peer, digest, signature)
    if (known.size < 1000) known.set(key, answer)
    return await answer
  }
}

function recordTarget(evidence: MemoryEvidence, verify: VerifySignature): Target {
  const places = new Map<string, number>()
  const seen = new Map<string, number>()
  for (const [place, record] of evidence.records.entries()) {
    const kind = record.record === 'statement' ? record.statement.kind : record.record
    const count = seen.get(kind) ?? 0
    if (UNSIGNED.includes(record.record) || count >= OF_A_KIND) continue
    seen.set(kind, count + 1)
    places.set(canonicalJson(record), place)
  }
  return {
    name: 'evidence record',
    contract: 'authenticated',
    structure: 'json',
    weight: 6,
    corpus: [...places.keys()].map(json => new TextEncoder().encode(json)),
    refusals: [NoRecordError, FoundError],
    parse: async (bytes, origin) => {
      const record = parsed(bytes)
      const records = evidence.records.with(places.get(decode(origin))!, record)
      const source: EvidenceSource = { records, blob: async () => undefined }
      const report = await audit([source], { verify })
      demand(report.accusations.length === 0, `somebody is named for what was altered: ${canonicalJson(report.accusations)}`)
      const doubts = report.findings.filter(({ holds }) => holds !== 'yes').map(({ text }) => text)
      if (doubts.length > 0) throw new FoundError(doubts.join('; '))
      return encode(record)
    }
  }
}

function recordsFileTarget(evidence: MemoryEvidence, directory: string): Target {
  const path = join(directory, 'session', 'records.jsonl')
  const short = evidence.records.filter(record => canonicalJson(record).length < 2000)
  const corpus = [short.slice(0, LINES), [...short.slice(LINES, 2 * LINES), { record: 'end', reason: 'closed\u2028' } as const]]
  return {
    name: 'evidence file',
    contract: 'bounded',
    structure: 'bytes',
    weight: 3,
    corpus: corpus.map(records => new TextEncoder().encode(linesOf(records))),
    refusals: [StorageError, FoundError],
    parse: async (bytes, origin) => {
      await writeFile(path, bytes)
      const { records, damage, cut } = await readEvidence(join(directory, 'session'))
      const again = linesOf(records)
      const text = Buffer.from(bytes).toString('utf8')
      demand(text.startsWith(again), 'records are read that were not written')
      demand(damage !== undefined || cut !== undefined || text === again, 'something stands behind the records that are read')
      const same = Buffer.compare(bytes, origin) === 0
      demand(!same || (damage === undefined && again.length === text.length), 'records as they were written are not read')
      if (damage !== undefined) throw new FoundError(damage)
      return bytes
    },
    // Who alters a record makes the chain anew.
    mutate: (bytes, random) => {
      const lines = decode(bytes).split('\n').slice(0, -1)
      const records = lines.map(line => line.replace(/^\S+ \S+ /, ''))
      if (records.length === 0) return undefined
      const at = random.below(records.length)
      const altered = decode(mutateJson(new TextEncoder().encode(records[at]!), random))
      return new TextEncoder().encode(linesOf(records.with(at, altered)))
    }
  }
}

interface Accusing {
  readonly verify: VerifySignature
  readonly sign: RecordedSession['sign']
  readonly directory: string
}

/** Of an evaluator that has signed two requests of one instance; and of one whose request does not follow, which has byte strings with it. */
async function culpritTarget(evidence: MemoryEvidence, { verify, sign, directory }: Accusing): Promise<Target> {
  const path = join(directory, 'culprit')
  const request = evidence.records.find(record => record.record === 'statement' && record.statement.kind === 'request')
  if (request?.record !== 'statement' || request.statement.kind !== 'request') throw new Error('the session has no request')
  const { facts: opened } = await audit([evidence], { verify })
  const other = { ...request.statement, c1: '0'.repeat(64) }
  const signature = sign(request.signer, statementDigest(opened!.sessionId, request.signer, other))
  const both = new MemoryEvidence()
  for (const record of evidence.records) both.record(record)
  both.record({ ...request, statement: other, signature: Buffer.from(signature).toString('hex') })
  for (const [hash, bytes] of evidence.blobs) both.keep(hash, bytes)
  const report = await audit([both], { verify })
  const about = `request ${request.statement.assist} ${request.statement.instance}`
  const accusations: Accusation[] = [
    ...report.accusations,
    { party: request.signer, offence: 'evaluation', about, query: request.statement.query }
  ]
  const corpus: Uint8Array[] = []
  for (const accusation of accusations) {
    await writeCulprit(path, culpritParts([both], report.facts!, accusation), [both])
    corpus.push(new Uint8Array(await readFile(path)))
  }
  return {
    name: 'culprit file',
    contract: 'bounded',
    structure: 'bytes',
    weight: 4,
    corpus,
    refusals: [StorageError, NotProvenError],
    parse: async (bytes, origin) => {
      await writeFile(path, bytes)
      await using culprit = await openCulprit(path)
      for (const hash of both.blobs.keys()) await culprit.source.blob(hash)
      const { holds } = await verifyCulprit(culprit.accusation, culprit.source, { verify })
      demand(!holds || sameAccusation(culprit.accusation, report.accusations[0]!), 'another accusation holds')
      // What only a replay shows is not shown here.
      if (!holds && (origin === corpus[0] || Buffer.compare(bytes, origin) !== 0))
        throw new NotProvenError(canonicalJson(culprit.accusation))
      return bytes
    },
    // What stands in the first line, the byte strings behind it left as they are.
    mutate: (bytes, random) => {
      const end = bytes.indexOf(10)
      if (end < 0) return undefined
      return new Uint8Array(Buffer.concat([mutateJson(bytes.subarray(0, end), random), bytes.subarray(end)]))
    }
  }
}
