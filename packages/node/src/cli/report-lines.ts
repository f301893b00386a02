/** Reports of a party as people read them. */
import { plainText } from '@slytherin/protocol'
import type {
  AnswerReport,
  Budget,
  EpochReport,
  FleetReport,
  GrantReport,
  ModelReport,
  PeerReport,
  QueryReport,
  StatusReport,
  WitnessingReport
} from '../control/reports.js'

/** Rows under a heading, columns as wide as they need; nothing at all where there are no rows. */
function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return ''
  const clean = [heading, ...rows].map(row => row.map(cell => plainText(cell, 200)))
  const widths = heading.map((_, column) => Math.max(...clean.map(row => row[column]!.length)))
  return `${clean
    .map(row =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd()
    )
    .join('\n')}\n`
}

const short = (identifier: string): string => identifier.slice(0, 12)
const date = (time: number): string => new Date(time).toISOString().slice(0, 16).replace('T', ' ')
const budget = (value: Budget | { readonly limit: number } | undefined): string => {
  if (value === undefined) return '-'
  return 'used' in value ? `${value.limit - value.used} of ${value.limit} left` : `${value.limit}`
}

export function describeEpochs(epochs: readonly EpochReport[]): string {
  return table(
    ['epoch', 'cohort', 'state', 'holders', 'witnesses', 'generation', 'ring', 'decryptions', 'refreshes', 'expires'],
    epochs.map(epoch => [
      short(epoch.epoch),
      epoch.cohort,
      epoch.state,
      `${epoch.threshold} of ${epoch.holders.length}: ${epoch.holders.map(({ name, state }) => (state === 'down' ? `${name} (down)` : name)).join(', ')}`,
      epoch.witnesses.map(({ name, state }) => (state === 'down' ? `${name} (down)` : name)).join(', ') || '-',
      String(epoch.generation),
      `2^${epoch.logN}, ${epoch.levels} levels`,
      budget(epoch.decryptions),
      budget(epoch.refreshes),
      date(epoch.expires)
    ])
  )
}

export function describeModels(models: readonly ModelReport[]): string {
  return table(
    ['release', 'model', 'revision', 'owner', 'state', 'since'],
    models.map(({ release, name, revision, owner, state, created }) => [short(release), name, revision, owner.name, state, date(created)])
  )
}

export function describeGrants(grants: readonly GrantReport[]): string {
  return table(
    ['grant', 'querier', 'models', 'queries', 'decryptions', 'expires', 'state'],
    grants.map(grant => [
      short(grant.grant),
      grant.querier.name,
      grant.models.join(', '),
      budget(grant.queries),
      budget(grant.decryptions),
      date(grant.expires),
      grant.state
    ])
  )
}

export function describeQueries(queries: readonly QueryReport[]): string {
  return table(
    ['query', 'model', 'querier', 'samples', 'state', 'position', 'seconds left', 'until'],
    queries.map(({ query, model, querier, samples, state, position, secondsLeft, expires, reason }) => [
      query,
      model,
      querier.name,
      String(samples),
      reason === undefined ? state : `${state}: ${reason}`,
      position === undefined ? '-' : String(position),
      secondsLeft === undefined ? '-' : secondsLeft.toFixed(0),
      date(expires)
    ])
  )
}

function describePeers(peers: readonly PeerReport[]): string {
  return table(
    ['party', 'roles', 'state', 'software', 'peer id'],
    peers.map(({ name, roles, state, software, peer }) => [name, roles.join(', '), state, software ?? '-', peer])
  )
}

function describeWitnessing({ endorsements, queries }: WitnessingReport): string {
  const followed = table(
    ['followed query', 'state', 'endorsed', 'step'],
    queries.map(({ query, state, endorsed, step }) => [query, state, String(endorsed), step])
  )
  return `${endorsements} endorsements given since the start\n${followed}`
}

function describeFleet({ queue, connected, workers, waiting }: FleetReport): string {
  const lines = workers.map(({ worker, host, variant, threads, busy, done }) => {
    return `  ${worker}  ${plainText(host, 256)}, ${threads} thread${threads === 1 ? '' : 's'}, kernel ${variant}, ${done} parts done, ${busy === null ? 'free' : 'busy'}\n`
  })
  const wait = waiting === 0 ? '' : `, ${waiting} part${waiting === 1 ? ' waits' : 's wait'}`
  return `fleet: ${workers.length} worker${workers.length === 1 ? '' : 's'}, ${plainText(queue, 256)} ${connected ? 'connected' : 'cannot be reached'}${wait}\n${lines.join('')}`
}

/** Everything, one part after the other; parts without entries are left out. */
export function describeStatus({
  party,
  peers,
  epochs,
  models,
  grants,
  queries,
  answers,
  witnessing,
  fleet,
  errors
}: StatusReport): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
  const crashes = party.crashes === 0 ? '' : `, cryptography started again ${party.crashes} times`
  const head =
    `${party.name} (${party.roles.join(', ')}), version ${party.software}, process ${party.pid}, since ${date(party.started)}\n` +
    `${megabytes(party.memoryBytes)} of memory, ${megabytes(party.bytesSent)} sent, ${megabytes(party.bytesReceived)} received${crashes}\n`
  const parts = [
    head,
    describePeers(peers),
    describeEpochs(epochs),
    describeModels(models),
    describeGrants(grants),
    describeQueries(queries),
    answers === 0 ? '' : `${answers} answer${answers === 1 ? ' is' : 's are'} kept here: slytherin query status\n`,
    witnessing === undefined ? '' : describeWitnessing(witnessing),
    fleet === undefined ? '' : describeFleet(fleet),
    errors.length === 0 ? '' : `last errors\n${errors.map(({ time, message }) => `  ${date(time)}  ${plainText(message, 400)}\n`).join('')}`
  ]
  return parts.filter(part => part !== '').join('\n')
}

/** A prediction a sample; `?` marks those that the error of the computation could have turned. */
export function describeAnswer({ parts, ...answer }: AnswerReport): string {
  if (parts === undefined) return describeOne(answer)
  return parts.map(part => `${plainText(part.name, 256)}: ${describeOne(part)}`).join('')
}

function describeOne({ task, predictions, nearTies }: Pick<AnswerReport, 'task' | 'predictions' | 'nearTies'>): string {
  const told = predictions.map((prediction, k) => {
    const text = typeof prediction === 'object' ? `{${prediction.join(', ')}}` : String(prediction)
    return nearTies.includes(k) ? `${text}?` : text
  })
  return `${task === 'regression' ? 'values' : 'predictions'}: ${plainText(told.join(' '), 100_000)}\n`
}
