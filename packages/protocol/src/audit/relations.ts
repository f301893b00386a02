/** What signed statements say of each other: that help was asked for signed queries, as the plan has them, and that endorsements and shares are for what was asked. */
import { canonicalJson } from '../base/canonical.js'
import { fromHex, toHex } from '../base/digest.js'
import { passCount, refreshInstance, switchInstance, switchStep } from '../terms/instances.js'
import {
  type Assisted,
  type Computed,
  componentsHash,
  type EndorsementStatement,
  type QueryStatement,
  type RequestStatement,
  type SharesStatement,
  type Statement
} from '../terms/statements.js'
import type { SessionFacts } from './facts.js'
import type { AuditStep, Finding } from './findings.js'

export interface Signed<S extends Statement> {
  readonly signer: string
  readonly statement: S
}

export function statementsOf<K extends Statement['kind']>(facts: SessionFacts, kind: K): Signed<Extract<Statement, { kind: K }>>[] {
  return facts.statements.filter(({ statement }) => statement.kind === kind) as unknown as Signed<Extract<Statement, { kind: K }>>[]
}

export function checkRelations(facts: SessionFacts): Finding[] {
  const findings: Finding[] = []
  const queries = statementsOf(facts, 'query')
  const requests = statementsOf(facts, 'request')
  const { plan, batch } = facts.descriptor
  let fine = true
  const refuse = (finding: Omit<Finding, 'holds'>): void => {
    fine = false
    findings.push({ holds: 'no', ...finding })
  }
  const lack = (step: AuditStep, text: string): void => {
    fine = false
    findings.push({ step, holds: 'unknown', text })
  }
  const section = (step: AuditStep, text: string, check: () => void): void => {
    fine = true
    check()
    if (fine) findings.push({ step, holds: 'yes', text })
  }

  section('queries', `${queries.length} queries, signed by whoever asked`, () => {
    const ids = new Map<string, string>()
    for (const { signer, statement } of queries) {
      const about = `query ${statement.query}`
      if (ids.has(statement.query)) refuse({ step: 'queries', text: `${about} is signed by ${ids.get(statement.query)} and by ${signer}` })
      ids.set(statement.query, signer)
      if (statement.samples >= 1 && statement.samples <= batch) continue
      refuse({
        step: 'queries',
        text: `${about} is of ${statement.samples} samples, the plan has ${batch}`,
        accusation: { party: signer, offence: 'request', about }
      })
    }
  })

  for (const query of facts.results.keys()) {
    if (!queries.some(({ statement }) => statement.query === query)) {
      findings.push({ step: 'queries', holds: 'no', text: `a result was delivered for query ${query}, which nobody has signed` })
    }
  }

  section('requests', `${requests.length} requests of the evaluator, for signed queries and of the plan`, () => {
    for (const { signer, statement } of requests) {
      const about = `request ${statement.assist} ${statement.instance}`
      const fault = faultOf(statement, queries, plan) ?? otherModel(statement, facts)
      if (fault === undefined) continue
      if (fault === 'unasked') lack('requests', `${about}: nobody's signature for this query was kept`)
      else {
        const { attributable, reason } = fault
        const whose = attributable ? { accusation: { party: signer, offence: 'request', about } as const } : { disputed: true as const }
        refuse({ step: 'requests', text: `${about}: ${reason}`, ...whose })
      }
    }
  })

  const endorsements = statementsOf(facts, 'endorsement')
  const asked = (assisted: Assisted): Signed<RequestStatement> | undefined =>
    requests.find(({ statement }) => statement.assist === assisted.assist && statement.instance === assisted.instance)
  const compare = (step: AuditStep, { signer, statement }: Signed<EndorsementStatement | SharesStatement>): void => {
    const what = `${statement.kind} of ${signer} for ${statement.assist} ${statement.instance}`
    const request = asked(statement)
    if (request === undefined) lack(step, `${what}: no request of the evaluator was kept`)
    else if (tuple(request.statement) !== tuple(statement))
      refuse({ step, text: `${what} is for something else than the evaluator asked`, disputed: true })
  }
  if (endorsements.length > 0) {
    section('endorsements', `${endorsements.length} endorsements, of what the evaluator asked`, () => {
      for (const endorsement of endorsements) compare('endorsements', endorsement)
    })
  }
  const shares = statementsOf(facts, 'shares')
  section('shares', `${shares.length} signatures over shares, for what the evaluator asked`, () => {
    for (const share of shares) compare('shares', share)
  })

  const results = statementsOf(facts, 'result')
  if (results.length > 0) {
    section('results', `${results.length} results signed by the evaluator, of signed queries`, () => {
      for (const { statement } of results) {
        const what = `result ${statement.query}`
        const reason = unasked(statement, queries)
        if (reason === 'unasked') lack('results', `${what}: nobody's signature for this query was kept`)
        else if (reason !== undefined) refuse({ step: 'results', text: `${what}: ${reason}`, disputed: true })
        const model = otherModel(statement, facts)
        const kept = facts.results.get(statement.query)
        if (kept !== undefined && toHex(componentsHash(kept.map(fromHex))) !== statement.result) {
          refuse({ step: 'results', text: `${what}: what is kept as delivered is not what the evaluator has signed`, disputed: true })
        }
        if (model !== undefined) refuse({ step: 'results', text: `${what}: ${model.reason}`, disputed: true })
      }
    })
  }
  return findings
}

/** Whether a query was signed as it is named here. Somebody else may have signed another of this name afterwards: no proof against whoever names it. */
function unasked({ query, querier, inputs }: Computed, queries: readonly Signed<QueryStatement>[]): string | undefined {
  const asked = queries.filter(({ statement }) => statement.query === query)
  if (asked.length === 0) return 'unasked'
  const of = asked.filter(({ statement }) => statement.querier === querier)
  if (of.length === 0) return `it names the querier ${querier}, and no signed query does`
  return of.some(({ statement }) => statement.inputs === inputs) ? undefined : 'it names inputs that no signed query has'
}

/** Whether another model is named than its owner has signed. */
function otherModel({ model }: Computed, facts: SessionFacts): { reason: string; attributable: false } | undefined {
  const signed = statementsOf(facts, 'model')
  if (signed.length === 0 || signed.some(({ statement }) => statement.hash === model)) return undefined
  return { reason: 'it names a model that its owner has not signed', attributable: false }
}

/** What is wrong with a request, and whether signatures alone show it. */
function faultOf(
  statement: RequestStatement,
  queries: readonly Signed<QueryStatement>[],
  plan: SessionFacts['descriptor']['plan']
): { reason: string; attributable: boolean } | 'unasked' | undefined {
  const fault = (reason: string, attributable = true) => ({ reason, attributable })
  const { assist, query, step, instance } = statement
  const reason = unasked(statement, queries)
  if (reason === 'unasked') return reason
  if (reason !== undefined) return fault(reason, false)
  if (assist === 'switch' ? step !== switchStep(plan) : !plan.refreshes.some(refresh => refresh.step === step)) {
    return fault(`step ${step} of the plan is no ${assist}`)
  }
  const names =
    assist === 'switch' ? [switchInstance(query)] : Array.from({ length: passCount(plan) }, (_, pass) => refreshInstance(query, step, pass))
  return names.includes(instance) ? undefined : fault(`the plan has no such instance: ${names.slice(0, 3).join(', ')}`)
}

/** What request, endorsement and shares must be over alike. */
function tuple({ assist, query, querier, inputs, model, step, instance, c1 }: Assisted): string {
  return canonicalJson({ assist, query, querier, inputs, model, step, instance, c1 })
}
