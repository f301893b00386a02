/** What a party tells of its network, its answers and its sessions: log lines and events. */
import type { Role, SessionSummary } from '@slytherin/protocol'
import type { Logger } from 'pino'
import type { Configuration } from '../configuration/schema.js'
import { type EventListener, type PartyEvent, peakMemoryBytes, predictionsOf, reportError, type SessionReport } from '../events.js'
import type { Libp2pTransport, NetworkNotice } from '../network/transport.js'

export function resultOf(logits: readonly Float64Array[]): { predictions: number[]; logits: number[][] } {
  return { predictions: predictionsOf(logits), logits: logits.map(row => Array.from(row)) }
}

export function tellNotice(
  notice: NetworkNotice,
  { roster }: Configuration,
  { logger, onEvent }: { readonly logger: Logger; readonly onEvent: EventListener }
): void {
  const log = logger.child({ component: 'network' })
  const { kind, peer } = notice
  const name = roster.find(entry => entry.peerId === peer)?.name ?? 'unknown'
  switch (kind) {
    case 'up':
      log.info({ peer, encryption: notice.encryption }, `${name} is up`)
      onEvent({ event: 'peer', peer, name, state: 'up' })
      break
    case 'down':
      log.warn({ peer, error: notice.error }, `${name} is down`)
      onEvent({ event: 'peer', peer, name, state: 'down', ...(notice.error === undefined ? {} : { reason: notice.error.message }) })
      break
    case 'dial-failed':
      log.debug({ peer, error: notice.error }, `cannot reach ${name}`)
      break
    default:
      log.warn({ peer, error: notice.error }, kind)
      onEvent({ event: 'refused', peer, error: reportError(notice.error) })
  }
}

/** A session that ended in good order, as this party saw it. @param started when the party started, `performance.now()` */
export function sessionReport(
  summary: SessionSummary,
  party: { readonly configuration: Configuration; readonly roles: readonly Role[]; readonly peer: string; readonly started: number },
  { bytes }: Pick<Libp2pTransport, 'bytes'>
): SessionReport {
  const { configuration, roles, peer: self, started } = party
  const { plan, transcript } = summary
  const peers = configuration.roster.filter(entry => entry.peerId !== self).map(entry => entry.peerId)
  return {
    session: summary.session,
    roles,
    phases: summary.phases,
    queries: summary.queries,
    refreshes: summary.refreshes,
    floodingBits: summary.floodingBits,
    maximumDecryptions: summary.maximumDecryptions,
    switchesPerQuerier: summary.switchesPerQuerier,
    parameters: plan.parameters,
    model: plan.model,
    batch: plan.batch,
    evaluator: configuration.evaluator,
    bytes: {
      sent: bytes.sent(),
      received: bytes.received(),
      peers: Object.fromEntries(peers.map(peer => [peer, { sent: bytes.sent(peer), received: bytes.received(peer) }]))
    },
    peakMemoryBytes: peakMemoryBytes(),
    seconds: (performance.now() - started) / 1000,
    transcriptHead: transcript.head
  }
}

export function usageEvent({ bytes }: Pick<Libp2pTransport, 'bytes'>): PartyEvent {
  return {
    event: 'usage',
    rssBytes: process.memoryUsage.rss(),
    peakMemoryBytes: peakMemoryBytes(),
    bytesSent: bytes.sent(),
    bytesReceived: bytes.received()
  }
}
