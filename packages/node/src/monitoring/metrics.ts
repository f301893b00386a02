/**
 * Figures of a party of a service for Prometheus: counters of what happens, and what is asked of the party whenever they are read. Names of parties and cohorts are
 * labels, identifiers of queries and whatever is in them never are.
 */
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import type { ServiceEvent } from '@slytherin/protocol/service'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { VERSION } from '../version.js'
import type { Figures } from './figures.js'

/** Seconds: from a refresh between machines of one room to a query that waits for a night. */
const PHASE_BUCKETS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 24 * 3600]
const SHARE_BUCKETS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30]
/** States after which a query of the evaluator's is over; `done` is one whose answer waits. */
const OUTCOMES: ReadonlySet<string> = new Set(['done', 'failed', 'cancelled', 'fetched', 'expired'])

export class PartyMetrics {
  readonly registry = new Registry()
  #figures: (() => Promise<Figures>) | undefined

  readonly #counters = counters(this.registry)
  readonly #gauges = gauges(this.registry)

  /** What libp2p counts of connections, streams and dials goes into the same registry, with memory and event loop of the process. */
  get libp2p(): ReturnType<typeof prometheusMetrics> {
    return prometheusMetrics({ registry: this.registry, preserveExistingMetrics: true })
  }

  /** Asked whenever the metrics are read. */
  watch(figures: () => Promise<Figures>): void {
    this.#figures = figures
  }

  event(event: ServiceEvent): void {
    const { queries, asked, phases, retries, shares, ciphertexts, shareSeconds, endorsements } = this.#counters
    switch (event.event) {
      case 'query':
        if (OUTCOMES.has(event.state)) queries.inc({ outcome: event.state })
        break
      case 'phase':
        phases.observe({ phase: event.phase }, event.seconds)
        break
      case 'retry':
        retries.inc({ code: event.code })
        break
      case 'shares':
        shares.inc({ protocol: event.protocol })
        ciphertexts.inc({ protocol: event.protocol }, event.ciphertexts)
        shareSeconds.observe({ protocol: event.protocol }, event.seconds)
        break
      case 'sent':
      case 'answered':
      case 'given-up':
        asked.inc({ outcome: event.event })
        break
      case 'admitted':
        this.#counters.admitted.inc()
        break
      case 'endorsed':
        endorsements.inc({ outcome: event.protocol })
        break
      case 'not-endorsed':
        endorsements.inc({ outcome: 'refused' })
    }
  }

  /** @param code of an error of the protocol, or its name: one of a fixed list */
  fault(code: string): void {
    this.#counters.faults.inc({ code })
  }

  /** Exposition format 0.0.4. */
  async text(): Promise<string> {
    const figures = await this.#figures?.()
    if (figures !== undefined) this.#set(figures)
    return await this.registry.metrics()
  }

  get contentType(): string {
    return this.registry.contentType
  }

  #set({ queue, epochs, peers, restarts, ready, started, diskFreeBytes, models }: Figures): void {
    const gauges = this.#gauges
    gauges.information.set({ version: VERSION }, 1)
    gauges.started.set(started / 1000)
    gauges.ready.set(ready ? 1 : 0)
    gauges.restarts.reset()
    gauges.restarts.inc(restarts)
    if (diskFreeBytes !== undefined) gauges.diskFree.set(diskFreeBytes)
    gauges.models.set(models)
    if (queue !== undefined) {
      for (const [state, count] of Object.entries(queue.states)) gauges.queue.set({ state }, count)
      gauges.queueBytes.set(queue.bytes)
      gauges.queueLimit.set(queue.limit)
      gauges.queueLimitBytes.set(queue.limitBytes)
    }
    const { peerUp, peersUp, peerBytes, clockOffset } = gauges
    for (const gauge of [peerUp, clockOffset, peerBytes]) gauge.reset()
    peersUp.set(peers.filter(({ up }) => up === true).length)
    for (const { name, up, sent, received, clockOffsetSeconds } of peers) {
      if (up !== undefined) peerUp.set({ peer: name }, up ? 1 : 0)
      peerBytes.inc({ peer: name, direction: 'sent' }, sent)
      peerBytes.inc({ peer: name, direction: 'received' }, received)
      if (clockOffsetSeconds !== undefined) clockOffset.set({ peer: name }, clockOffsetSeconds)
    }
    const { expires, threshold, holders, holdersUp, decryptionsUsed, decryptionsLeft, refreshesUsed, refreshesLeft } = gauges
    for (const gauge of [expires, threshold, holders, holdersUp, decryptionsUsed, decryptionsLeft, refreshesUsed, refreshesLeft])
      gauge.reset()
    for (const epoch of epochs) {
      const labels = { cohort: epoch.cohort, epoch: epoch.epoch.slice(0, 12) }
      expires.set(labels, epoch.expires / 1000)
      threshold.set(labels, epoch.threshold)
      holders.set(labels, epoch.holders)
      if (epoch.holdersUp !== undefined) holdersUp.set(labels, epoch.holdersUp)
      if (epoch.decryptions !== undefined) {
        decryptionsUsed.set(labels, epoch.decryptions.used)
        decryptionsLeft.set(labels, epoch.decryptions.limit - epoch.decryptions.used)
      }
      if (epoch.refreshes !== undefined) {
        refreshesUsed.set(labels, epoch.refreshes.used)
        refreshesLeft.set(labels, epoch.refreshes.limit - epoch.refreshes.used)
      }
    }
  }
}

function counters(registry: Registry) {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]): Counter<L> =>
    new Counter({ name, help, labelNames, registers })
  return {
    queries: counter('slytherin_queries_total', 'Queries by outcome; done: the answer waits, fetched: it was delivered.', ['outcome']),
    asked: counter('slytherin_asked_queries_total', 'Queries that this party has sent, was answered, or has given up.', ['outcome']),
    admitted: counter('slytherin_admitted_queries_total', 'Queries that this key holder was told of, and helps with.', []),
    retries: counter('slytherin_query_retries_total', 'Queries that failed in what may pass and were begun again, by kind of failure.', [
      'code'
    ]),
    shares: counter('slytherin_shares_total', 'Requests for shares that this key holder has answered, repeated ones included.', [
      'protocol'
    ]),
    ciphertexts: counter('slytherin_share_ciphertexts_total', 'Ciphertexts in these requests.', ['protocol']),
    endorsements: counter(
      'slytherin_endorsements_total',
      'Endorsements that this witness has given, by kind; refused: queries that it does not follow.',
      ['outcome']
    ),
    faults: counter('slytherin_faults_total', 'What went wrong that nobody waited for, by kind.', ['code']),
    phases: new Histogram({
      name: 'slytherin_query_phase_seconds',
      help: 'Seconds of queries by phase; evaluation is all of it, refresh, switch, witnesses and absence included.',
      labelNames: ['phase'] as const,
      buckets: PHASE_BUCKETS,
      registers
    }),
    shareSeconds: new Histogram({
      name: 'slytherin_share_seconds',
      help: 'Seconds from a request for shares to its answer, at this key holder.',
      labelNames: ['protocol'] as const,
      buckets: SHARE_BUCKETS,
      registers
    })
  }
}

function gauges(registry: Registry) {
  const registers = [registry]
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers })
  const ofEpoch = (name: string, help: string): Gauge<'cohort' | 'epoch'> => gauge(name, help, ['cohort', 'epoch'])
  return {
    information: gauge('slytherin_information', 'Always 1; the release of the software.', ['version']),
    started: gauge('slytherin_start_time_seconds', 'When this process was started, seconds since 1970.'),
    ready: gauge('slytherin_ready', 'Whether /health/ready says so.'),
    diskFree: gauge('slytherin_disk_free_bytes', 'What this party may still write where its state is.'),
    models: gauge('slytherin_models', 'Models in service that are known here.'),
    restarts: new Counter({
      name: 'slytherin_cryptography_restarts_total',
      help: 'How often the thread of cryptography had to be started again.',
      registers
    }),
    queue: gauge('slytherin_queue_queries', 'Queries at the evaluator by state; done: their answers wait.', ['state']),
    queueBytes: gauge('slytherin_queue_bytes', 'Bytes of their inputs and answers on the disk of the evaluator.'),
    queueLimit: gauge('slytherin_queue_limit_queries', 'As many are taken.'),
    queueLimitBytes: gauge('slytherin_queue_limit_bytes', 'So many bytes are taken.'),
    peerUp: gauge('slytherin_peer_up', 'Whether a party of the roster that this one speaks with is connected.', ['peer']),
    peersUp: gauge('slytherin_peers_up', 'How many of them are.'),
    peerBytes: new Counter({
      name: 'slytherin_peer_bytes_total',
      help: 'Bytes of frames by party and direction, since this process was started.',
      labelNames: ['peer', 'direction'] as const,
      registers
    }),
    clockOffset: gauge(
      'slytherin_peer_clock_offset_seconds',
      'By how much the clock of a party was ahead of the one here, when it connected.',
      ['peer']
    ),
    expires: ofEpoch('slytherin_epoch_expires_timestamp_seconds', 'When keys end, seconds since 1970.'),
    threshold: ofEpoch('slytherin_epoch_threshold', 'Key holders that are needed.'),
    holders: ofEpoch('slytherin_epoch_holders', 'Key holders that there are.'),
    holdersUp: ofEpoch('slytherin_epoch_holders_up', 'Key holders that are connected, as the evaluator sees it.'),
    decryptionsUsed: ofEpoch('slytherin_epoch_decryptions_used', 'Ciphertexts that this key holder has helped to decrypt.'),
    decryptionsLeft: ofEpoch('slytherin_epoch_decryptions_left', 'Ciphertexts that it may still help to decrypt.'),
    refreshesUsed: ofEpoch('slytherin_epoch_refreshes_used', 'Ciphertexts that this key holder has helped to refresh.'),
    refreshesLeft: ofEpoch('slytherin_epoch_refreshes_left', 'Ciphertexts that it may still help to refresh.')
  }
}
