/** A query as a card of the page. */
import type { QueryHistory, TimedPhase } from '../status.js'
import { formatBytes, formatMany, formatSeconds, shorten } from './format.js'
import { type LayerView, layersOf } from './layers.js'
import { isUnderWay, type PhaseView, phasesOf, stateOf } from './phases.js'

export interface QueryView {
  readonly query: string
  readonly name: string
  readonly about: string
  readonly state: string
  readonly tone: 'busy' | 'good' | 'bad'
  readonly phases: readonly PhaseView[]
  readonly progress?: { readonly done: number; readonly total: number; readonly text: string }
  /** Where the time went, and what travelled. */
  readonly facts: readonly Fact[]
  readonly layers: readonly LayerView[]
}

export interface Fact {
  readonly label: string
  readonly value: string
}

const PHASES: Readonly<Record<TimedPhase, string>> = {
  queue: 'in the queue',
  evaluation: 'evaluation in all',
  refresh: 'refreshes by key holders',
  switch: 'switch of the result',
  witnesses: 'waiting for witnesses',
  absence: 'waiting for key holders'
}

export function queryView(query: QueryHistory, now: number): QueryView {
  const phases = phasesOf(query, now)
  const busy = isUnderWay(query)
  const { progress } = query
  const counted = progress !== undefined && progress.total > 0
  const about = [query.querier, query.samples === undefined ? undefined : formatMany(query.samples, 'sample')]
  return {
    query: query.query,
    name: `${query.model ?? 'query'} · ${shorten(query.query)}`,
    about: about.filter(text => text !== undefined).join(', '),
    state: stateOf(query),
    tone: phases.some(({ state }) => state === 'failed') ? 'bad' : busy ? 'busy' : 'good',
    phases,
    ...(progress === undefined || !busy
      ? {}
      : { progress: { ...progress, text: counted ? `${progress.step}: ${progress.done} of ${progress.total}` : progress.step } }),
    facts: factsOf(query),
    layers: layersOf(query.steps)
  }
}

function factsOf({ phases, shares, bytes, retries }: QueryHistory): Fact[] {
  const facts: Fact[] = []
  for (const phase of Object.keys(PHASES) as TimedPhase[]) {
    const timed = phases[phase]
    if (timed === undefined) continue
    const often = timed.count > 1 ? `${formatSeconds(timed.seconds)} in ${timed.count}` : formatSeconds(timed.seconds)
    facts.push({ label: PHASES[phase], value: often })
  }
  for (const [protocol, given] of Object.entries(shares)) {
    const value = `${formatMany(given.ciphertexts, 'ciphertext')} in ${formatMany(given.requests, 'request')}`
    facts.push({ label: protocol === 'switch' ? 'shares of the result' : 'shares of refreshes', value })
  }
  if (bytes !== undefined) {
    facts.push(
      { label: 'sent meanwhile', value: formatBytes(bytes.sent) },
      { label: 'received meanwhile', value: formatBytes(bytes.received) }
    )
  }
  if (retries > 0) facts.push({ label: 'begun again', value: `${retries}×` })
  return facts
}
