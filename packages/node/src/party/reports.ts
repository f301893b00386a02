/** What a party tells of its network, its answers and its sessions: log lines and events. */
import { answerOf, logitDeviation } from '@slytherin/engine'
import type { Plan, Role, SessionSummary } from '@slytherin/protocol'
import type { Logger } from 'pino'
import type { Configuration } from '../configuration/schema.js'
import { type Answers, type DecryptionsLeft, type EventListener, type PartyEvent, peakMemoryBytes, type SessionReport } from '../events.js'
import type { NetworkNotice } from '../network/carrier.js'
import { PeerLeftError } from '../network/errors.js'
import type { Libp2pTransport } from '../network/transport.js'
import type { PeerNames } from './names.js'

/** Seconds since a time, in milliseconds since 1970. */
export const secondsSince = (since: number): number => Math.max(0, Math.round((Date.now() - since) / 100) / 10)

/** Logits read as the model means them, with what its plan says of their errors. */
export function resultOf(logits: readonly Float64Array[], plan: Plan): Answers {
  const { task, parts } = plan.architecture.output
  const deviation = logitDeviation(plan)
  const answers = logits.map(row => answerOf(plan.architecture.output, row, deviation))
  return {
    task: task.kind,
    predictions: answers.map(answer => answer.prediction),
    logits: logits.map(row => Array.from(row)),
    values: answers.map(({ outputs }) => [...outputs]),
    logitDeviation: deviation,
    nearTies: answers.flatMap(({ nearTie }, k) => (nearTie ? [k] : [])),
    ...(task.kind === 'regression' ? { deviations: answers.map(answer => Array.from(answer.deviations!)) } : {}),
    ...(parts === undefined
      ? {}
      : {
          parts: parts.map(({ name, task: own }, index) => {
            const each = answers.map(answer => answer.parts![index]!)
            return {
              name,
              task: own.kind,
              predictions: each.map(({ prediction }) => prediction),
              values: each.map(({ outputs }) => [...outputs]),
              nearTies: each.flatMap(({ nearTie }, k) => (nearTie ? [k] : []))
            }
          })
        })
  }
}

export function tellNotice(
  notice: NetworkNotice,
  names: PeerNames,
  { logger, onEvent }: { readonly logger: Logger; readonly onEvent: EventListener }
): void {
  const log = logger.child({ component: 'network' })
  const { kind, peer } = notice
  const name = names.of(peer) ?? 'unknown'
  switch (kind) {
    case 'up':
      log.info({ peer, encryption: notice.encryption }, `${name} is up`)
      onEvent({ event: 'peer', peer, name, state: 'up' })
      break
    case 'down':
      if (notice.error instanceof PeerLeftError) {
        log.info({ peer, reason: notice.error.goodbye }, `${name} has left`)
        onEvent({ event: 'peer', peer, name, state: 'left', reason: notice.error.goodbye })
        break
      }
      log.warn({ peer, error: notice.error }, `${name} is down`)
      onEvent({
        event: 'peer',
        peer,
        name,
        state: 'down',
        ...(notice.error === undefined ? {} : { reason: names.report(notice.error).message })
      })
      break
    case 'dial-failed':
      log.debug({ peer, error: notice.error }, `cannot reach ${name}`)
      break
    default:
      log.warn({ peer, error: notice.error }, kind)
      onEvent({ event: 'refused', peer, name, error: names.report(notice.error) })
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
    witnesses: summary.witnesses,
    endorsements: summary.endorsements,
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

export function usageEvent({ bytes }: Pick<Libp2pTransport, 'bytes'>, decryptions: readonly DecryptionsLeft[]): PartyEvent {
  return {
    event: 'usage',
    rssBytes: process.memoryUsage.rss(),
    peakMemoryBytes: peakMemoryBytes(),
    bytesSent: bytes.sent(),
    bytesReceived: bytes.received(),
    ...(decryptions.length === 0 ? {} : { decryptions })
  }
}
