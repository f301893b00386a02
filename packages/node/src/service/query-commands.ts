/** Commands about queries that were asked: followed, fetched, cancelled. What was answered is kept, sealed, until it was shown. */
import type { Plan } from '@slytherin/protocol'
import type { QueryEvent, QueryStatus, ServiceNode } from '@slytherin/protocol/service'
import type { CommandContext, CommandHandlers } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import type { AnswerReport, QueryReport } from '../control/reports.js'
import { resultOf } from '../party/reports.js'
import type { ServiceContext } from './context.js'
import { onlyOne, releasesOf } from './lookup.js'

/** Kind of record: a query whose answer was fetched, and is kept here, sealed, until it is shown again. */
const ANSWERED = 'answered'
const answerName = (query: string): string => `answer-${query}`
/** How often answers whose time is over are looked for, milliseconds. */
const SWEEP = 3_600_000
/** When they were, by party. */
const swept = new WeakMap<ServiceContext, number>()
/** How long an evaluator may take to say how a query is. */
const STATUS_PATIENCE = 3_000

interface Answered {
  readonly model: string
  readonly samples: number
  readonly expires: number
}

export function queryCommands(party: ServiceContext): Pick<CommandHandlers, 'query.status' | 'query.cancel' | 'query.fetch'> {
  return {
    'query.status': async ({ query }) => {
      const { node } = await party.core.get()
      const all = [...(await openQueries(party, node)), ...(await answeredQueries(party))]
      return query === undefined ? all : [onlyOne(all, query, one => one.query, 'query', 'slytherin query status')]
    },
    'query.cancel': async ({ query: beginning }, { signal }) => {
      const { node } = await party.core.get()
      const pending = await node.client.pending()
      const { query, release, samples, expires } = onlyOne(pending, beginning, one => one.query, 'query', 'slytherin query status')
      const status = await node.client.cancel(query, { signal })
      return { ...(await own(party, node, { query, release, samples, expires })), ...stateOf(status) }
    },
    'query.fetch': async ({ query: beginning }, context) => {
      const { node } = await party.core.get()
      // One that was killed with its answer kept, and before the evaluator was told, has it in both.
      const known = new Set([...(await node.client.pending()), ...(await kept(party))].map(({ query }) => query))
      const query = onlyOne([...known], beginning, one => one, 'query', 'slytherin query status')
      return await answered(party, query, context)
    }
  }
}

/** Queries that this party asked and whose answers it has not fetched, and at the evaluator everybody's. */
export async function openQueries(party: ServiceContext, node: ServiceNode): Promise<QueryReport[]> {
  const models = new Map((await releasesOf(node)).map(({ release, document }) => [release, document.name]))
  const named = (peer: string): QueryReport['querier'] => ({ peer, name: party.names.of(peer) ?? peer })
  const queue = node.queries?.report()
  const served: QueryReport[] = [...(queue?.waiting ?? []), ...(queue?.results ?? [])].map(
    ({ query, querier, release, samples, state, expires }, position) => ({
      query,
      model: models.get(release) ?? release.slice(0, 12),
      querier: named(querier),
      samples,
      state,
      expires,
      ...(state === 'queued' || state === 'running' ? { position } : {})
    })
  )
  const { records } = party.database
  const own: QueryReport[] = []
  for (const { query } of await node.client.pending()) {
    // One that was killed with its answer kept, and before the evaluator was told, has it in both.
    if ((await records.get(ANSWERED, query)) === undefined) own.push(await reportOf(party, node, query))
  }
  return [...own, ...served.filter(({ query }) => !own.some(one => one.query === query))]
}

/** Queries of this party's whose answers are kept here. */
async function answeredQueries(party: ServiceContext): Promise<QueryReport[]> {
  const querier = { peer: party.self, name: party.configuration.name }
  return (await kept(party)).map(({ query, model, samples, expires }) => ({
    query,
    model,
    querier,
    samples,
    state: 'answered, kept here',
    expires
  }))
}

/** How many answers are kept here. */
export async function answersKept(party: ServiceContext): Promise<number> {
  return await party.database.records.count(ANSWERED)
}

export async function reportOf(party: ServiceContext, node: ServiceNode, query: string): Promise<QueryReport> {
  const entry = (await node.client.pending()).find(one => one.query === query)
  if (entry === undefined) throw new CommandRefusedError('not-found', `no query ${query} is open here`, 'See "slytherin query status".')
  const known = await own(party, node, entry)
  try {
    return { ...known, ...stateOf(await node.client.status(query, { signal: AbortSignal.timeout(STATUS_PATIENCE) })) }
  } catch (error) {
    return { ...known, state: 'unknown', reason: party.names.report(error).message }
  }
}

async function own(
  party: ServiceContext,
  node: ServiceNode,
  {
    query,
    release,
    samples,
    expires
  }: { readonly query: string; readonly release: string; readonly samples: number; readonly expires: number }
): Promise<QueryReport> {
  const known = (await releasesOf(node)).find(one => one.release === release)
  const querier = { peer: party.self, name: party.configuration.name }
  return { query, model: known?.document.name ?? release.slice(0, 12), querier, samples, state: 'open', expires }
}

function stateOf({ state, position, secondsLeft, step }: QueryStatus): Pick<QueryReport, 'state' | 'position' | 'secondsLeft' | 'reason'> {
  const waits = state === 'queued' || state === 'running'
  return {
    state,
    ...(waits ? { position } : {}),
    ...(waits && secondsLeft !== null ? { secondsLeft } : {}),
    ...(state === 'failed' ? { reason: step } : {})
  }
}

/** Follows a query to its answer; what was fetched before is shown again. */
export async function answered(
  party: ServiceContext,
  query: string,
  context: CommandContext
): Promise<QueryReport & { readonly answer: AnswerReport }> {
  const { node, cryptography } = await party.core.get()
  const { records } = party.database
  const querier = { peer: party.self, name: party.configuration.name }
  const before = (await records.get(ANSWERED, query)) as Answered | undefined
  if (before !== undefined) {
    const bytes = await cryptography.getSecret(answerName(query))
    if (bytes === undefined) throw new CommandRefusedError('not-found', `the answer of ${query} is not kept any more`, 'Ask again.')
    const answer = JSON.parse(new TextDecoder().decode(bytes)) as AnswerReport
    bytes.fill(0)
    await acknowledged(party, query, context)
    return { query, querier, ...before, state: 'answered', answer }
  }
  const entry = (await node.client.pending()).find(one => one.query === query)
  if (entry === undefined) throw new CommandRefusedError('not-found', `no query ${query} is open here`, 'See "slytherin query status".')
  if (Date.now() - (swept.get(party) ?? 0) > SWEEP) await kept(party)
  const { samples, expires } = entry
  const known = (await releasesOf(node)).find(one => one.release === entry.release)!
  const { document } = known
  const plan = party.plans.of(known)
  let answer: AnswerReport | undefined
  await node.client.answer(query, {
    signal: context.signal,
    onEvent: event => tell(event, context),
    onAnswer: async (_query, logits) => {
      answer = answerOf(logits, plan)
      const bytes = new TextEncoder().encode(JSON.stringify(answer))
      await cryptography.putSecret(answerName(query), bytes)
      bytes.fill(0)
      await records.put(ANSWERED, query, { model: document.name, samples, expires } satisfies Answered)
    }
  })
  return { query, querier, model: document.name, samples, expires, state: 'answered', answer: answer! }
}

/** Of an answer that is kept: where this party was killed before it told the evaluator, it is told now, and when it is not there the next time. */
async function acknowledged(party: ServiceContext, query: string, { signal }: CommandContext): Promise<void> {
  const { node } = await party.core.get()
  if (!(await node.client.pending()).some(one => one.query === query)) return
  const soon = AbortSignal.any([signal, AbortSignal.timeout(STATUS_PATIENCE)])
  await node.client.acknowledge(query, { signal: soon }).catch((error: unknown) => party.errors.add(party.names.report(error)))
}

export function answerOf(logits: readonly Float64Array[], plan: Plan): AnswerReport {
  const { task, predictions, logits: rows, values, nearTies, parts } = resultOf(logits, plan)
  return { task, predictions, logits: rows, values, nearTies, ...(parts === undefined ? {} : { parts }) }
}

/** What is kept of answers; those whose time is over are erased. */
async function kept(party: ServiceContext): Promise<(Answered & { readonly query: string })[]> {
  const { records } = party.database
  swept.set(party, Date.now())
  const all: (Answered & { readonly query: string })[] = []
  for (const { key: query, value } of await records.list(ANSWERED)) {
    const answer = value as Answered
    if (answer.expires > Date.now()) all.push({ query, ...answer })
    else {
      await (await party.core.get()).cryptography.eraseSecret(answerName(query))
      await records.delete(ANSWERED, query)
    }
  }
  return all
}

export function tell(event: QueryEvent, { progress }: CommandContext): void {
  const { kind } = event
  if (kind === 'inputs') progress({ text: 'encrypted inputs', phase: 'inputs', query: event.query, done: event.done, total: event.total })
  else if (kind === 'absent') progress({ text: `the evaluator is not there: ${event.reason}`, phase: 'absent', query: event.query })
  else {
    const { query, state, position, secondsLeft, done, total, step } = event.status
    const left = secondsLeft === null ? '' : `, about ${secondsLeft.toFixed(0)} s left`
    const text = state === 'queued' ? `waits, ${position} before it${left}` : `${state}${step === '' ? '' : `: ${step}`}${left}`
    progress({ text, phase: state, query, ...(state === 'running' && total > 0 ? { done, total } : {}) })
  }
}
