/** The audit of a session: what its records establish, and what comes out when it is run again. */
import { digest, toHex } from '../base/digest.js'
import { softwareBuild } from '../terms/build.js'
import { hasRole } from '../terms/roster.js'
import type { QueryStatement } from '../terms/statements.js'
import { establish, type SessionFacts, type VerifySignature } from './facts.js'
import type { Accusation, Finding } from './findings.js'
import { checkRelations, type Signed, statementsOf } from './relations.js'
import { Replay, type ReplayCryptography, type ReplayProgress, unreplayable } from './replay.js'
import type { EvidenceSource } from './source.js'

/** What `audit` is told: how to check signatures, whether to evaluate again, and which queries. */
export interface AuditOptions {
  /** Of the session's signature scheme; false, never a throw, for a signature that does not hold. */
  readonly verify: VerifySignature
  /** What evaluates again; nothing is when not given. The caller disposes it. */
  readonly cryptography?: ((facts: SessionFacts) => Promise<ReplayCryptography>) | undefined
  /** So many of the queries, by chance; all when not given. */
  readonly sample?: number | undefined
  /** What decides which: the same seed, the same queries. */
  readonly seed?: string | undefined
  /** This query only. */
  readonly query?: string | undefined
  /** Told of each finding as it is made, in the order of `AUDIT_STEPS`. */
  readonly onFinding?: ((finding: Finding) => void) | undefined
  /** Told how far the replay has come. */
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined
}

/** What `audit` found of one session; it holds when `clean` says so. */
export interface AuditReport {
  /** Hexadecimal; undefined when the records do not tell. */
  readonly session: string | undefined
  /** In the order of the steps; one for each step and thing looked at, those that hold included. */
  readonly findings: readonly Finding[]
  /** Those of the findings that name a party. */
  readonly accusations: readonly Accusation[]
  /** Queries that were evaluated again, of all that were signed. */
  readonly evaluated: number
  /** Queries that were signed. */
  readonly queries: number
  /** What the signatures establish; undefined when the records do not tell which session this was. */
  readonly facts: SessionFacts | undefined
}

/**
 * Checks what parties have kept of a session: records unbroken, signatures, statements against each other, and, given cryptography, a replay of queries. Never
 * throws for what it finds: that is in the report.
 * @param sources what several parties have kept of one session, or one of them
 */
export async function audit(sources: readonly EvidenceSource[], options: AuditOptions): Promise<AuditReport> {
  const findings: Finding[] = []
  const tell = (...more: readonly Finding[]): void => {
    for (const finding of more) {
      findings.push(finding)
      options.onFinding?.(finding)
    }
  }
  const { facts, findings: established } = await establish(sources, options.verify)
  tell(...established)
  if (facts === undefined) return { session: undefined, findings, accusations: [], evaluated: 0, queries: 0, facts }
  tell(...checkRelations(facts))
  const queries = answered(facts)
  const chosen = choose(queries, options)
  const evaluated = await evaluate(facts, sources, chosen, options, tell)
  return {
    session: toHex(facts.sessionId),
    findings,
    accusations: findings.flatMap(({ accusation }) => (accusation === undefined ? [] : [accusation])),
    evaluated,
    queries: queries.length,
    facts
  }
}

/** @returns how many queries were evaluated to their end, or to where something does not hold */
async function evaluate(
  facts: SessionFacts,
  sources: readonly EvidenceSource[],
  chosen: readonly Signed<QueryStatement>[],
  options: AuditOptions,
  tell: (...findings: readonly Finding[]) => void
): Promise<number> {
  if (options.cryptography === undefined) return 0
  const reason = unreplayable(facts)
  if (reason !== undefined) {
    tell({ step: 'evaluation', holds: 'unknown', text: `cannot be run again: ${reason}` })
    return 0
  }
  if (!sources.some(({ records }) => records.some(record => record.record === 'keeper' && record.blobs))) {
    const who = facts.descriptor.roster.filter(({ peer }) => hasRole(facts.descriptor.roster, peer, 'evaluator')).map(({ peer }) => peer)
    tell({
      step: 'evaluation',
      holds: 'unknown',
      text: `only what was signed is kept here; ${who.join(', ')} and witnesses keep what a replay needs`
    })
    return 0
  }
  const { build } = facts.descriptor
  const sameBuild = build === (await softwareBuild())
  if (!sameBuild) {
    const text = `the session was run by other software (build ${build.slice(0, 16)}): where something else follows here, that may be why`
    tell({ step: 'evaluation', holds: 'unknown', text: `${text}; audit with that release` })
  }
  const replay = new Replay(facts, sources, await options.cryptography(facts), options.onProgress)
  let evaluated = 0
  try {
    const { ready, findings } = await replay.prepare()
    tell(...findings)
    if (!ready) return 0
    for (const query of chosen) {
      const found = await replay.query(query)
      tell(...(sameBuild ? found : found.map(doubted)))
      if (found.every(({ holds }) => holds !== 'unknown') || found.some(({ holds }) => holds === 'no')) evaluated++
    }
  } finally {
    await replay.close()
  }
  return evaluated
}

/** Other software may come to other bytes: nobody is named for that. Bytes that were kept have the same hash for all software. */
function doubted(finding: Finding): Finding {
  if (finding.step !== 'evaluation' || finding.holds !== 'no' || finding.damaged) return finding
  return { step: finding.step, holds: 'unknown', text: `${finding.text}, or the software is another` }
}

/** Queries for which help was asked. */
function answered(facts: SessionFacts): Signed<QueryStatement>[] {
  const helped = new Set(statementsOf(facts, 'request').map(({ statement }) => statement.query))
  return statementsOf(facts, 'query').filter(({ statement }) => helped.has(statement.query))
}

function choose(queries: readonly Signed<QueryStatement>[], { query, sample, seed = '' }: AuditOptions): readonly Signed<QueryStatement>[] {
  if (query !== undefined) return queries.filter(({ statement }) => statement.query === query)
  if (sample === undefined || sample >= queries.length) return queries
  const place = ({ statement }: Signed<QueryStatement>): string => toHex(digest('slytherin audit sample', seed, statement.query))
  return [...queries].sort((a, b) => (place(a) < place(b) ? -1 : 1)).slice(0, sample)
}

/** Whether nothing was found not to hold. */
export function clean({ findings }: AuditReport): boolean {
  return findings.every(({ holds }) => holds !== 'no')
}
