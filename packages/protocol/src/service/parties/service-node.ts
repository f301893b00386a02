/**
 * A party of a standing service, whatever its roles: flows, stores and cryptography put together on a transport. It may be stopped, or killed, at any instant; started
 * on the same stores it goes on.
 */
import { NotPermittedError } from '../../errors/errors.js'
import { translateError } from '../../errors/translate.js'
import { peersWith, type Role, rolesOf } from '../../terms/roster.js'
import { type Caller, TransportCaller } from '../calls/caller.js'
import { Responder } from '../calls/responder.js'
import { RoutedCaller } from '../calls/routed-caller.js'
import { Epochs } from '../epochs/epochs.js'
import { Books } from '../membership/books.js'
import { Membership } from '../membership/membership.js'
import { checkMovedRelease } from '../membership/moved.js'
import { EPOCH, type EpochProposal, type EpochRecord, SHARING, type SharingRecord } from '../objects/epoch.js'
import type { ServiceDocument } from '../objects/filing.js'
import type { Grant } from '../objects/grant.js'
import { RELEASE, WITHDRAWAL, type Withdrawal } from '../objects/release.js'
import { type DocumentKind, identify, type Signed, sign, withSignatures } from '../objects/signed.js'
import { ServiceClient } from '../queries/client.js'
import { QueryHolder } from '../queries/holder.js'
import { EvaluatorQueries } from '../queries/queries.js'
import { MoveHolder } from '../releases/move-holder.js'
import { Publisher } from '../releases/publisher.js'
import { EvaluatorReleases } from '../releases/releases.js'
import type { DocumentStore } from '../store/documents.js'
import { evaluatorSecret } from './evaluator-secret.js'
import { allOf, demandThreshold, grantsFor, namedOf } from './kept.js'
import type { ServiceNodeOptions } from './options.js'
import { registerSpent, Succession } from './succession.js'
import { WitnessPart } from './witness-part.js'

type Tail<T extends readonly unknown[]> = T extends readonly [unknown, ...infer R] ? R : never

/** How often shares of keys that are over, and what was counted of them, are looked for, milliseconds. */
const ERASING = 3_600_000
/** Records of what has been passed on. */
const TOLD = 'told'

/** A party of a standing service, in all roles that the roster gives it: epochs, releases, grants, queries, each with its own life. */
export class ServiceNode {
  /** Its peer id. */
  readonly self: string
  /** Key epochs that this party takes part in. */
  readonly epochs: Epochs
  /** What is counted here of grants and epochs. */
  readonly books: Books
  /** Who is there. */
  readonly membership: Membership
  /** Puts up this party's models. */
  readonly publisher: Publisher
  /** Asks queries of this party's. */
  readonly client: ServiceClient
  readonly #options: ServiceNodeOptions
  readonly #responder: Responder
  readonly #holder: QueryHolder
  readonly #moves: MoveHolder
  /** At an evaluator. */
  #releases: EvaluatorReleases | undefined
  #queries: EvaluatorQueries | undefined
  #witness: WitnessPart | undefined
  #succession: Succession | undefined
  readonly #background = new Set<Promise<unknown>>()
  #erasing: ReturnType<typeof setInterval> | undefined

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
        list: async () => await allOf(documents, EPOCH),
        putSharing: async record => void (await documents.put(SHARING, record)),
        sharings: async epoch => (await allOf(documents, SHARING)).filter(({ document }) => document.epoch === epoch)
      },
      policy: {
        ...policy,
        evaluator: peer => hasRole(peer, 'evaluator'),
        holder: peer => hasRole(peer, 'key-holder'),
        witnesses: () => peersWith(options.roster(), 'witness'),
        now
      },
      now,
      up: peer => this.membership.isUp(peer),
      onProgress: event => options.onProgress?.(event),
      onRefused: (error, peer) => options.onError?.(error, peer),
      onAbandoned: (culprit, reason) =>
        options.onError?.(new Error(`the making of keys has ended, because of ${culprit}: ${reason}`), culprit)
    })
    const told = options.onEvent === undefined ? {} : { onEvent: options.onEvent }
    const common = { caller, signer, epochs: this.epochs, documents, records, secrets, contents, policy, now, ...told }
    const witness = (peer: string): boolean => hasRole(peer, 'witness')
    const helping = { signer, epochs: this.epochs, documents, books: this.books, policy, ...told }
    this.#holder = new QueryHolder({
      ...helping,
      witness,
      checkMoved: async (release, peer) => await checkMovedRelease(release, documents, peer)
    })
    this.#moves = new MoveHolder({ ...helping, records })
    this.publisher = new Publisher(common)
    this.client = new ServiceClient(common)
  }

  /** Reads what is durable, answers from now on, and goes on with what was under way. */
  static async start(options: ServiceNodeOptions): Promise<ServiceNode> {
    const node = new ServiceNode(options)
    await node.#start()
    return node
  }

  /** Whether the roster gives this party the role, at present. */
  get isEvaluator(): boolean {
    return rolesOf(this.#options.roster(), this.self)?.includes('evaluator') ?? false
  }

  /** Signed documents that are kept here. */
  get documents(): DocumentStore {
    return this.#options.stores.documents
  }

  /** At an evaluator: states of releases, the queue. */
  get releases(): EvaluatorReleases | undefined {
    return this.#releases
  }

  /** At an evaluator: the queue, its limits, and what runs. */
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

  /** At the evaluator: the epoch that follows this one; releases whose owners allow it move to it by themselves. @see Succession.next */
  async nextEpoch(epoch: string, ...[signal, more]: Tail<Parameters<Succession['next']>>): Promise<Signed<EpochRecord>> {
    if (this.#succession === undefined) throw new NotPermittedError({ kind: 'epoch', field: 'sender', expected: 'an evaluator' })
    return await this.#succession.next(epoch, signal, more)
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
    await demandThreshold(this.books, this.documents, epoch, threshold)
    const record = await this.epochs.reshare(epoch, holders, threshold, signal, without)
    await this.membership.publish(SHARING, record)
    return record
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
    return await grantsFor(this.books, this.documents, { sender: this.self, epoch, owner, model, now: (this.#options.now ?? Date.now)() })
  }

  /** All documents of a kind that are kept here. */
  async all<T extends ServiceDocument>(kind: DocumentKind<T>): Promise<Signed<T>[]> {
    return await allOf(this.documents, kind)
  }

  /** All documents of a kind that are kept here, by identifier. */
  async named<T extends ServiceDocument>(kind: DocumentKind<T>): Promise<{ readonly identifier: string; readonly signed: Signed<T> }[]> {
    return await namedOf(this.documents, kind)
  }

  /** Peers of the roster have changed. */
  reload(): void {
    this.membership.reload()
  }

  /** Answers nothing any more and closes everything; what is durable is taken up by the next start. */
  async stop(): Promise<void> {
    clearInterval(this.#erasing)
    await this.membership.dispose()
    await this.#succession?.dispose()
    await this.#queries?.dispose()
    await this.#witness?.dispose()
    await this.#releases?.dispose()
    await Promise.allSettled([...this.#background])
    await this.#holder.dispose()
    this.client.dispose()
    await this.#moves.dispose()
    await this.epochs.dispose()
  }

  async #start(): Promise<void> {
    const { transport, signer, stores, policy = {}, limits, concurrency, places, patience, now = Date.now, onError } = this.#options
    const { documents, records, contents } = stores
    const caller: Caller = new RoutedCaller(new TransportCaller(transport), this.#responder)
    this.membership.register(this.#responder)
    this.epochs.register(this.#responder)
    this.#holder.register(this.#responder)
    this.#moves.register(this.#responder)
    registerSpent(this.#responder, this.epochs, this.books)
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
        secret: await evaluatorSecret(stores.secrets),
        ready: release => releases.ready(release),
        pending: release => releases.pending(release),
        onDamaged: (release, reason) => releases.damaged(release, reason),
        onError: error => onError?.(error),
        ...(this.#options.onEvent === undefined ? {} : { onEvent: this.#options.onEvent }),
        ...(limits === undefined ? {} : { limits }),
        ...(concurrency === undefined ? {} : { concurrency }),
        ...(places === undefined ? {} : { places }),
        ...(patience === undefined ? {} : { patience })
      })
      queries.register(this.#responder)
      this.#queries = queries
      this.#succession = Succession.over({
        ...this.#options.next,
        ...common,
        self: this.self,
        releases,
        up: peer => this.membership.isUp(peer),
        create: async (proposal, signal) => await this.createEpoch(proposal, signal),
        onProgress: event => this.#options.onProgress?.(event),
        onError: error => onError?.(error)
      })
    }
    if (this.#releases !== undefined) {
      // Whoever asks from now on is not refused for what is only being looked at.
      for (const { identifier } of await namedOf(documents, RELEASE)) await this.#load(identifier)
      for (const { document } of await allOf(documents, WITHDRAWAL)) this.#withdrawn(document)
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
        ...(this.#options.onEvent === undefined ? {} : { onEvent: this.#options.onEvent }),
        onError: (error, peer) => onError?.(error, peer)
      })
    }
    this.#responder.serve(transport)
    this.membership.start()
    this.#eraseOver()
    this.#erasing = setInterval(() => this.#eraseOver(), ERASING)
    await this.#witness?.start()
    for (const { document } of await allOf(documents, WITHDRAWAL)) await this.#witness?.withdrawn(document.release)
    this.#queries?.start()
    this.#succession?.start()
  }

  /** A release may be asked: those who may want it hear of it, once; who comes later is told with everything else. */
  #ready(release: string): void {
    this.#queries?.wake()
    this.#succession?.wake()
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

  /** What is left of keys that are over. */
  #eraseOver(): void {
    this.#inBackground(this.epochs.eraseOver(), 'epoch')
    this.#inBackground(this.books.forgetOver(), 'epoch')
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
    return [
      record.sharing,
      ...(await allOf(this.documents, SHARING)).map(({ document }) => document).filter(sharing => sharing.epoch === epoch)
    ]
  }

  #withdrawn({ release }: Withdrawal): void {
    const releases = this.#releases
    if (releases === undefined) return
    releases.withdraw(release)
    const used = (other: string): boolean => this.#queries?.uses(other) ?? false
    this.#inBackground(releases.erase(used), 'release')
  }
}
