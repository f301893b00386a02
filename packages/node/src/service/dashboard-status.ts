/** What the dashboard of this party is told (packages/dashboard/src/status.ts): documents, presence and counts as `status` has them, and the history of queries. */
import { type DashboardStatus, type QueryHistory, STATUS_VERSION } from '@slytherin/dashboard'
import type { ServiceNode } from '@slytherin/protocol/service'
import type { EpochReport, GrantReport } from '../control/reports.js'
import type { History, SeenQuery } from '../monitoring/history.js'
import { VERSION } from '../version.js'
import type { ServiceContext } from './context.js'
import { figuresOf, missing } from './figures.js'
import { epochsOf, releasesOf } from './lookup.js'
import { epochReport, grantReports, modelReports, presence } from './status-report.js'

/** Of every list: whoever runs a party for years has more documents than a page shows. */
const SHOWN = 100

export async function dashboardStatus(party: ServiceContext, history: History): Promise<DashboardStatus> {
  const figures = await figuresOf(party)
  const { configuration, names, roles, self, started, transport } = party
  const node = party.core.current?.node
  return {
    version: STATUS_VERSION,
    time: Date.now(),
    party: {
      name: configuration.name,
      peer: self,
      roles,
      software: VERSION,
      started,
      bytesSent: transport.bytes.sent(),
      bytesReceived: transport.bytes.received(),
      memoryBytes: process.memoryUsage.rss(),
      ...(figures.diskFreeBytes === undefined ? {} : { diskFreeBytes: figures.diskFreeBytes }),
      restarts: figures.restarts
    },
    missing: missing(party, figures).map(({ message, remedy }) => ({ message, remedy })),
    peers: peersOf(party, node),
    ...(figures.queue === undefined
      ? {}
      : {
          queue: {
            states: figures.queue.states,
            bytes: figures.queue.bytes,
            limitBytes: figures.queue.limitBytes,
            limitQueries: figures.queue.limit
          }
        }),
    ...(node === undefined ? { epochs: [], models: [], grants: [], queries: [] } : await documentsOf(party, node, history)),
    events: history.events(),
    errors: party.errors.list().map(({ time, code, message }) => ({ time, code, message: names.in(message) }))
  }
}

function peersOf(party: ServiceContext, node: ServiceNode | undefined): DashboardStatus['peers'] {
  const { configuration, self, transport } = party
  return configuration.roster
    .filter(({ peerId }) => peerId !== self)
    .map(({ peerId, name, roles }) => {
      const software = node?.membership.softwareOf(peerId)
      const clockOffsetSeconds = transport.clockOffset(peerId)
      return {
        name,
        roles,
        state: presence(party, peerId),
        ...(software === undefined ? {} : { software }),
        ...(clockOffsetSeconds === undefined ? {} : { clockOffsetSeconds }),
        bytesSent: transport.bytes.sent(peerId),
        bytesReceived: transport.bytes.received(peerId)
      }
    })
}

async function documentsOf(
  party: ServiceContext,
  node: ServiceNode,
  history: History
): Promise<Pick<DashboardStatus, 'epochs' | 'models' | 'grants' | 'queries'>> {
  const [epochs, models, grants, queries] = await Promise.all([
    epochsOf(node).then(async known => await Promise.all(known.slice(0, SHOWN).map(async epoch => await epochReport(party, node, epoch)))),
    modelReports(party, node),
    grantReports(party, node),
    queriesOf(party, node, history)
  ])
  return {
    epochs: epochs.map(epochOf),
    models: models
      .slice(0, SHOWN)
      .map(({ release, name, revision, owner, created, state }) => ({ release, name, revision, owner: owner.name, created, state })),
    grants: grants.slice(0, SHOWN).map(grantOf),
    queries
  }
}

function epochOf({ holders, witnesses, ...epoch }: EpochReport): DashboardStatus['epochs'][number] {
  return {
    ...epoch,
    holders: holders.map(({ name, state }) => ({ name, state })),
    witnesses: witnesses.map(({ name, state }) => ({ name, state }))
  }
}

function grantOf({ grant, issuer, querier, models, queries, decryptions, expires, state }: GrantReport): DashboardStatus['grants'][number] {
  return { grant, issuer: issuer.name, querier: querier.name, models, queries, decryptions, expires, state }
}

/** What was seen of queries by this process, and before those what waits from before it was started: nobody else is asked. */
async function queriesOf(party: ServiceContext, node: ServiceNode, history: History): Promise<QueryHistory[]> {
  const seen = history.queries()
  const queue = node.queries?.report()
  const waiting = [...(queue?.waiting ?? []), ...(queue?.results ?? [])].map(({ query, querier, release, samples, state }) =>
    unseen({ query, querier, release, samples }, state)
  )
  const asked = (await node.client.pending()).map(({ query, release, samples }) =>
    unseen({ query, querier: party.self, release, samples }, 'sent')
  )
  const known = new Set(seen.map(({ query }) => query))
  const all = [...[...waiting, ...asked].filter(({ query }) => !known.has(query)).slice(0, SHOWN), ...seen]
  const models = new Map((await releasesOf(node)).map(({ release, document }) => [release, document.name]))
  return all.map(({ release, querier, progress, ...query }) => ({
    ...query,
    ...(progress === undefined ? {} : { progress: { ...progress, step: party.names.in(progress.step) } }),
    ...(release === undefined ? {} : { model: models.get(release) ?? release.slice(0, 12) }),
    ...(querier === undefined ? {} : { querier: party.names.of(querier) ?? querier })
  }))
}

/** When it came to its state nobody remembers. */
const unseen = (about: Pick<SeenQuery, 'query' | 'querier' | 'release' | 'samples'>, state: string): SeenQuery => ({
  ...about,
  states: [{ state, time: 0 }],
  phases: {},
  steps: [],
  retries: 0,
  shares: {},
  endorsements: 0
})
