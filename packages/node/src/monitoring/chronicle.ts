/** Whatever happens at a party of a service is told once, here, and goes to its log, its audit log and its metrics. */

import type { DocumentKind, DocumentStore, Signed } from '@slytherin/protocol/service'
import { identify, type ServiceDocument, type ServiceEvent } from '@slytherin/protocol/service'
import type { Logger } from 'pino'
import type { AuditEntry, AuditLog } from './audit-log.js'
import type { History } from './history.js'
import type { PartyMetrics } from './metrics.js'

export interface ChronicleOptions {
  readonly logger: Logger
  readonly audit: AuditLog
  readonly metrics: PartyMetrics | undefined
  /** For the dashboard, where there is one. */
  readonly history?: History | undefined
  /** What the roster calls a peer. */
  name(peer: string): string | undefined
}

interface Named {
  readonly peer: string
  readonly name?: string
}

export class Chronicle {
  readonly #options: ChronicleOptions

  constructor(options: ChronicleOptions) {
    this.#options = options
  }

  /** Of a query: into the log with its identifier, the same at all parties. */
  event(event: ServiceEvent): void {
    const { logger, metrics, history } = this.#options
    metrics?.event(event)
    history?.event(event)
    switch (event.event) {
      case 'query': {
        const { query, state, epoch, release, sender, querier, samples, code } = event
        const failure = code === '' ? {} : { code }
        const by = { sender: this.#named(sender), querier: this.#named(querier) }
        logger.info({ query, state, querier: by.querier.name ?? querier, samples, ...failure }, `query ${state}`)
        this.#audit({ event: `query-${state}`, query, epoch, release, ...by, samples, ...failure })
        return
      }
      case 'phase':
        logger.debug({ query: event.query, phase: event.phase, seconds: event.seconds }, `query: ${event.phase}`)
        return
      case 'progress':
      case 'step':
        // For whoever watches: a log would be full of them.
        return
      case 'retry':
        logger.warn({ query: event.query, code: event.code }, 'query is begun again')
        return
      case 'admitted': {
        const { query, epoch, release, grant, sender, querier, samples } = event
        const by = { sender: this.#named(sender), querier: this.#named(querier) }
        logger.info({ query, querier: by.querier.name ?? querier, samples }, 'helping with a query')
        this.#audit({ event: 'query-admitted', query, epoch, release, grant, ...by, samples })
        return
      }
      case 'shares': {
        const { query, protocol, epoch, grant, querier, step, attempt, ciphertexts, seconds } = event
        logger[protocol === 'switch' ? 'info' : 'debug']({ query, protocol, step, attempt, ciphertexts, seconds }, 'shares given')
        this.#audit({ event: 'shares', query, protocol, epoch, grant, querier: this.#named(querier), step, attempt, ciphertexts })
        return
      }
      case 'endorsed': {
        const { query, protocol, epoch, release, step, attempt } = event
        logger[protocol === 'switch' ? 'info' : 'debug']({ query, protocol, step, attempt }, 'endorsed')
        this.#audit({ event: 'endorsed', query, protocol, epoch, release, step, attempt })
        return
      }
      case 'not-endorsed': {
        const { query, evaluator, code, culprit } = event
        const by = { evaluator: this.#named(evaluator), ...(culprit === '' ? {} : { culprit: this.#named(culprit) }) }
        logger.warn({ query, code }, 'a query is not endorsed')
        this.#audit({ event: 'not-endorsed', query, code, ...by })
        return
      }
      default: {
        const { event: kind, query, epoch, release, samples } = event
        logger.info({ query, samples }, `query ${kind}`)
        this.#audit({ event: `query-${kind}`, query, epoch, release, samples })
      }
    }
  }

  /** The store, with every document that is new to it told here. */
  observed(documents: DocumentStore): DocumentStore {
    return {
      put: async <T extends ServiceDocument>(kind: DocumentKind<T>, signed: Signed<T>) => {
        const outcome = await documents.put(kind, signed)
        if (outcome === 'new') this.#document(identify(kind, signed.document), signed.document)
        return outcome
      },
      get: async (kind, identifier) => await documents.get(kind, identifier),
      list: async filter => await documents.list(filter),
      remove: async (kind, identifier) => await documents.remove(kind, identifier)
    }
  }

  /** Of the party itself: that it has started, that its roster has changed. */
  party(entry: AuditEntry): void {
    this.#audit(entry)
  }

  #audit(entry: AuditEntry): void {
    this.#options.audit.add(entry)
    this.#options.history?.audit(entry)
  }

  #document(identifier: string, document: ServiceDocument): void {
    const entry = this.#entryOf(identifier, document)
    if (entry === undefined) return
    const { event, ...fields } = entry
    this.#audit(entry)
    this.#options.logger.info(fields, event.replaceAll('-', ' '))
  }

  /** What of a document is worth remembering. */
  #entryOf(identifier: string, document: ServiceDocument): AuditEntry | undefined {
    switch (document.kind) {
      case 'epoch': {
        const { cohort, evaluator, expires, maximumDecryptions } = document.proposal
        const { epoch, threshold, holders } = document.sharing
        const terms = { evaluator: this.#named(evaluator), expires: timeOf(expires), maximumDecryptions }
        return { event: 'keys-made', epoch, cohort, ...terms, threshold, holders: holders.map(({ peer }) => this.#named(peer)) }
      }
      case 'sharing': {
        const { epoch, generation, threshold, holders } = document
        return { event: 'keys-reshared', epoch, generation, threshold, holders: holders.map(({ peer }) => this.#named(peer)) }
      }
      case 'release': {
        const { epoch, name, revision, owner } = document
        return { event: 'model-published', release: identifier, epoch, model: name, revision, owner: this.#named(owner) }
      }
      case 'withdrawal':
        return { event: 'model-withdrawn', release: document.release, epoch: document.epoch }
      case 'grant': {
        const { epoch, issuer, querier, senders, models, expires, queries, decryptions } = document
        const parties = { issuer: this.#named(issuer), querier: this.#named(querier), senders: senders.map(peer => this.#named(peer)) }
        return { event: 'grant-given', grant: identifier, epoch, ...parties, models, expires: timeOf(expires), queries, decryptions }
      }
      case 'revocation': {
        const { epoch, grant, issuer } = document
        return { event: 'grant-revoked', grant, epoch, issuer: this.#named(issuer) }
      }
      default:
        return undefined
    }
  }

  #named(peer: string): Named {
    const name = this.#options.name(peer)
    return name === undefined ? { peer } : { peer, name }
  }
}

/** Beyond year 275760 there is no date. */
const timeOf = (milliseconds: number): string => (milliseconds <= 8.64e15 ? new Date(milliseconds).toISOString() : String(milliseconds))
