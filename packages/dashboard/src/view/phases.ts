/** A query's way through its phases: those that it has come to, with the time that it spent in each, and those to come. */
import type { QueryHistory } from '../status.js'
import { formatSeconds } from './format.js'

export interface PhaseView {
  readonly label: string
  readonly state: 'past' | 'present' | 'to come' | 'failed'
  /** Time spent, or what went wrong. */
  readonly note: string
}

/** What a state is called while it lasts. */
const LABELS: Readonly<Record<string, string>> = {
  open: 'inputs arrive',
  queued: 'in the queue',
  running: 'evaluation',
  done: 'answer waits',
  fetched: 'answer fetched',
  sent: 'sent',
  answered: 'answered',
  admitted: 'admitted',
  endorsed: 'followed and endorsed',
  'not-endorsed': 'not endorsed',
  'given-up': 'given up',
  failed: 'failed',
  cancelled: 'cancelled',
  expired: 'expired'
}

const NEXT: Readonly<Record<string, string>> = { open: 'queued', queued: 'running', running: 'done', done: 'fetched', sent: 'answered' }
const BAD: ReadonlySet<string> = new Set(['failed', 'not-endorsed', 'given-up', 'cancelled', 'expired'])
/** Nothing more happens in these. */
const LAST: ReadonlySet<string> = new Set(['fetched', 'answered', ...BAD])

/** @param now by the party's clock */
export function phasesOf({ states, shares, endorsements }: QueryHistory, now: number): PhaseView[] {
  const phases = states.map(({ state, time, code }, at): PhaseView => {
    const later = states[at + 1]
    const label = LABELS[state] ?? state
    if (BAD.has(state)) return { label, state: 'failed', note: code ?? '' }
    if (LAST.has(state)) return { label, state: 'past', note: '' }
    if (state === 'admitted') return { label, state: 'past', note: '' }
    if (state === 'endorsed') return { label, state: 'past', note: `${endorsements}×` }
    const spent = time === 0 ? '' : formatSeconds(Math.max(0, (later?.time ?? now) - time) / 1000)
    return { label, state: later === undefined ? 'present' : 'past', note: spent }
  })
  if (states.some(({ state }) => state === 'admitted') || shares.refresh !== undefined || shares.switch !== undefined) {
    phases.push(...sharesGiven(shares))
  }
  const last = states.at(-1)?.state ?? ''
  for (let next = NEXT[last]; next !== undefined; next = NEXT[next])
    phases.push({ label: LABELS[next] ?? next, state: 'to come', note: '' })
  return phases
}

function sharesGiven({ refresh, switch: switched }: QueryHistory['shares']): PhaseView[] {
  const note = (given: typeof refresh): string => (given === undefined ? '' : `${given.requests}×, ${formatSeconds(given.seconds)}`)
  const state = (given: typeof refresh, over: boolean): PhaseView['state'] => (over ? 'past' : given === undefined ? 'to come' : 'present')
  return [
    {
      label: 'shares of refreshes',
      state: state(refresh, switched !== undefined),
      note: refresh === undefined && switched !== undefined ? 'none' : note(refresh)
    },
    { label: 'shares of the result', state: state(switched, switched !== undefined), note: note(switched) }
  ]
}

/** The state of a query in a word or two. */
export function stateOf({ states, shares }: QueryHistory): string {
  const last = states.at(-1)?.state
  if (last === 'admitted') return shares.switch !== undefined ? 'helped' : 'helping'
  if (last !== undefined) return LABELS[last] ?? last
  return shares.refresh !== undefined || shares.switch !== undefined ? 'helped' : 'seen'
}

/** Whether something may change soon. */
export function isUnderWay({ states, shares }: QueryHistory): boolean {
  const last = states.at(-1)?.state
  if (last === 'admitted') return shares.switch === undefined
  return last === 'open' || last === 'queued' || last === 'running' || last === 'sent'
}
