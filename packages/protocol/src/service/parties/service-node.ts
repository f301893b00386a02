/**
 * A party of a standing service, whatever its roles: flows, stores and cryptography put together on a transport. It may be stopped, or killed, at any instant; started
 * on the same stores it goes on.
 */
import { ReleaseRefusedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { parsePlan } from '../../terms/plan.js'
import { peersWith, type Role, type RosterEntry, rolesOf } from '../../terms/roster.js'
import type { Signer } from '../../terms/signer.js'
import type { Transport } from '../../wire/transport.js'
import { type Caller, TransportCaller } from '../calls/caller.js'
import { Responder } from '../calls/responder.js'
import { RoutedCaller } from '../calls/routed-caller.js'
import type { ServiceCryptography } from '../cryptography/service.js'
import { Epochs } from '../epochs/epochs.js'
import type { EpochPolicy } from '../epochs/policy.js'
import { Books } from '../membership/books.js'
import { Membership } from '../membership/membership.js'
import { EPOCH, type EpochProposal, type EpochRecord, SHARING, type SharingRecord } from '../objects/epoch.js'
import type { ServiceDocument } from '../objects/filing.js'
import { GRANT, type Grant } from '../objects/grant.js'
import { RELEASE, WITHDRAWAL, type Withdrawal } from '../objects/release.js'
import type { ReleasePolicy } from '../objects/release-check.js'
import { type DocumentKind, identify, type Signed, sign, withSignatures } from '../objects/signed.js'
import { ServiceClient } from '../queries/client.js'
import type { ServiceListener } from '../queries/events.js'
import { QueryHolder } from '../queries/holder.js'
import { EvaluatorQueries } from '../queries/queries.js'
import type { QueueLimits } from '../queries/room.js'
import { Publisher } from '../releases/publisher.js'
import { EvaluatorReleases } from '../releases/releases.js'
import type { ContentStore } from '../store/content-store.js'
import type { DocumentStore } from '../store/documents.js'
import type { RecordStore } from '../store/records.js'
import type { SecretStore } from '../store/secrets.js'
import type { SpendingStore } from '../store/spendings.js'
import { WitnessPart } from './witness-part.js'

export interface ServiceStores {
  readonly documents: DocumentStore
  readonly records: RecordStore
  readonly secrets: SecretStore
  readonly contents: ContentStore
  readonly spendings: SpendingStore
}

export interface ServiceNodeOptions {
  readonly transport: Transport
  readonly signer: Signer
  readonly software: string
  /** As configured; asked anew whenever it matters, so that it may change. */
  roster(): readonly RosterEntry[]
  readonly cryptography: ServiceCryptography
  readonly stores: ServiceStores
  readonly policy?: Omit<EpochPolicy, 'evaluator' | 'holder' | 'witnesses'> & ReleasePolicy
  readonly limits?: Partial<QueueLimits>
  /** Milliseconds without a byte after which a holder counts as absent. */
  readonly patience?: number
  readonly now?: () => number
  onProgress?(event: { epoch: string; step: string; done: number; total: number }): void
  onPeer?(peer: string, state: 'up' | 'down', software?: string): void
  /** A document that was not here before. */
  onDocument?(kind: string, document: ServiceDocument): void
  onError?(error: Error, peer?: string): void
  /** What happens to queries: to those that this party computes, helps with, or has asked. */
  onEvent?: ServiceListener
}

const EVALUATOR_SECRET = 'evaluator/queries'
const SECRET_BYTES = 32
/** Records of what has been passed on. */
const TOLD = 'told'

export class ServiceNode {
  readonly self: string
  readonly epochs: Epochs
  readonly books: Books
  readonly membership: Membership
  readonly publisher: Publisher
  readonly client: ServiceClient
  readonly #options: ServiceNodeOptions
  readonly #responder: Responder
  readonly #holder: QueryHolder
  /** At an evaluator. */
  #releases: EvaluatorReleases | undefined
  #queries: EvaluatorQueries | undefined
  #witness: WitnessPart | undefined
  readonly #background = new Set<Promise<unknown>>()

  private constructor(options: ServiceNodeOptions) {
    this.#options = options
    const { transport, signer, stores, policy = {}, now = Date.now, software, onPeer } = options
    const { documents, records, secrets, contents } = stores
    this.self = transport.self
    this.#responder = new Responder({
      known: peer => rolesOf(options.roster(), peer) !== undefined,
      onRefused: (error, peer) => options.onError?.(error, peer)
    })
    const caller: Caller = new RoutedCaller(new TransportCaller(transport), this.#responder)
    const hasRole = (peer: string, role: Role): boolean => rolesOf(options.roster(), peer)?.includes(role) ?? false
    this.membership = new Membership({
      self: this.self,
      software,
      signer,
      transport,
      caller,
      documents,
      peers: () =>
        options
          .roster()
          .map(({ peer }) => peer)
          .filter(peer => peer !== this.self),
      hasRole,
      onDocument: (kind, signed) => this.#arrived(kind, signed),
      ...(onPeer === undefined ? {} : { onPeer }),
      onError: (error, peer) => options.onError?.(error, peer)
    })
    this.books = new Books({ documents, spendings: stores.spendings, now })
    this.epochs = new Epochs({
      self: this.self,
      signer,
      caller,
      cryptography: options.cryptography,
      records,
      contents: options.stores.contents,
      epochs: {
        put: async record => void (await documents.put(EPOCH, record)),
        get: async epoch => {
          const [name] = await documents.list({ kind: EPOCH.kind, epoch })
          return name === undefined ? undefined : await documents.get(EPOCH, name.identifier)
        },
        list: async () => await this.#all(EPOCH),
        putSharing: async record => void (await documents.put(SHARING, record)),
        sharings: async epoch => (await this.#all(SHARING)).filter(({ document }) => document.epoch === epoch)
      },
      policy: {
        ...policy,
        evaluator: peer => hasRole(peer, 'evaluator'),
        holder: peer => hasRole(peer, 'key-holder'),
        witnesses: () => peersWith(options.roster(), 'witness')
      },
      up: peer => this.membership.isUp(peer),
      onProgress: event => options.onProgress?.(event),
      onRefused: (error, peer) => options.onError?.(error, peer),
      onAbandoned: (culprit, reason) =>
        options.onError?.(new Error(`the making of keys has ended, because of ${culprit}: ${reason}`), culprit)
    })
    const told = options.onEvent === undefined ? {} : { onEvent: options.onEvent }
    const common = { caller, signer, epochs: this.epochs, documents, records, secrets, contents, policy, now, ...told }
    const witness = (peer: string): boolean => hasRole(peer, 'witness')
    this.#holder = new QueryHolder({ signer, epochs: this.epochs, documents, books: this.books, policy, witness, ...told })
    this.publisher = new Publisher(common)
    this.client = new ServiceClient(common)
  }

  /** Reads what is durable, answers from now on, and goes on with what was under way. */
  static async start(options: ServiceNodeOptions): Promise<ServiceNode> {
    const node = new ServiceNode(options)
    await node.#start()
    return node
  }

  get isEvaluator(): boolean {
    return rolesOf(this.#options.roster(), this.self)?.includes('evaluator') ?? false
  }

  get documents(): DocumentStore {
    return this.#options.stores.documents
  }

  /** At an evaluator: states of releases, the queue. */
  get releases(): EvaluatorReleases | undefined {
    return this.#releases
  }

  get queries(): EvaluatorQueries | undefined {
    return this.#queries
  }

  /** At a witness: copies of releases, queries that it follows. */
  get witness(): WitnessPart | undefined {
    return this.#witness
  }

  /** At the evaluator: makes a key epoch with its holders. @throws PartyMissingError, SessionAbortedError, DescriptorRejectedError */
  async createEpoch(proposal: EpochProposal, signal: AbortSignal): Promise<Signed<EpochRecord>> {
    const record = await this.epochs.create(proposal, signal)
    await this.membership.publish(EPOCH, record)
    return record
  }

  /** At the evaluator: other shares for the same holders. @throws PartyMissingError, SessionAbortedError */
  async renew(epoch: string, signal: AbortSignal): Promise<Signed<SharingRecord>> {
    const record = await this.epochs.renew(epoch, signal)
    await this.membership.publish(SHARING, record)
    return record
  }

  /**
   * At the evaluator: shares for other holders, or with another threshold.
   * @param without holders that are up but have lost their share
   * @throws PartyMissingError, SessionAbortedError; ReleaseRefusedError for a threshold that a model in service is not planned for
   */
  async reshare(
    epoch: string,
    holders: readonly string[],
    threshold: number,
    signal: AbortSignal,
    without: ReadonlySet<string> = new Set()
  ): Promise<Signed<SharingRecord>> {
    await this.#demandRoom(epoch, threshold)
    const record = await this.epochs.reshare(epoch, holders, threshold, signal, without)
    await this.membership.publish(SHARING, record)
    return record
  }

  /** A plan has room for the flooding of so many shares, and no more. */
  async #demandRoom(epoch: string, threshold: number): Promise<void> {
    const withdrawn = new Set((await this.#all(WITHDRAWAL)).map(({ document }) => document.release))
    for (const { document } of await this.#all(RELEASE)) {
      if (document.epoch !== epoch || withdrawn.has(identify(RELEASE, document))) continue
      const planned = parsePlan(document.plan).threshold
      if (planned >= threshold) continue
      throw new ReleaseRefusedError({
        peer: document.owner,
        kind: 'release',
        field: 'plan.threshold',
        expected: `${threshold} at least`,
        actual: `${planned}`,
        reason: `${document.name} is planned for fewer shares than are to be summed`,
        remedy: `Reshare with a threshold of ${planned} at most, or withdraw the model and publish it anew.`
      })
    }
  }

  /** Signs a document of this party's own, keeps it and hands it to those whom it concerns. @returns its identifier */
  async issue<T extends ServiceDocument>(kind: DocumentKind<T>, document: T): Promise<string> {
    const signed = withSignatures(document, [await sign(kind, document, this.#options.signer)])
    await this.membership.publish(kind, signed)
    if (kind.kind === WITHDRAWAL.kind) this.#withdrawn(document as unknown as Withdrawal)
    return identify(kind, document)
  }

  async #announce(release: string): Promise<void> {
    const signed = await this.documents.get(RELEASE, release)
    if (signed !== undefined) await this.membership.publish(RELEASE, signed)
  }

  /** Grants that this party knows and that allow it to send queries for a model of this name, best first: those in force that expire last. */
  async grantsFor(epoch: string, owner: string, model: string): Promise<{ identifier: string; grant: Grant }[]> {
    const now = this.#options.now?.() ?? Date.now()
    const found: { identifier: string; grant: Grant }[] = []
    for (const { document: grant } of await this.#all(GRANT)) {
      if (grant.epoch !== epoch || grant.issuer !== owner || !grant.senders.includes(this.self) || grant.expires < now) continue
      if (!grant.models.includes('*') && !grant.models.includes(model)) continue
      const identifier = identify(GRANT, grant)
      if (!(await this.books.isRevoked(epoch, identifier))) found.push({ identifier, grant })
    }
    return found.sort((a, b) => b.grant.expires - a.grant.expires)
  }

  /** All documents of a kind that are kept here. */
  async all<T extends ServiceDocument>(kind: DocumentKind<T>): Promise<Signed<T>[]> {
    return await this.#all(kind)
  }

  /** Peers of the roster have changed. */
  reload(): void {
    this.membership.reload()
  }

  async stop(): Promise<void> {
    await this.membership.dispose()
    await this.#queries?.dispose()
    await this.#witness?.dispose()
    await this.#releases?.dispose()
    await Promise.allSettled([...this.#background])
    await this.#holder.dispose()
    await this.epochs.dispose()
  }

  async #start(): Promise<void> {
    const { transport, signer, stores, policy = {}, limits, patience, now = Date.now, onError } = this.#options
    const { documents, records, contents } = stores
    const caller: Caller = new RoutedCaller(new TransportCaller(transport), this.#responder)
    this.membership.register(this.#responder)
    this.epochs.register(this.#responder)
    this.#holder.register(this.#responder)
    if (this.isEvaluator) {
      const common = { caller, signer, epochs: this.epochs, documents, records, contents, policy, now }
      const releases = new EvaluatorReleases({
        ...common,
        self: this.self,
        onReady: release => this.#ready(release),
        onError: error => onError?.(error)
      })
      releases.register(this.#responder)
      this.#releases = releases
      const queries = await EvaluatorQueries.open({
        ...common,
        transport,
        books: this.books,
        secret: await this.#secret(),
        ready: release => releases.ready(release),
        pending: release => releases.pending(release),
        onDamaged: (release, reason) => releases.damaged(release, reason),
        onError: error => onError?.(error),
        ...(this.#options.onEvent === undefined ? {} : { onEvent: this.#options.onEvent }),
        ...(limits === undefined ? {} : { limits }),
        ...(patience === undefined ? {} : { patience })
      })
      queries.register(this.#responder)
      this.#queries = queries
    }
    if (this.#releases !== undefined) {
      // Whoever asks from now on is not refused for what is only being looked at.
      for (const signed of await this.#all(RELEASE)) await this.#load(identify(RELEASE, signed.document))
      for (const { document } of await this.#all(WITHDRAWAL)) this.#withdrawn(document)
    }
    if (rolesOf(this.#options.roster(), this.self)?.includes('witness') === true) {
      this.#witness = await WitnessPart.open({
        self: this.self,
        caller,
        signer,
        epochs: this.epochs,
        documents,
        records,
        contents,
        policy,
        now,
        books: this.books,
        sharings: async epoch => await this.#sharings(epoch),
        onError: (error, peer) => onError?.(error, peer)
      })
    }
    this.#responder.serve(transport)
    this.membership.start()
    await this.#witness?.start()
    for (const { document } of await this.#all(WITHDRAWAL)) await this.#witness?.withdrawn(document.release)
    this.#queries?.start()
  }

  /** A release may be asked: those who may want it hear of it, once; who comes later is told with everything else. */
  #ready(release: string): void {
    this.#queries?.wake()
    const { records } = this.#options.stores
    const tell = async (): Promise<void> => {
      if ((await records.get(TOLD, release)) === true) return
      await this.#announce(release)
      await records.put(TOLD, release, true)
    }
    this.#inBackground(tell(), 'release')
  }

  async #load(release: string): Promise<void> {
    try {
      await this.#releases?.load(release)
    } catch (error) {
      // One of an epoch that is over, say: others are served.
      this.#options.onError?.(translateError(error, { kind: 'release' }))
    }
  }

  #arrived(kind: string, { document }: Signed<ServiceDocument>): void {
    this.#options.onDocument?.(kind, document)
    if (document.kind === 'withdrawal') this.#withdrawn(document)
    if (document.kind === 'sharing') this.#inBackground(this.epochs.refresh(document.epoch), 'sharing')
    if (document.kind === 'epoch' || document.kind === 'release') this.#queries?.wake()
    const witness = this.#witness
    if (witness === undefined) return
    if (document.kind === 'epoch') this.#inBackground(witness.refresh(), 'epoch')
    if (document.kind === 'release') this.#inBackground(witness.load(identify(RELEASE, document)), 'release')
    if (document.kind === 'withdrawal') this.#inBackground(witness.withdrawn(document.release), 'withdrawal')
  }

  #inBackground(started: Promise<unknown>, kind: string): void {
    const work = started
      .catch(error => this.#options.onError?.(translateError(error, { kind })))
      .finally(() => this.#background.delete(work))
    this.#background.add(work)
  }

  /** All that this party knows of an epoch, the first one included. */
  async #sharings(epoch: string): Promise<SharingRecord[]> {
    const { record } = await this.epochs.epoch(epoch)
    return [record.sharing, ...(await this.#all(SHARING)).map(({ document }) => document).filter(sharing => sharing.epoch === epoch)]
  }

  #withdrawn({ release }: Withdrawal): void {
    const releases = this.#releases
    if (releases === undefined) return
    releases.withdraw(release)
    const used = (other: string): boolean => this.#queries?.uses(other) ?? false
    this.#inBackground(releases.erase(used), 'release')
  }

  async #all<T extends ServiceDocument>(kind: DocumentKind<T>): Promise<Signed<T>[]> {
    const { documents } = this.#options.stores
    const names = await documents.list({ kind: kind.kind })
    const found = await Promise.all(names.map(async ({ identifier }) => await documents.get(kind, identifier)))
    return found.filter(signed => signed !== undefined)
  }

  /** What the evaluator's randomness of queries comes from: the same as long as it lives. */
  async #secret(): Promise<Uint8Array> {
    const { secrets } = this.#options.stores
    const known = await secrets.get(EVALUATOR_SECRET)
    if (known !== undefined) return known
    const fresh = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
    await secrets.put(EVALUATOR_SECRET, fresh)
    return fresh
  }
}
