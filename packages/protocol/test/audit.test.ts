import {
  type AuditReport,
  audit,
  clean,
  culpritParts,
  culpritSchema,
  type EvidenceRecord,
  LocalCryptography,
  MemoryEvidence,
  MemoryEvidenceStore,
  verifyCulprit
} from '@slytherin/protocol'
import { beforeAll, describe, expect, it } from 'vitest'
import { hash, toHex } from '../src/base/digest.js'
import { componentsHash, type Statement } from '../src/terms/statements.js'
import { FakeSigner } from './support/fake-signer.js'
import { type SyntheticOptions, type SyntheticSession, syntheticSession } from './support/synthetic-session.js'

const sign = async (peer: string, bytes: Uint8Array): Promise<Uint8Array> => FakeSigner.signature(peer, bytes)
const verify = async (peer: string, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> =>
  await new FakeSigner('auditor').verify(peer, bytes, signature)
/** One for all: a replay closes what it opened. */
const auditor = LocalCryptography.create({ allowInsecure: true })
const cryptography = async () => await auditor

interface Played {
  readonly session: SyntheticSession
  readonly evaluator: MemoryEvidence
  readonly holder: MemoryEvidence
}

async function played(options: Partial<SyntheticOptions> = {}): Promise<Played> {
  const stores = { evaluator: new MemoryEvidenceStore(), holder: new MemoryEvidenceStore() }
  const session = await syntheticSession({ sign, stores, ...options })
  return {
    session,
    evaluator: stores.evaluator.sessions.get(session.session)!,
    holder: stores.holder.sessions.get(session.session)!
  }
}

/** The same evidence with some records replaced, and byte strings added. */
function altered(
  evidence: MemoryEvidence,
  change: (record: EvidenceRecord) => EvidenceRecord | undefined,
  more: readonly EvidenceRecord[] = []
): MemoryEvidence {
  const copy = new MemoryEvidence()
  for (const record of evidence.records) {
    const changed = change(structuredClone(record))
    if (changed !== undefined) copy.record(changed)
  }
  for (const record of more) copy.record(record)
  for (const [key, bytes] of evidence.blobs) copy.keep(key, bytes)
  return copy
}

const full = async (evidence: MemoryEvidence): Promise<AuditReport> => await audit([evidence], { verify, cryptography })
const signatures = async (evidence: MemoryEvidence): Promise<AuditReport> => await audit([evidence], { verify })
const wrong = ({ findings }: AuditReport): string[] => findings.filter(({ holds }) => holds === 'no').map(({ text }) => text)

/** What a culprit file of the report's only accusation says to somebody who has nothing else. */
async function told(report: AuditReport, evidence: MemoryEvidence, alter: (source: MemoryEvidence) => void = () => undefined) {
  expect(report.accusations).toHaveLength(1)
  const accusation = report.accusations[0]!
  const parts = culpritParts([evidence], report.facts!, accusation)
  const blobs = parts.blobs.map(key => ({ hash: key, bytes: evidence.blobs.get(key)?.length ?? 0 }))
  const file = culpritSchema.parse(JSON.parse(JSON.stringify({ culprit: 1, accusation, records: parts.records, blobs })))
  const source = new MemoryEvidence()
  for (const record of file.records) source.record(record)
  for (const key of parts.blobs) source.keep(key, evidence.blobs.get(key)!)
  alter(source)
  return { ...(await verifyCulprit(file.accusation, source, { verify, cryptography })), source, accusation }
}

/** A statement signed again, after it was changed. */
async function restated(session: SyntheticSession, record: EvidenceRecord, statement: Statement): Promise<EvidenceRecord> {
  if (record.record !== 'statement') throw new Error('no statement')
  const party = (['evaluator', 'holder', 'owner', 'querier'] as const).find(name => session.peer(name) === record.signer)!
  const signed = await session.sign(party, statement)
  return { record: 'statement', signer: signed.signer, statement, signature: toHex(signed.signature) }
}

function statement(evidence: MemoryEvidence, kind: Statement['kind'], of: (statement: Statement, signer: string) => boolean = () => true) {
  const found = evidence.records.find(
    record => record.record === 'statement' && record.statement.kind === kind && of(record.statement, record.signer)
  )
  if (found?.record !== 'statement') throw new Error(`no ${kind}`)
  return found
}

let honest: Played
beforeAll(async () => {
  honest = await played({ queries: 2 })
}, 60_000)

describe('evidence of an honest session', () => {
  it('is run again and holds, to the result', async () => {
    const report = await full(honest.evaluator)
    expect(report.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
    expect([report.evaluated, report.queries]).toEqual([2, 2])
    expect(report.session).toBe(honest.session.session)
    expect(report.findings.some(({ text }) => text.includes('the result that was signed'))).toBe(true)
  })

  it('of a key holder holds as far as signatures tell, and says who can tell more', async () => {
    expect(honest.holder.blobs.size).toBe(0)
    const report = await full(honest.holder)
    expect(wrong(report)).toEqual([])
    expect(report.findings.filter(({ holds }) => holds === 'unknown').map(({ text }) => text)).toEqual([
      expect.stringContaining('evaluator and witnesses keep what a replay needs')
    ])
  })

  it('of two parties together is evidence of one session', async () => {
    const report = await audit([honest.holder, honest.evaluator], { verify, cryptography })
    expect(wrong(report)).toEqual([])
    expect(report.evaluated).toBe(2)
  })

  it('is sampled by a seed: the same one chooses the same queries', async () => {
    const chosen = async (seed: string): Promise<string[]> => {
      const report = await audit([honest.evaluator], { verify, cryptography, sample: 1, seed })
      expect(report.evaluated).toBe(1)
      return report.findings.filter(({ step }) => step === 'evaluation').map(({ text }) => text)
    }
    expect(await chosen('a')).toEqual(await chosen('a'))
    const several = new Set<string>()
    for (const seed of ['a', 'b', 'c', 'd', 'e', 'f']) for (const text of await chosen(seed)) several.add(text)
    expect(several.size).toBe(2)
  })
})

/** Another value of the same form. */
function another(value: unknown): unknown {
  if (typeof value === 'number') return value + 1
  if (typeof value === 'boolean') return !value
  if (Array.isArray(value)) return value.slice(1)
  const text = String(value)
  if (text === '') return '0'.repeat(64)
  if (/^[0-9a-f]{2,}$/.test(text)) return (text.startsWith('0') ? '1' : '0') + text.slice(1)
  if (text === 'refresh') return 'switch'
  if (text === 'switch') return 'refresh'
  if (text === 'public key') return 'relinearization'
  if (text === 'relinearization') return 'public key'
  return `${text}x`
}

/** Every field of a record, changed one at a time. */
function mutations(record: EvidenceRecord): { field: string; record: EvidenceRecord }[] {
  const fields = record as unknown as Record<string, unknown>
  const of = (part: Record<string, unknown>, whole: (changed: Record<string, unknown>) => unknown, prefix: string) =>
    Object.keys(part)
      .filter(key => key !== 'record' && key !== 'kind' && typeof part[key] !== 'object')
      .map(key => ({ field: `${prefix}${key}`, record: whole({ ...part, [key]: another(part[key]) }) as EvidenceRecord }))
  const flat = of(fields, changed => changed, `${record.record}.`)
  if (record.record === 'components' || record.record === 'result') {
    flat.push({ field: `${record.record}.hashes`, record: { ...record, hashes: record.hashes.slice(1) } })
  }
  if (record.record !== 'statement') return flat
  return [...flat, ...of({ ...record.statement }, changed => ({ ...record, statement: changed }), `${record.statement.kind}.`)]
}

it('a changed field of any record is found, and nobody is named for what somebody else did to the record', async () => {
  const seen = new Set<string>()
  for (const [place, record] of honest.evaluator.records.entries()) {
    if (record.record === 'keeper' || record.record === 'end') continue
    for (const mutation of mutations(record)) {
      if (seen.has(mutation.field)) continue
      seen.add(mutation.field)
      const changed = altered(honest.evaluator, original => original)
      changed.records[place] = mutation.record
      let report = await signatures(changed)
      if (clean(report)) report = await full(changed)
      expect(
        report.findings.some(({ holds }) => holds !== 'yes'),
        mutation.field
      ).toBe(true)
      expect(report.accusations, mutation.field).toEqual([])
    }
  }
  // every kind of record and statement was there
  for (const kind of ['descriptor', 'acceptance', 'nonce', 'commitment', 'revealed', 'confirmation', 'statement', 'components', 'result']) {
    expect(
      [...seen].some(field => field.startsWith(`${kind}.`)),
      kind
    ).toBe(true)
  }
  for (const kind of ['key-share', 'model', 'query', 'request', 'endorsement', 'shares', 'result']) {
    expect(
      [...seen].some(field => field.startsWith(`${kind}.`)),
      kind
    ).toBe(true)
  }
}, 120_000)

it('a record left out, and a byte string altered or lost, is found', async () => {
  const places = new Map(
    honest.evaluator.records.map((record, place) => [record.record === 'statement' ? record.statement.kind : record.record, place])
  )
  for (const [kind, place] of places) {
    if (kind === 'keeper' || kind === 'end' || kind === 'endorsement' || kind === 'result') continue
    const without = altered(honest.evaluator, record => record)
    without.records.splice(place, 1)
    const report = await full(without)
    expect(report.findings.some(({ holds }) => holds !== 'yes') || report.queries < 2 || kind === 'confirmation', kind).toBe(true)
    expect(report.accusations, kind).toEqual([])
  }
  for (const key of honest.evaluator.blobs.keys()) {
    const damaged = altered(honest.evaluator, record => record)
    damaged.blobs.get(key)![9]! ^= 1
    expect(wrong(await full(damaged)), key).toEqual([expect.stringContaining('has another hash')])
    break
  }
})

describe('a culprit is named by its own signature', () => {
  it('an evaluator that asks one party for this and another for that', async () => {
    const { session, evaluator, holder } = honest
    const request = statement(evaluator, 'request')
    const other = await restated(session, request, { ...request.statement, c1: '0'.repeat(64) } as Statement)
    const liedTo = altered(holder, record => (JSON.stringify(record) === JSON.stringify(request) ? other : record))
    // Its own evidence shows nothing; that of both parties together does.
    expect((await signatures(liedTo)).accusations).toEqual([])
    const both = altered(evaluator, record => record, liedTo.records)
    const report = await signatures(both)
    const instance = (request.statement as { instance: string }).instance
    expect(report.accusations).toEqual([{ party: 'evaluator', offence: 'equivocation', about: `request refresh ${instance}` }])
    const verified = await told(report, both)
    expect(verified.holds).toBe(true)
    expect(verified.source.blobs.size).toBe(0)
  })

  it('a witness that signs two endorsements of one instance', async () => {
    const endorsement = statement(honest.evaluator, 'endorsement')
    const other = await restated(honest.session, endorsement, { ...endorsement.statement, c1: '1'.repeat(64) } as Statement)
    const evidence = altered(honest.evaluator, record => record, [other])
    const report = await signatures(evidence)
    expect(report.accusations).toEqual([
      { party: 'holder', offence: 'equivocation', about: expect.stringContaining('endorsement refresh') }
    ])
    expect((await told(report, evidence)).holds).toBe(true)
  })

  it('an evaluator that asks for help with something that does not follow', async () => {
    const { evaluator } = await played({
      deviate: (assist, c1) => (assist === 'refresh' ? c1.map(bytes => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1)) : c1),
      // the witness is honest, and signs nothing that it did not come to
      falsely: (_party, made) => made
    })
    const withoutWitness = altered(evaluator, record =>
      record.record === 'statement' && record.statement.kind === 'endorsement' ? undefined : record
    )
    const report = await full(withoutWitness)
    expect(report.accusations).toEqual([
      { party: 'evaluator', offence: 'evaluation', about: expect.stringMatching(/^request refresh query-0\//), query: 'query-0' }
    ])
    const verified = await told(report, withoutWitness)
    expect(verified.holds).toBe(true)
    // What came after the wrong step is not in the file.
    expect(verified.source.records.some(record => record.record === 'statement' && record.statement.kind === 'shares')).toBe(false)
  })

  it('but nobody where the session was run by other software, which may come to other bytes', async () => {
    const { evaluator } = await played({
      build: '4'.repeat(64),
      falsely: (_party, made) => (made.kind === 'endorsement' && made.assist === 'switch' ? { ...made, c1: '2'.repeat(64) } : made)
    })
    const report = await full(evaluator)
    expect(report.accusations).toEqual([])
    expect(report.findings.filter(({ holds }) => holds === 'unknown').map(({ text }) => text)).toEqual([
      expect.stringContaining('audit with that release'),
      expect.stringContaining('or the software is another')
    ])
  })

  it('a witness that endorses what does not follow', async () => {
    const { evaluator } = await played({
      falsely: (_party, made) => (made.kind === 'endorsement' && made.assist === 'switch' ? { ...made, c1: '2'.repeat(64) } : made)
    })
    const report = await full(evaluator)
    expect(report.accusations).toEqual([
      { party: 'holder', offence: 'evaluation', about: 'endorsement switch query-0/result', query: 'query-0' }
    ])
    expect((await told(report, evaluator)).holds).toBe(true)
  })

  it('an evaluator that signs a result that does not follow, or another one for somebody else', async () => {
    const { evaluator } = await played({
      falsely: (_party, made) => (made.kind === 'result' ? { ...made, result: '5'.repeat(64) } : made)
    })
    const report = await full(evaluator)
    expect(report.accusations).toEqual([{ party: 'evaluator', offence: 'evaluation', about: 'result query-0', query: 'query-0' }])
    expect((await told(report, evaluator)).holds).toBe(true)

    const result = statement(honest.evaluator, 'result')
    const other = await restated(honest.session, result, { ...result.statement, result: '6'.repeat(64) } as Statement)
    const both = altered(honest.evaluator, record => record, [other])
    const twice = await signatures(both)
    expect(twice.accusations).toEqual([{ party: 'evaluator', offence: 'equivocation', about: 'result query-0' }])
    expect((await told(twice, both)).holds).toBe(true)
  })

  it('and nobody where a request names inputs, or a model, that nobody is seen to have signed', async () => {
    for (const field of ['inputs', 'model']) {
      const request = statement(honest.evaluator, 'request')
      const other = await restated(honest.session, request, { ...request.statement, [field]: '7'.repeat(64) } as Statement)
      const evidence = altered(honest.evaluator, record => (JSON.stringify(record) === JSON.stringify(request) ? other : record))
      const report = await full(evidence)
      expect(report.accusations).toEqual([])
      expect(wrong(report).filter(text => text.includes(field === 'inputs' ? 'inputs that no' : 'a model that its owner'))).toHaveLength(1)
      expect(report.evaluated).toBe(1)
    }
  })

  it.each([
    ['key-share', 'holder', 'key-share'],
    ['model', 'owner', 'model-part'],
    ['query', 'querier', 'input'],
    ['shares', 'holder', 'shares']
  ] as const)('bytes signed in a %s statement that are none', async (kind, signer, offence) => {
    const { session, evaluator } = honest
    const record = statement(evaluator, kind, (_statement, by) => by === signer)
    const garbage = new Uint8Array(1000).fill(7)
    const key = toHex(await hash(garbage))
    const made = record.statement
    const more: EvidenceRecord[] = []
    let false_: Statement
    if (made.kind === 'key-share') false_ = { ...made, share: key }
    else {
      const named = made.kind === 'model' ? made.hash : made.kind === 'query' ? made.inputs : made.kind === 'shares' ? made.shares : ''
      const list = evaluator.records.find(entry => entry.record === 'components' && entry.hash === named)
      if (list?.record !== 'components') throw new Error('no list')
      const hashes = [key, ...list.hashes.slice(1)]
      const whole = toHex(componentsHash(hashes.map(text => Uint8Array.from(Buffer.from(text, 'hex')))))
      more.push({ record: 'components', hash: whole, hashes })
      false_ = (
        made.kind === 'model' ? { ...made, hash: whole } : made.kind === 'query' ? { ...made, inputs: whole } : { ...made, shares: whole }
      ) as Statement
    }
    const signed = await restated(session, record, false_)
    const evidence = altered(evaluator, entry => (JSON.stringify(entry) === JSON.stringify(record) ? signed : entry), more)
    evidence.keep(key, garbage)
    const report = await full(evidence)
    expect(report.accusations.map(({ party, offence: what }) => [party, what])).toEqual([[signer, offence]])
    expect((await told(report, evidence)).holds).toBe(true)
  })

  it('a holder whose share is not what it committed to, and a party that confirmed another key', async () => {
    const { session, evaluator } = honest
    const { commitmentDigest, confirmationDigest } = await import('../src/keys/digests.js')
    const commitment = evaluator.records.find(record => record.record === 'commitment' && record.peer === 'holder')!
    if (commitment.record !== 'commitment') throw new Error('no commitment')
    const other = '3'.repeat(64)
    const bytes = Uint8Array.from(Buffer.from(other, 'hex'))
    const signature = toHex(await sign('holder', commitmentDigest('public key', session.sessionId, 'holder', bytes)))
    const uncommitted = altered(evaluator, record =>
      JSON.stringify(record) === JSON.stringify(commitment) ? { ...commitment, commitment: other, signature } : record
    )
    const first = await signatures(uncommitted)
    expect(first.accusations).toEqual([{ party: 'holder', offence: 'commitment', about: 'public key' }])
    expect((await told(first, uncommitted)).holds).toBe(true)

    const confirmed = toHex(await sign('querier', confirmationDigest(session.sessionId, 'querier', bytes)))
    const unconfirmed = altered(evaluator, record =>
      record.record === 'confirmation' && record.peer === 'querier' ? { ...record, hash: other, signature: confirmed } : record
    )
    const second = await full(unconfirmed)
    expect(second.accusations).toEqual([{ party: 'querier', offence: 'confirmation', about: 'confirmation' }])
    expect((await told(second, unconfirmed)).holds).toBe(true)
  })

  it('and nobody by a culprit file that was altered', async () => {
    const { evaluator } = await played({
      falsely: (_party, made) => (made.kind === 'endorsement' && made.assist === 'switch' ? { ...made, c1: '2'.repeat(64) } : made)
    })
    const report = await full(evaluator)
    const { source } = await told(report, evaluator)
    const seen = new Set<string>()
    for (const [place, record] of source.records.entries()) {
      const kind = record.record === 'statement' ? record.statement.kind : record.record
      if (kind === 'keeper' || seen.has(kind)) continue
      seen.add(kind)
      const [mutation] = mutations(record).slice(-1)
      const verified = await told(report, evaluator, changed => {
        changed.records[place] = mutation!.record
      })
      expect(verified.holds, mutation!.field).toBe(false)
      expect(
        verified.report.accusations.filter(({ party }) => party !== 'holder'),
        mutation!.field
      ).toEqual([])
    }
    const blamed = await told({ ...report, accusations: [{ ...report.accusations[0]!, party: 'evaluator' }] }, evaluator)
    expect(blamed.holds).toBe(false)
  }, 120_000)
})
