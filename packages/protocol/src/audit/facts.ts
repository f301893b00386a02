/**
 * What the records of a session establish by signatures alone: who agreed to what, who signed what, and whether any of it contradicts anything else. Nothing
 * is believed that is not signed by the party that it speaks of.
 */
import { equalBytes, fromHex, hash, toHex } from '../base/digest.js'
import { acceptanceDigest, commitmentTo, sessionIdOf } from '../cohort/digests.js'
import { type CommittedProtocol, commitmentDigest, confirmationDigest, shareCommitment, shareDigest } from '../keys/digests.js'
import { decodeDescriptor, type SessionDescriptor } from '../terms/descriptor.js'
import { hasRole, peersWith, type Role } from '../terms/roster.js'
import { componentsHash, type SignedStatement, type Statement, statementDigest } from '../terms/statements.js'
import type { AuditStep, Finding } from './findings.js'
import type { EvidenceRecord, RecordOf } from './records.js'
import type { EvidenceSource } from './source.js'

/** Whether a peer has signed a digest. */
export type VerifySignature = (peer: string, digest: Uint8Array, signature: Uint8Array) => Promise<boolean>

/** What the records of a session establish by signatures alone; a replay starts from it. Maps are by peer id where nothing else is said. */
export interface SessionFacts {
  /** 32 bytes: a digest of the descriptor and every party's nonce. */
  readonly sessionId: Uint8Array
  readonly descriptor: SessionDescriptor
  /** Key holders in party order. */
  readonly holders: readonly string[]
  /** Those whose signatures hold, from all sources, each once. */
  readonly statements: readonly SignedStatement[]
  /** Shares that open the commitments of their holders: hashes, salts and signatures. */
  readonly revealed: ReadonlyMap<CommittedProtocol, ReadonlyMap<string, RecordOf<'revealed'>>>
  /** What each key holder has signed of the collective public key that it summed. */
  readonly confirmations: ReadonlyMap<string, RecordOf<'confirmation'>>
  /** Hashes by the one hash that statements name. */
  readonly components: ReadonlyMap<string, readonly string[]>
  /** Hashes of proofs by query and batch (`proofKey`). */
  readonly proofs: ReadonlyMap<string, string>
  /** Hashes of delivered results by query. */
  readonly results: ReadonlyMap<string, readonly string[]>
}

export interface Established {
  /** Undefined when the records do not even tell which session this was. */
  readonly facts: SessionFacts | undefined
  readonly findings: Finding[]
}

/** Who may sign what. */
const SIGNERS: Readonly<Record<Statement['kind'], { step: AuditStep; roles: readonly string[] }>> = {
  'key-share': { step: 'evaluation-keys', roles: ['key-holder'] },
  model: { step: 'model', roles: ['model-owner'] },
  query: { step: 'queries', roles: ['querier', 'data-owner'] },
  request: { step: 'requests', roles: ['evaluator'] },
  endorsement: { step: 'endorsements', roles: ['witness', 'key-holder'] },
  shares: { step: 'shares', roles: ['key-holder'] },
  result: { step: 'results', roles: ['evaluator'] }
}

export async function establish(sources: readonly EvidenceSource[], verify: VerifySignature): Promise<Established> {
  const findings: Finding[] = []
  for (const { damage, cut, records } of sources) {
    if (damage === undefined && cut !== undefined)
      findings.push({ step: 'records', holds: 'unknown', text: `${records.length} records; ${cut}` })
    else if (damage === undefined) findings.push({ step: 'records', holds: 'yes', text: `${records.length} records, unbroken` })
    else findings.push({ step: 'records', holds: 'no', text: `${damage}; ${records.length} records before it are read` })
  }
  const records = distinct(sources.flatMap(source => source.records))
  const opened = await openedSession(records, verify)
  if (typeof opened === 'string') {
    findings.push({ step: 'session', holds: 'no', text: opened })
    return { facts: undefined, findings }
  }
  const { sessionId, descriptor } = opened
  const who = `${descriptor.roster.length} parties`
  findings.push({ step: 'session', holds: 'yes', text: `${toHex(sessionId).slice(0, 16)}: ${who} signed one descriptor and nonces` })
  const holders = peersWith(descriptor.roster, 'key-holder')
  const facts = {
    sessionId,
    descriptor,
    holders,
    statements: await signedStatements(records, opened, verify, findings),
    ...(await signedShares(records, opened, verify, findings)),
    components: componentLists(records, findings),
    proofs: new Map(of(records, 'proof').map(({ query, batch, hash: proof }) => [proofKey(query, batch), proof])),
    results: new Map(of(records, 'result').map(({ query, hashes }) => [query, hashes]))
  }
  return { facts, findings }
}

interface Opened {
  readonly sessionId: Uint8Array
  readonly descriptor: SessionDescriptor
}

/** The session id follows from the descriptor and everybody's signed nonces. @returns what is wrong, otherwise */
async function openedSession(records: readonly EvidenceRecord[], verify: VerifySignature): Promise<Opened | string> {
  const texts = of(records, 'descriptor')
  if (texts.length !== 1) return `${texts.length} descriptors, expected one: give evidence of one session`
  const bytes = new TextEncoder().encode(texts[0]!.text)
  let descriptor: SessionDescriptor
  try {
    descriptor = decodeDescriptor(bytes, 'evidence')
  } catch (error) {
    return `the descriptor is none: ${error instanceof Error ? error.message : String(error)}`
  }
  const proposal = await hash(bytes)
  const parties: { peer: string; nonce: Uint8Array; resultKeyHash: Uint8Array }[] = []
  for (const { peer } of descriptor.roster) {
    const accepted = of(records, 'acceptance').filter(record => record.peer === peer)
    const nonces = of(records, 'nonce').filter(record => record.peer === peer)
    if (accepted.length !== 1) return `${accepted.length} acceptances of ${peer}, expected one`
    if (nonces.length !== 1) return `${nonces.length} nonces of ${peer}, expected one`
    const [{ commitment, resultKeyHash, signature }] = accepted as [RecordOf<'acceptance'>]
    const made = acceptanceDigest(proposal, peer, fromHex(commitment), fromHex(resultKeyHash))
    if (!(await verify(peer, made, fromHex(signature)))) return `the acceptance of ${peer} is not signed by it`
    const nonce = fromHex(nonces[0]!.nonce)
    if (!equalBytes(commitmentTo(peer, nonce), fromHex(commitment))) return `the nonce of ${peer} is not the one that it committed to`
    parties.push({ peer, nonce, resultKeyHash: fromHex(resultKeyHash) })
  }
  const strangers = [...of(records, 'acceptance'), ...of(records, 'nonce')].find(
    ({ peer }) => !descriptor.roster.some(entry => entry.peer === peer)
  )
  if (strangers !== undefined) return `${strangers.peer} is not in the roster`
  return { sessionId: sessionIdOf(proposal, parties), descriptor }
}

/** Commitments, shares that open them, confirmations. */
async function signedShares(
  records: readonly EvidenceRecord[],
  { sessionId, descriptor }: Opened,
  verify: VerifySignature,
  findings: Finding[]
): Promise<Pick<SessionFacts, 'revealed' | 'confirmations'>> {
  const { roster } = descriptor
  const revealed = new Map<CommittedProtocol, Map<string, RecordOf<'revealed'>>>()
  for (const protocol of ['public key', 'relinearization'] as const) {
    const step = protocol === 'public key' ? 'public-key' : 'evaluation-keys'
    const signed = async (record: RecordOf<'commitment' | 'revealed'>, made: Uint8Array, what: string): Promise<boolean> => {
      const holder = hasRole(roster, record.peer, 'key-holder')
      const fine = holder && (await verify(record.peer, made, fromHex(record.signature)))
      if (!fine) findings.push({ step, holds: 'no', text: `${what} of ${record.peer} is not signed by a key holder` })
      return fine
    }
    const commitments = new Map<string, RecordOf<'commitment'>>()
    for (const record of of(records, 'commitment').filter(entry => entry.protocol === protocol)) {
      const made = commitmentDigest(protocol, sessionId, record.peer, fromHex(record.commitment))
      if (await signed(record, made, `the commitment (${protocol})`))
        once(commitments, record.peer, record, step, `commitment ${protocol}`, findings)
    }
    const shares = new Map<string, RecordOf<'revealed'>>()
    for (const record of of(records, 'revealed').filter(entry => entry.protocol === protocol)) {
      const [share, salt] = [fromHex(record.share), fromHex(record.salt)]
      if (!(await signed(record, shareDigest(protocol, sessionId, record.peer, share, salt), `the share (${protocol})`))) continue
      once(shares, record.peer, record, step, `share ${protocol}`, findings)
      const commitment = commitments.get(record.peer)
      if (commitment === undefined) {
        findings.push({ step, holds: 'unknown', text: `no commitment of ${record.peer} to its share (${protocol}) was kept` })
      } else if (!equalBytes(shareCommitment(protocol, sessionId, record.peer, share, salt), fromHex(commitment.commitment))) {
        const accusation = { party: record.peer, offence: 'commitment', about: protocol } as const
        findings.push({
          step,
          holds: 'no',
          text: `${record.peer} has signed a share (${protocol}) that is not what it committed to`,
          accusation
        })
      }
    }
    revealed.set(protocol, shares)
    if (commitments.size > 0) tell(findings, step, `${commitments.size} commitments (${protocol}), ${shares.size} shares that open theirs`)
  }
  const confirmations = new Map<string, RecordOf<'confirmation'>>()
  for (const record of of(records, 'confirmation')) {
    const member = roster.some(({ peer }) => peer === record.peer)
    if (
      !member ||
      !(await verify(record.peer, confirmationDigest(sessionId, record.peer, fromHex(record.hash)), fromHex(record.signature)))
    ) {
      findings.push({ step: 'public-key', holds: 'no', text: `the confirmation of ${record.peer} is not signed by a party` })
    } else once(confirmations, record.peer, record, 'public-key', 'confirmation', findings)
  }
  const different = new Set([...confirmations.values()].map(record => record.hash)).size
  if (different > 1)
    findings.push({ step: 'public-key', holds: 'no', text: `${different} different public keys were confirmed`, disputed: true })
  else if (confirmations.size > 0) tell(findings, 'public-key', `${confirmations.size} parties confirmed the same key`)
  return { revealed, confirmations }
}

async function signedStatements(
  records: readonly EvidenceRecord[],
  { sessionId, descriptor }: Opened,
  verify: VerifySignature,
  findings: Finding[]
): Promise<SignedStatement[]> {
  const known = new Map<string, RecordOf<'statement'>>()
  for (const record of of(records, 'statement')) {
    const { signer, statement, signature } = record
    const { step, roles } = SIGNERS[statement.kind]
    const subject = subjectOf(statement)
    if (!(await verify(signer, statementDigest(sessionId, signer, statement), fromHex(signature)))) {
      findings.push({ step, holds: 'no', text: `${subject} is not signed by ${signer}` })
    } else if (!roles.some(role => hasRole(descriptor.roster, signer, role as Role))) {
      findings.push({ step, holds: 'no', text: `${subject} is signed by ${signer}, which has no such role` })
    } else once(known, `${signer} ${subject}`, record, step, subject, findings)
  }
  return [...known.values()].map(({ signer, statement, signature }) => ({ signer, statement, signature: fromHex(signature) }))
}

/** What a party may sign once. */
export function subjectOf(statement: Statement): string {
  if (statement.kind === 'key-share') return `key-share ${statement.protocol} ${statement.instance}`
  if (statement.kind === 'model') return 'model'
  if (statement.kind === 'query' || statement.kind === 'result') return `${statement.kind} ${statement.query}`
  return `${statement.kind} ${statement.assist} ${statement.instance}`
}

/** Remembers what a party has signed; another of the same subject is its own contradiction. */
function once<R extends EvidenceRecord & { signature: string }>(
  known: Map<string, R>,
  key: string,
  record: R,
  step: AuditStep,
  about: string,
  findings: Finding[]
): void {
  const before = known.get(key)
  if (before === undefined) {
    known.set(key, record)
    return
  }
  if (contentOf(before) === contentOf(record)) return
  const party = 'signer' in record ? (record.signer as string) : (record as { peer: string }).peer
  const accusation = { party, offence: 'equivocation', about } as const
  findings.push({ step, holds: 'no', text: `${party} has signed two different statements: ${about}`, accusation })
}

function contentOf(record: EvidenceRecord): string {
  return JSON.stringify({ ...record, signature: '' })
}

/** @param query empty for the model */
export function proofKey(query: string, batch: number): string {
  return `${batch} ${query}`
}

function componentLists(records: readonly EvidenceRecord[], findings: Finding[]): Map<string, readonly string[]> {
  const lists = new Map<string, readonly string[]>()
  for (const { hash: whole, hashes } of of(records, 'components')) {
    if (toHex(componentsHash(hashes.map(fromHex))) === whole) lists.set(whole, hashes)
    else findings.push({ step: 'records', holds: 'no', text: `the list of hashes ${whole.slice(0, 16)} does not have this hash` })
  }
  return lists
}

function tell(findings: Finding[], step: AuditStep, text: string): void {
  if (!findings.some(finding => finding.step === step && finding.holds === 'no')) findings.push({ step, holds: 'yes', text })
}

function of<K extends EvidenceRecord['record']>(records: readonly EvidenceRecord[], kind: K): RecordOf<K>[] {
  return records.filter((record): record is RecordOf<K> => record.record === kind)
}

/** Several parties have kept the same. */
function distinct(records: readonly EvidenceRecord[]): EvidenceRecord[] {
  return [...new Map(records.map(record => [JSON.stringify(record), record])).values()]
}
