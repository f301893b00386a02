/** What the page shows, from what the party tells: no markup, no browser. */
import { type DashboardStatus, type GrantStatus, STATUS_VERSION } from '../status.js'
import { type EventView, eventViews } from './events.js'
import { formatBytes, formatCount, formatDate, formatSeconds, formatTime, shorten } from './format.js'
import { type BudgetView, type EpochView, epochView } from './keys.js'
import { isUnderWay } from './phases.js'
import { type Fact, type QueryView, queryView } from './queries.js'

export interface PeerView {
  readonly name: string
  readonly roles: string
  readonly state: string
  readonly software: string
  readonly clock: string
  readonly sent: string
  readonly received: string
}

export interface RowView {
  readonly key: string
  readonly cells: readonly string[]
}

export interface View {
  readonly title: string
  readonly roles: string
  readonly updated: string
  readonly ready: boolean
  readonly missing: DashboardStatus['missing']
  readonly facts: readonly Fact[]
  /** Of the queue: bytes and queries; states. */
  readonly queue?: { readonly states: readonly Fact[]; readonly budgets: readonly BudgetView[] }
  readonly queries: readonly QueryView[]
  /** Whether something may change within a second. */
  readonly busy: boolean
  /** For who hears the page: where the last query is. */
  readonly news: string
  readonly epochs: readonly EpochView[]
  readonly peers: readonly PeerView[]
  readonly models: readonly RowView[]
  readonly grants: readonly RowView[]
  readonly events: readonly EventView[]
  readonly errors: readonly EventView[]
}

/** @throws Error for a status of another version than this page's */
export function viewOf(status: DashboardStatus): View {
  if (status?.version !== STATUS_VERSION) throw new Error('the party was upgraded: load this page again')
  const { party, peers, queue, time } = status
  const queries = status.queries.map(query => queryView(query, time))
  const newest = queries[0]
  return {
    title: party.name,
    roles: party.roles.join(', '),
    updated: formatTime(time),
    ready: status.missing.length === 0,
    missing: status.missing,
    facts: [
      { label: 'version', value: party.software },
      { label: 'up for', value: formatSeconds((time - party.started) / 1000) },
      { label: 'memory', value: formatBytes(party.memoryBytes) },
      ...(party.diskFreeBytes === undefined ? [] : [{ label: 'disk free', value: formatBytes(party.diskFreeBytes) }]),
      { label: 'sent', value: formatBytes(party.bytesSent) },
      { label: 'received', value: formatBytes(party.bytesReceived) },
      ...(party.restarts === 0 ? [] : [{ label: 'cryptography restarted', value: `${party.restarts}×` }])
    ],
    ...(queue === undefined ? {} : { queue: queueView(queue) }),
    queries,
    busy: status.queries.some(isUnderWay),
    news: newest === undefined ? '' : `Query ${newest.name}: ${newest.state}`,
    epochs: status.epochs.map(epoch => epochView(epoch, time)),
    peers: peers.map(peerView),
    models: status.models.map(({ release, name, revision, owner, created, state }) => ({
      key: release,
      cells: [name, shorten(revision), owner, formatDate(created), state]
    })),
    grants: status.grants.map(grantRow),
    events: eventViews(status.events),
    errors: status.errors.map(({ time: at, code, message }, index) => ({
      key: `${index} ${at}`,
      time: formatTime(at),
      title: code,
      details: message,
      tone: 'bad'
    }))
  }
}

function queueView({ states, bytes, limitBytes, limitQueries }: NonNullable<DashboardStatus['queue']>): NonNullable<View['queue']> {
  const count = Object.values(states).reduce((sum, one) => sum + one, 0)
  return {
    states: Object.entries(states).map(([state, value]) => ({ label: state, value: formatCount(value) })),
    budgets: [
      { label: 'queries', used: count, limit: limitQueries, text: `${formatCount(count)} of ${formatCount(limitQueries)}` },
      { label: 'disk', used: bytes, limit: limitBytes, text: `${formatBytes(bytes)} of ${formatBytes(limitBytes)}` }
    ]
  }
}

function peerView({
  name,
  roles,
  state,
  software,
  clockOffsetSeconds,
  bytesSent,
  bytesReceived
}: DashboardStatus['peers'][number]): PeerView {
  const offset = clockOffsetSeconds ?? 0
  return {
    name,
    roles: roles.join(', '),
    state,
    software: software ?? '–',
    clock: clockOffsetSeconds === undefined ? '–' : `${offset < 0 ? '−' : '+'}${formatSeconds(Math.abs(offset))}`,
    sent: formatBytes(bytesSent),
    received: formatBytes(bytesReceived)
  }
}

function grantRow({ grant, issuer, querier, models, queries, decryptions, expires, state }: GrantStatus): RowView {
  const budget = ({ used, limit }: GrantStatus['queries']): string =>
    used === undefined ? formatCount(limit) : `${formatCount(used)} of ${formatCount(limit)}`
  const cells = [querier, issuer, models.map(shorten).join(', '), budget(queries), budget(decryptions), formatDate(expires), state]
  return { key: grant, cells }
}
