/**
 * A querier of a standing service in a browser, in its worker: connected to the evaluator, told of models and grants, asking. What comes from the evaluator is checked by
 * the same code as at any other party: signatures of documents, hashes of keys, schemas and bounds of replies, ciphertexts before arithmetic.
 */
import { answerOf, logitDeviation } from '@slytherin/engine'
import { PeerTransport, protocolFailures } from '@slytherin/node/portable'
import { type AskableRelease, AskingNode, LocalAsking, type QueryEvent } from '@slytherin/protocol/service'
import type { Kernel } from '@slytherin/ring'
import { ConnectionNews } from '../connection/connection-news.js'
import { PageHost } from '../connection/page-host.js'
import { NoGrantError, UnknownModelError } from '../errors.js'
import type { PageDatabase } from '../storage/page-database.js'
import { PageDocuments, PageRecords, PageSecrets } from '../storage/page-stores.js'
import type { CohortTerms } from './cohort-terms.js'
import { reportOf } from './error-report.js'
import { hexadecimal, type PageIdentity } from './identity.js'
import type { AnswerSummary, AskReport, ErrorReport, ModelSummary, Phase, QuerierEvent } from './messages.js'
import { type Observer, observed } from './observed-cryptography.js'
import { PhaseClock } from './phase-clock.js'

/** A query whose page was closed lives no longer, milliseconds. */
const LIFE = 3_600_000
/** How long the evaluator may take to hear that a query is of no use any more, milliseconds. */
const CANCEL_PATIENCE = 5_000
const EXCERPT_BYTES = 96

export interface LiveQuerierOptions {
  readonly database: PageDatabase
  readonly identity: PageIdentity
  readonly terms: CohortTerms
  /** Stays the caller's. */
  readonly kernel: Kernel
  onEvent(event: QuerierEvent): void
}

export class LiveQuerier {
  readonly #options: LiveQuerierOptions
  readonly #transport: PeerTransport
  readonly #node: AskingNode
  readonly #cryptography: LocalAsking
  /** Of the query that is under way. */
  #observer: Observer | undefined

  private constructor(options: LiveQuerierOptions, transport: PeerTransport, news: ConnectionNews) {
    this.#options = options
    this.#transport = transport
    const { database, identity, terms, kernel } = options
    this.#cryptography = new LocalAsking({ self: identity.peer, kernel })
    this.#node = AskingNode.start({
      transport,
      signer: identity.signer,
      software: terms.software,
      roster: terms.roster,
      cryptography: observed(this.#cryptography, {
        onStep: step => this.#observer?.onStep(step),
        onCiphertext: bytes => this.#observer?.onCiphertext(bytes)
      }),
      stores: { documents: new PageDocuments(database), records: new PageRecords(database), secrets: new PageSecrets(database) },
      onDocument: () => void this.tellModels(),
      onPeer: news.membership,
      onError: error => this.#trouble(error)
    })
  }

  /** Begins to connect, and goes on trying. */
  static async start(options: LiveQuerierOptions): Promise<LiveQuerier> {
    const { identity, terms, onEvent } = options
    const { peer, url } = terms.evaluator
    const news = new ConnectionNews(onEvent)
    const transport = await PeerTransport.over(new PageHost(identity.privateKey), {
      peers: [{ peer, addresses: [url] }],
      name: 'page',
      software: terms.software,
      failures: protocolFailures,
      onNotice: news.notice
    })
    transport.onPeerChange(news.peer)
    const querier = new LiveQuerier(options, transport, news)
    await querier.tellModels()
    return querier
  }

  /** Tells which models there are; of one that may be asked, what its first query needs is made ready meanwhile. */
  async tellModels(): Promise<void> {
    try {
      const askable = await this.#node.askable()
      this.#options.onEvent({ kind: 'models', models: askable.map(one => this.#summaryOf(one)) })
      for (const one of askable) if (one.grants.length > 0) await this.#node.prepare(one)
    } catch (error) {
      this.#trouble(error)
    }
  }

  /** @throws NoGrantError, UnknownModelError; InvalidInputError, naming the row; what evaluator or key holders refuse with; the signal's reason */
  async ask(release: string, rows: readonly Float64Array[], signal: AbortSignal): Promise<AskReport> {
    const askable = (await this.#node.askable()).find(one => one.release === release)
    if (askable === undefined) throw new UnknownModelError(release)
    const [grant] = askable.grants
    if (grant === undefined) throw new NoGrantError(askable.document.name, this.#nameOf(askable.document.owner) ?? askable.document.owner)
    const { client } = this.#node
    const { onEvent } = this.#options
    const { bytes } = this.#transport
    const before = { sent: bytes.sent(), received: bytes.received() }
    const clock = new PhaseClock()
    const ciphertexts: Uint8Array[] = []
    let latest: Extract<QuerierEvent, { kind: 'phase' }> = { kind: 'phase', phase: 'encrypt', done: 0, total: 0, detail: '' }
    const tell = (phase: Phase, done = 0, total = 0, detail = ''): void => {
      latest = { kind: 'phase', phase, done, total, detail }
      onEvent(latest)
    }
    const onQuery = (event: QueryEvent): void => {
      if (event.kind === 'inputs') tell('encrypt', event.done, event.total, latest.detail)
      // It is asked again until it is there, or whoever asks has enough.
      if (event.kind === 'absent')
        tell(latest.phase, latest.done, latest.total, `the evaluator does not answer, asked again: ${event.reason}`)
      if (event.kind !== 'status') return
      const { state, position, done, total, step } = event.status
      if (state === 'queued') clock.enter('queue')
      if (state === 'running') clock.enter('compute')
      if (state === 'queued') tell('queue', 0, 0, position > 0 ? `${position} before this one` : '')
      if (state === 'running') tell('compute', done, total, step)
    }
    this.#observer = {
      onStep: step => tell('encrypt', latest.done, latest.total, step),
      onCiphertext: ciphertext => void ciphertexts.push(ciphertext)
    }
    tell('encrypt', 0, 0, 'asking for room')
    let query: string | undefined
    try {
      query = await client.submit(release, rows, { grant, life: LIFE, onEvent: onQuery, signal })
      const status = await client.follow(query, { onEvent: onQuery, signal })
      clock.enter('read')
      tell('read')
      // Whether it was answered at all is said by what this throws.
      const logits = status.state === 'done' ? await client.fetch(query, { signal }) : await client.answer(query, { signal })
      const answers = logits.map(values => answerSummary(values, askable))
      return {
        query,
        answers,
        milliseconds: clock.stop(),
        sentBytes: bytes.sent() - before.sent,
        receivedBytes: bytes.received() - before.received,
        ciphertexts: ciphertexts.length,
        excerpt: hexadecimal((ciphertexts[0] ?? new Uint8Array(0)).subarray(0, EXCERPT_BYTES)),
        to: { ...this.#options.terms.evaluator, name: this.#nameOf(this.#options.terms.evaluator.peer) ?? 'evaluator' }
      }
    } catch (error) {
      if (query !== undefined) await client.cancel(query, { signal: AbortSignal.timeout(CANCEL_PATIENCE) }).catch(() => undefined)
      throw error
    } finally {
      this.#observer = undefined
    }
  }

  report(error: unknown): ErrorReport {
    return reportOf(error, peer => this.#nameOf(peer))
  }

  async stop(): Promise<void> {
    await this.#node.stop()
    await this.#transport.stop('the page was closed')
    await this.#cryptography.dispose()
  }

  #trouble(error: unknown): void {
    this.#options.onEvent({ kind: 'trouble', error: this.report(error) })
  }

  #nameOf(peer: string): string | undefined {
    return this.#options.terms.roster.find(entry => entry.peer === peer)?.name
  }

  #summaryOf({ release, document, plan, grants }: AskableRelease): ModelSummary {
    const { input, output } = plan.architecture
    return {
      release,
      name: document.name,
      revision: document.revision,
      owner: this.#nameOf(document.owner) ?? document.owner,
      shape: input.shape,
      magnitude: input.magnitude,
      batch: plan.batch,
      task: output.task.kind,
      classes: output.features,
      ...(output.task.labels === undefined ? {} : { labels: output.task.labels.map(String) }),
      inputs: plan.inputs.count * plan.batchBlocks,
      granted: grants.length > 0
    }
  }
}

function answerSummary(logits: Float64Array, { plan }: AskableRelease): AnswerSummary {
  const { prediction, outputs, nearTie } = answerOf(plan.architecture.output, logits, logitDeviation(plan))
  return { prediction: Array.isArray(prediction) ? prediction.join(', ') : String(prediction), outputs: [...outputs], nearTie }
}
