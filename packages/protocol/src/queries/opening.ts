/** What a query must be to be opened: asked by whom the session allows it, for a querier, about as many samples as the plan takes. */
import { MalformedMessageError, NotPermittedError } from '../errors/errors.js'
import type { Plan } from '../terms/plan.js'
import { hasRole, type RosterEntry } from '../terms/roster.js'
import { checkText } from '../wire/checks.js'
import type { HandlerContext } from '../wire/connection.js'
import type { Bodies } from '../wire/kinds.js'

interface OpeningTerms {
  /** The evaluator. */
  readonly self: string
  readonly roster: readonly RosterEntry[]
  readonly plan: Plan
}

/** @throws NotPermittedError, MalformedMessageError */
export function checkOpening(body: Bodies['queryOpen'], { self, roster, plan }: OpeningTerms, { peer }: HandlerContext): void {
  const kind = 'queryOpen'
  checkText(body.query, 'query', kind, peer)
  if (!hasRole(roster, body.querier, 'querier')) {
    throw new NotPermittedError({
      peer,
      kind,
      field: 'querier',
      expected: 'a peer with the role querier',
      actual: body.querier.slice(0, 120)
    })
  }
  if (body.querier !== peer && !hasRole(roster, peer, 'data-owner')) {
    throw new NotPermittedError({
      peer,
      kind,
      field: 'sender',
      expected: 'the role data-owner, to ask for another querier',
      actual: 'no such role'
    })
  }
  if (plan.operands.data === 'clear' && peer !== self) {
    throw new NotPermittedError({
      peer,
      kind,
      field: 'sender',
      expected: 'the evaluator itself, for data are clear in this session',
      actual: peer
    })
  }
  if (body.samples < 1 || body.samples > plan.batch) {
    throw new MalformedMessageError({ peer, kind, field: 'samples', expected: `1 to ${plan.batch}`, actual: String(body.samples) })
  }
}
