/**
 * What convinces somebody else: an accusation with the part of the evidence that it rests on. Whoever is given one believes nothing of it: it is audited like
 * any evidence, and the accusation holds when the same one comes out.
 */
import * as z from 'zod'
import { MAXIMUM_TEXT_BYTES } from '../terms/limits.js'
import { type AuditOptions, type AuditReport, audit } from './audit.js'
import { type SessionFacts, subjectOf } from './facts.js'
import { type Accusation, OFFENCES, type Offence, sameAccusation } from './findings.js'
import { type EvidenceRecord, recordSchema } from './records.js'
import type { EvidenceSource } from './source.js'

const text = z.string().max(4 * MAXIMUM_TEXT_BYTES)

/** The head of a culprit file: JSON that is followed by the byte strings which `blobs` lists. Unknown fields are refused. */
export const culpritSchema = z.strictObject({
  culprit: z.literal(1),
  accusation: z.strictObject({ party: text, offence: z.enum(OFFENCES), about: text, query: text.optional() }),
  records: z.array(recordSchema).max(2 ** 20),
  /** SHA-256 of the byte strings that go with it, in the order in which they follow, and their lengths. */
  blobs: z.array(z.strictObject({ hash: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.number().int().min(0) })).max(2 ** 20)
})

/** A culprit file's head as parsed: an accusation, the records it rests on, and the hashes and lengths of the byte strings behind it. */
export type Culprit = z.infer<typeof culpritSchema>

/** What a culprit file has to contain. */
export interface CulpritParts {
  readonly accusation: Accusation
  /** Those that lead to the accusation, and no others. */
  readonly records: readonly EvidenceRecord[]
  /** SHA-256 of byte strings, in the order in which they are needed. */
  readonly blobs: readonly string[]
}

/** Shown by signatures alone. */
const BY_SIGNATURES: readonly Offence[] = ['equivocation', 'commitment', 'request']

/** The part of the evidence that an accusation rests on. */
export function culpritParts(sources: readonly EvidenceSource[], facts: SessionFacts, accusation: Accusation): CulpritParts {
  // Whoever evaluated has everything in the order in which it went.
  const evaluates = ({ records }: EvidenceSource): boolean => records.some(record => record.record === 'keeper' && record.blobs)
  const kept = [...sources.filter(evaluates), ...sources.filter(source => !evaluates(source))].flatMap(({ records }) => records)
  const all = withoutLater(kept, accusation)
  const opening = ['descriptor', 'acceptance', 'nonce']
  const { party, offence, about } = accusation
  const bySignatures = BY_SIGNATURES.includes(offence)
  const needed = bySignatures
    ? (record: EvidenceRecord) => concerns(record, party, about)
    : (record: EvidenceRecord) => needsFor(record, accusation)
  const chosen = unique(all.filter(record => opening.includes(record.record) || needed(record)))
  if (bySignatures) return { accusation, records: chosen, blobs: [] }
  const blobs = new Set<string>()
  for (const record of chosen) {
    if (record.record === 'revealed') blobs.add(record.share)
    if (record.record === 'proof') blobs.add(record.hash)
    if (record.record !== 'statement') continue
    const { statement } = record
    if (statement.kind === 'key-share') blobs.add(statement.share)
    const list =
      statement.kind === 'model'
        ? statement.hash
        : statement.kind === 'query'
          ? statement.inputs
          : statement.kind === 'shares'
            ? statement.shares
            : undefined
    if (list === undefined) continue
    for (const hash of facts.components.get(list) ?? []) blobs.add(hash)
  }
  const lists = all.filter(record => record.record === 'components' && facts.components.get(record.hash)?.every(hash => blobs.has(hash)))
  const keeper: EvidenceRecord = { record: 'keeper', peer: 'culprit file', roles: [], blobs: true }
  return { accusation, records: unique([keeper, ...chosen, ...lists]), blobs: [...blobs] }
}

/** Signed by the party, and about this. */
function concerns(record: EvidenceRecord, party: string, about: string): boolean {
  switch (record.record) {
    case 'statement':
      return record.signer === party && subjectOf(record.statement) === about
    case 'commitment':
    case 'revealed':
      return record.peer === party && about.endsWith(record.protocol)
    case 'confirmation':
      return record.peer === party && about === 'confirmation'
    default:
      return false
  }
}

/** What was given after the statement that is wrong does not matter. */
function withoutLater(records: readonly EvidenceRecord[], { party, offence, about }: Accusation): readonly EvidenceRecord[] {
  if (offence !== 'evaluation') return records
  const wrong = records.findIndex(
    record => record.record === 'statement' && record.signer === party && subjectOf(record.statement) === about
  )
  return records.filter((record, place) => place <= wrong || !(record.record === 'statement' && record.statement.kind === 'shares'))
}

/** All keys, the model, and the query up to where it goes wrong. */
function needsFor(record: EvidenceRecord, { query, offence }: Accusation): boolean {
  if (record.record === 'commitment' || record.record === 'revealed' || record.record === 'confirmation') return true
  if (record.record === 'proof') return record.query === '' ? query !== undefined || offence === 'model-part' : record.query === query
  if (record.record !== 'statement') return false
  const { statement } = record
  if (statement.kind === 'key-share') return offence !== 'confirmation'
  if (statement.kind === 'model') return query !== undefined || offence === 'model-part'
  return query !== undefined && statement.query === query
}

function unique(records: readonly EvidenceRecord[]): EvidenceRecord[] {
  return [...new Map(records.map(record => [JSON.stringify(record), record])).values()]
}

/** Audits a culprit file. @returns the report, and whether the accusation follows from it */
export async function verifyCulprit(
  accusation: Accusation,
  source: EvidenceSource,
  options: Pick<AuditOptions, 'verify' | 'cryptography' | 'onFinding' | 'onProgress'>
): Promise<{ holds: boolean; report: AuditReport }> {
  const { query, offence } = accusation
  const { cryptography, ...others } = options
  const again = BY_SIGNATURES.includes(offence) ? {} : { cryptography }
  const report = await audit([source], { ...others, ...again, ...(query === undefined ? {} : { query }) })
  // A file that was altered, however little, proves nothing.
  const whole = report.findings.every(finding => finding.holds !== 'no' || finding.accusation !== undefined || finding.disputed === true)
  return { holds: whole && report.accusations.some(other => sameAccusation(accusation, other)), report }
}
