/** What `status` and the lists show: documents of this party with what is counted and who is there. */
import { GRANT, type Grant, identify, type ServiceNode } from '@slytherin/protocol/service'
import type {
  EpochReport,
  GrantReport,
  HolderReport,
  ModelReport,
  PeerReport,
  StatusReport,
  WitnessingReport,
  WitnessReport
} from '../control/reports.js'
import { VERSION } from '../version.js'
import type { ServiceContext } from './context.js'
import { epochsOf, type KnownEpoch, type KnownRelease, releasesOf } from './lookup.js'
import { answersKept, openQueries } from './query-commands.js'

export async function statusReport(party: ServiceContext): Promise<StatusReport> {
  const { node, cryptography } = await party.core.get()
  const { self, names, configuration, transport } = party
  const [epochs, models, grants, queries, answers, fleet] = await Promise.all([
    epochsOf(node).then(async known => await Promise.all(known.map(async epoch => await epochReport(party, node, epoch)))),
    modelReports(party, node),
    grantReports(party, node),
    openQueries(party, node),
    answersKept(party),
    configuration.fleet !== undefined && node.isEvaluator ? cryptography.fleetStatus() : undefined
  ])
  return {
    party: {
      peer: self,
      name: configuration.name,
      roles: party.roles,
      software: VERSION,
      pid: process.pid,
      started: party.started,
      addresses: transport.addresses,
      bytesSent: transport.bytes.sent(),
      bytesReceived: transport.bytes.received(),
      memoryBytes: process.memoryUsage.rss(),
      crashes: party.core.crashes
    },
    peers: configuration.roster.map(({ peerId, roles }): PeerReport => {
      const software = node.membership.softwareOf(peerId)
      const clockOffsetSeconds = transport.clockOffset(peerId)
      return {
        peer: peerId,
        name: names.of(peerId) ?? peerId,
        roles,
        state: presence(party, peerId),
        ...(software === undefined ? {} : { software }),
        ...(clockOffsetSeconds === undefined ? {} : { clockOffsetSeconds })
      }
    }),
    epochs,
    models,
    grants,
    queries,
    answers,
    ...(node.witness === undefined ? {} : { witnessing: witnessing(node.witness.report()) }),
    ...(fleet === undefined ? {} : { fleet }),
    errors: party.errors.list()
  }
}

export async function epochReport(party: ServiceContext, node: ServiceNode, { epoch, record, sharing }: KnownEpoch): Promise<EpochReport> {
  const { proposal } = record
  const holders = sharing.holders.map(
    ({ peer, point }): HolderReport => ({ peer, name: party.names.of(peer) ?? peer, point, state: presence(party, peer) })
  )
  const witnesses = proposal.witnesses.map(
    (peer): WitnessReport => ({ peer, name: party.names.of(peer) ?? peer, state: presence(party, peer) })
  )
  // Who gives the shares counts them.
  const counts = sharing.holders.some(({ peer }) => peer === party.self)
  const { parameters } = proposal
  return {
    epoch,
    cohort: proposal.cohort,
    state: stateOf(proposal.expires, sharing.threshold, holders, witnesses),
    threshold: sharing.threshold,
    holders,
    witnesses,
    generation: sharing.generation,
    created: proposal.created,
    expires: proposal.expires,
    logN: parameters.logN,
    levels: parameters.primes.length - 1,
    floodingBits: proposal.floodingBits,
    ...(counts ? await node.books.epochUse(epoch, proposal) : {})
  }
}

function witnessing({ endorsements, queries }: WitnessingReport): WitnessingReport {
  return { endorsements, queries: queries.map(({ query, state, step, endorsed }) => ({ query, state, step, endorsed })) }
}

function stateOf(expires: number, threshold: number, holders: readonly HolderReport[], witnesses: readonly WitnessReport[]): string {
  if (expires < Date.now()) return 'over'
  if (holders.some(({ state }) => state === 'unknown')) return 'in force'
  const there = holders.filter(({ state }) => state !== 'down').length
  if (there >= threshold && witnesses.length > 0 && witnesses.every(({ state }) => state === 'down')) return 'no witness is up'
  return there >= threshold ? 'ready' : `${threshold - there} holder${threshold - there === 1 ? '' : 's'} too few`
}

export async function modelReports(party: ServiceContext, node: ServiceNode): Promise<ModelReport[]> {
  return (await releasesOf(node)).map(known => modelReport(party, node, known))
}

export function modelReport(party: ServiceContext, node: ServiceNode, { release, document, withdrawn }: KnownRelease): ModelReport {
  const { epoch, name, revision, owner, created } = document
  const served = (node.releases ?? node.witness?.releases)?.list().find(one => one.release === release)
  const reason = served === undefined || served.reason === '' ? '' : `: ${served.reason}`
  const state = withdrawn ? 'withdrawn' : served === undefined ? 'published' : `${served.state}${reason}`
  return { release, epoch, name, revision, owner: { peer: owner, name: party.names.of(owner) ?? owner }, created, state }
}

export async function grantReports(party: ServiceContext, node: ServiceNode): Promise<GrantReport[]> {
  const grants = (await node.all(GRANT)).map(({ document }) => document).sort((a, b) => b.created - a.created)
  return await Promise.all(grants.map(async grant => await grantReport(party, node, identify(GRANT, grant), grant)))
}

export async function grantReport(party: ServiceContext, node: ServiceNode, identifier: string, grant: Grant): Promise<GrantReport> {
  const { epoch, issuer, querier, models, queries, decryptions, expires } = grant
  const named = (peer: string): GrantReport['issuer'] => ({ peer, name: party.names.of(peer) ?? peer })
  const revoked = await node.books.isRevoked(epoch, identifier)
  // Queries are counted where they are taken and where they are helped with, decryptions where shares are given.
  const gives = party.roles.includes('key-holder')
  const use = await node.books.grantUse(identifier, grant)
  return {
    grant: identifier,
    epoch,
    issuer: named(issuer),
    querier: named(querier),
    models,
    queries: gives || node.isEvaluator ? use.queries : { limit: queries },
    decryptions: gives ? use.decryptions : { limit: decryptions },
    expires,
    state: revoked ? 'revoked' : expires < Date.now() ? 'expired' : 'valid'
  }
}

export function presence(party: ServiceContext, peer: string): PeerReport['state'] {
  if (peer === party.self) return 'this party'
  if (party.transport.connectedPeers.includes(peer)) return 'up'
  // Everybody speaks with the evaluator, and it with everybody; of others this party hears nothing.
  return party.self === party.evaluator || peer === party.evaluator ? 'down' : 'unknown'
}
