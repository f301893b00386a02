/** A service in one process: every party with durable stores and a process that can be killed at any instant and started again. */
import { createHash } from 'node:crypto'
import { InMemoryShareLedger } from '@slytherin/mhe'
import { GrantRefusedError, type Plan } from '@slytherin/protocol'
import {
  type ContentStore,
  type DocumentKind,
  type DocumentShelf,
  type EpochKeys,
  type EpochProposal,
  type EpochRecord,
  EvaluatorQueries,
  type EvaluatorQueriesOptions,
  EvaluatorReleases,
  epochIdentifier,
  GRANT,
  type Grant,
  identify,
  LocalReleases,
  MemoryContentStore,
  MemoryRecordStore,
  MemorySecretStore,
  type OpenEpoch,
  Publisher,
  type PublishRequest,
  type Query,
  type QueryBooks,
  QueryHolder,
  type RecordStore,
  Responder,
  type SecretStore,
  ServiceClient,
  type Signed,
  sign,
  TransportCaller,
  withSignatures
} from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { FakeSigner } from '../../support/fake-signer.js'
import { DealtEpoch, type DealtMeans } from './dealt-epoch.js'
import { modelSource } from './small-model.js'

const hex = (label: string): string => createHash('sha256').update(label).digest('hex')

/** What must not happen to a process that was killed: anything. */
class Fuse {
  blown = false
  #left = Number.POSITIVE_INFINITY
  #onBlown: () => void = () => undefined
  operations = 0

  /** Kills the process before its operation number `operation`, counted from now. */
  blowAt(operation: number, onBlown: () => void): void {
    this.#left = operation
    this.#onBlown = onBlown
  }

  /** Passes on what a process does, until it is killed: from then on nothing happens and nothing returns. */
  guard<T extends object>(target: T, counted = true): T {
    return new Proxy(target, {
      get: (object, property) => {
        const member: unknown = Reflect.get(object, property)
        if (typeof member !== 'function') return member
        return (...args: unknown[]) => {
          if (!this.blown && counted) {
            this.operations++
            if (this.#left-- <= 0) {
              this.blown = true
              this.#onBlown()
            }
          }
          if (this.blown) return new Promise(() => undefined)
          const result: unknown = Reflect.apply(member, object, args)
          return result instanceof Promise ? result.then(async value => (this.blown ? await new Promise(() => undefined) : value)) : result
        }
      }
    })
  }
}

class Shelf implements DocumentShelf {
  readonly #documents = new Map<string, Signed<unknown>>()

  // biome-ignore lint/suspicious/noExplicitAny: as the interface
  async put(kind: DocumentKind<any>, signed: Signed<any>): Promise<void> {
    this.#documents.set(`${kind.kind} ${identify(kind, signed.document)}`, structuredClone(signed))
  }

  async get<T>(kind: DocumentKind<T>, identifier: string): Promise<Signed<T> | undefined> {
    return this.#documents.get(`${kind.kind} ${identifier}`) as Signed<T> | undefined
  }
}

/** Counts as books do: what comes again is not counted again. */
export class Books implements QueryBooks {
  readonly queries = new Map<string, Set<string>>()
  readonly decryptions = new Map<string, Map<string, number>>()
  readonly refreshes = new Map<string, number>()
  readonly revoked = new Set<string>()

  async admit(query: Query, grant: Grant): Promise<void> {
    if (this.revoked.has(query.grant))
      throw new GrantRefusedError({ peer: query.sender, field: 'grant', actual: 'revoked', remedy: 'Ask for another.' })
    const asked = this.queries.get(query.grant) ?? new Set()
    this.queries.set(query.grant, asked)
    if (asked.has(query.query)) return
    if (asked.size >= grant.queries) {
      throw new GrantRefusedError({
        peer: query.sender,
        field: 'queries',
        expected: `at most ${grant.queries}`,
        actual: `${asked.size + 1}`,
        remedy: 'Ask for another.'
      })
    }
    asked.add(query.query)
  }

  async giveBack({ query, grant }: Pick<Query, 'query' | 'grant'>): Promise<void> {
    this.queries.get(grant)?.delete(query)
  }

  async decrypt(query: Query, grant: Grant, attempt: string, ciphertexts: number): Promise<void> {
    if (this.revoked.has(query.grant))
      throw new GrantRefusedError({ peer: query.sender, field: 'grant', actual: 'revoked', remedy: 'Ask for another.' })
    const given = this.decryptions.get(query.grant) ?? new Map()
    this.decryptions.set(query.grant, given)
    given.set(attempt, ciphertexts)
    const sum = [...given.values()].reduce((a, b) => a + b, 0)
    if (sum > grant.decryptions) throw new GrantRefusedError({ peer: query.sender, field: 'decryptions', remedy: 'Ask for another.' })
  }

  async refresh(_query: Query, attempt: string, ciphertexts: number): Promise<void> {
    this.refreshes.set(attempt, ciphertexts)
  }
}

interface Disk {
  readonly records: MemoryRecordStore
  readonly contents: MemoryContentStore
  readonly secrets: MemorySecretStore
  readonly documents: Shelf
  readonly ledger: InMemoryShareLedger
  readonly books: Books
}

/** A process of a party. */
export interface Process {
  readonly self: string
  readonly fuse: Fuse
  readonly means: DealtMeans
  readonly epoch: OpenEpoch
  readonly releases?: EvaluatorReleases
  readonly queries?: EvaluatorQueries
  readonly holder?: QueryHolder
  readonly publisher: Publisher
  readonly client: ServiceClient
}

export interface WorldOptions {
  readonly threshold: number
  readonly holders: number
  readonly plans: readonly [Plan, ...Plan[]]
  readonly proofs?: boolean
  /** Keys that the epoch lacks at first. */
  readonly lacking?: (keys: EpochKeys) => EpochKeys
  readonly limits?: EvaluatorQueriesOptions['limits']
  readonly patience?: number
  /** Queries that are evaluated at the same time. */
  readonly concurrency?: number
}

export class World {
  readonly network = new MemoryNetwork()
  readonly epochName: string
  readonly record: EpochRecord
  readonly dealt: DealtEpoch
  readonly refused: Error[] = []
  readonly errors: Error[] = []
  /** Keys that were made later. */
  readonly added: EpochKeys[] = []
  now = Date.parse('2026-01-01')
  readonly #options: WorldOptions
  readonly #disks = new Map<string, Disk>()
  readonly #processes = new Map<string, Process>()
  #keys: EpochKeys

  constructor(options: WorldOptions) {
    this.#options = options
    const { threshold, holders, plans, proofs = true } = options
    const [plan] = plans
    const levels = new Map<number, number>()
    for (const { galoisKeys } of plans)
      for (const { element, level } of galoisKeys) levels.set(element, Math.max(level, levels.get(element) ?? 0))
    const keys: EpochKeys = {
      relinearizationLevel: Math.max(...plans.map(({ relinearizationLevel }) => relinearizationLevel ?? 0)),
      galois: [...levels].sort(([a], [b]) => a - b).map(([element, level]) => ({ element, level }))
    }
    this.#keys = options.lacking?.(keys) ?? keys
    const points = Array.from({ length: holders }, (_, i) => ({ peer: `holder-${i + 1}`, point: i + 1 }))
    const proposal: EpochProposal = {
      kind: 'epoch-proposal',
      version: 1,
      cohort: 'test',
      nonce: '0'.repeat(32),
      created: this.now,
      expires: this.now + 86_400_000 * 365,
      evaluator: 'evaluator',
      holders: points,
      threshold,
      witnesses: [],
      parameters: plan.parameters,
      proofs,
      floodingBits: plan.floodingBits,
      maximumDecryptions: plan.maximumDecryptions,
      maximumRefreshes: 1_000_000,
      relinearizationLevel: this.#keys.relinearizationLevel,
      galois: this.#keys.galois
    }
    const nonces = points.map(({ peer }) => hex(`nonce ${peer}`))
    this.epochName = epochIdentifier(proposal, nonces)
    this.dealt = new DealtEpoch({ threshold, holders, plans, proofs, epoch: Buffer.from(this.epochName, 'hex') })
    const { lineage } = this.dealt.sharing
    const sharing = { kind: 'sharing', version: 1, epoch: this.epochName, generation: 0, lineage, threshold, holders: points } as const
    const publicKey = createHash('sha256').update(this.dealt.publicKey).digest('hex')
    this.record = { kind: 'epoch', version: 1, proposal, nonces, sharing, publicKey }
  }

  get holders(): string[] {
    return this.record.proposal.holders.map(({ peer }) => peer)
  }

  disk(self: string): Disk {
    let disk = this.#disks.get(self)
    if (disk === undefined) {
      disk = {
        records: new MemoryRecordStore(),
        contents: new MemoryContentStore(),
        secrets: new MemorySecretStore(),
        documents: new Shelf(),
        ledger: new InMemoryShareLedger(),
        books: new Books()
      }
      this.#disks.set(self, disk)
    }
    return disk
  }

  process(self: string): Process {
    return this.#processes.get(self)!
  }

  /** Starts a process of a party, in place of one that was killed. */
  async start(self: string): Promise<Process> {
    const disk = this.disk(self)
    const fuse = new Fuse()
    const { threshold: _threshold, holders: _holders, limits, patience = 2_000, concurrency = 1 } = this.#options
    const transport = this.network.transport(self)
    const caller = fuse.guard(new TransportCaller(transport))
    const signer = new FakeSigner(self)
    const point = this.record.proposal.holders.find(({ peer }) => peer === self)?.point
    const evaluates = self === 'evaluator'
    const means = this.dealt.means({ ...(point === undefined ? {} : { point }), evaluates, ledger: disk.ledger })
    const contents: ContentStore = fuse.guard(disk.contents)
    const soleHolder = this.holders.length === 1 ? this.holders[0]! : null
    const local = new LocalReleases(means, { self, soleHolder, contents, models: async () => modelSource })
    const epoch: OpenEpoch = {
      record: this.record,
      releases: local,
      sharing: () => this.record.sharing,
      publicKey: async () => this.dealt.publicKey,
      keys: async () => this.#keys,
      followKeys: async () => false,
      addKeys: async missing => {
        this.added.push(missing)
        const elements = new Set(missing.galois.map(({ element }) => element))
        this.#keys = {
          relinearizationLevel: missing.relinearizationLevel ?? this.#keys.relinearizationLevel,
          galois: [...this.#keys.galois.filter(({ element }) => !elements.has(element)), ...missing.galois]
        }
      }
    }
    const epochs = { epoch: async () => epoch }
    const policy = { allowInsecure: true }
    const records: RecordStore = fuse.guard(disk.records)
    const secrets: SecretStore = fuse.guard(disk.secrets)
    const documents: DocumentShelf = fuse.guard(disk.documents)
    const books = fuse.guard(disk.books as QueryBooks)
    const common = { caller, signer, epochs, documents, records, secrets, contents, policy, now: () => this.now, pause: 20 }
    const responder = new Responder({ known: peer => peer !== 'stranger', onRefused: error => this.refused.push(error) })
    const roles: { releases?: EvaluatorReleases; queries?: EvaluatorQueries; holder?: QueryHolder } = {}
    const onError = (error: Error): number => this.errors.push(error)
    if (evaluates) {
      const releases = new EvaluatorReleases({ ...common, self, onError, onReady: () => roles.queries?.wake(), keyPause: 20 })
      releases.register(responder)
      roles.releases = releases
      for (const release of this.published) await releases.load(release)
      const queries = await EvaluatorQueries.open({
        ...common,
        transport,
        books,
        secret: new Uint8Array(32).fill(21),
        ready: release => releases.ready(release),
        pending: release => releases.pending(release),
        onDamaged: (release, reason) => releases.damaged(release, reason),
        onError,
        patience,
        retry: 200,
        storagePause: 20,
        concurrency,
        ...(limits === undefined ? {} : { limits })
      })
      queries.register(responder)
      roles.queries = queries
    }
    if (point !== undefined) {
      roles.holder = new QueryHolder({ signer, epochs, documents, books, policy })
      roles.holder.register(responder)
    }
    transport.serve(async (peer, request, { signal }) => await this.#alive(fuse, responder.receive(peer, request, signal)), {
      maximumRequestBytes: peer => responder.maximumRequestBytes(peer)
    })
    const process: Process = {
      self,
      fuse,
      means,
      epoch,
      ...roles,
      publisher: new Publisher(common),
      client: new ServiceClient({ ...common, wait: 500 })
    }
    this.#processes.set(self, process)
    roles.queries?.start()
    return process
  }

  /** Releases that the evaluator keeps, as its documents would tell after a restart. */
  readonly published = new Set<string>()

  /** kill -9: the process does nothing any more, and what is not on its disk is lost. */
  kill(self: string, options: { silent?: boolean } = {}): void {
    this.process(self).fuse.blown = true
    this.network.kill(self, options)
  }

  /** Kills the process at its operation number `operation` from now (of disk, or asking others), and starts another. */
  killAt(self: string, operation: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    this.process(self).fuse.blowAt(operation, () => {
      this.network.kill(self)
      setTimeout(async () => {
        await this.restart(self)
        resolve(true)
      }, 5)
    })
    return promise
  }

  /** Calls the killing off; where it has begun, waits for the next process. */
  async spare(self: string, killed: Promise<boolean>): Promise<void> {
    const { fuse } = this.process(self)
    fuse.blowAt(Number.POSITIVE_INFINITY, () => undefined)
    if (fuse.blown) await killed
  }

  async restart(self: string): Promise<Process> {
    if (this.#processes.has(self)) this.kill(self)
    const process = await this.start(self)
    this.network.revive(self)
    return process
  }

  async publish(owner: string, plan: Plan, more: Partial<PublishRequest> = {}): Promise<string> {
    const request = { epoch: this.epochName, model: 'm', name: 'model', revision: '1', planner: () => plan, ...more }
    const release = await this.process(owner).publisher.publish(request)
    this.published.add(release)
    return release
  }

  /** Everybody has a document, as if members had told each other. */
  async spread<T>(kind: DocumentKind<T>, identifier: string, from: string, to: readonly string[]): Promise<void> {
    const signed = await this.disk(from).documents.get(kind, identifier)
    for (const peer of to) await this.disk(peer).documents.put(kind, signed!)
  }

  async grant(owner: string, querier: string, more: Partial<Grant> = {}): Promise<string> {
    const grant: Grant = {
      kind: 'grant',
      version: 1,
      epoch: this.epochName,
      issuer: owner,
      querier,
      senders: [querier],
      models: ['*'],
      nonce: hex(`${querier} ${JSON.stringify(more)}`).slice(0, 32),
      created: this.now,
      expires: this.now + 86_400_000,
      queries: 100,
      decryptions: 1000,
      ...more
    }
    const identifier = identify(GRANT, grant)
    const signed = withSignatures(grant, [await sign(GRANT, grant, new FakeSigner(owner))])
    for (const sender of grant.senders) await this.disk(sender).documents.put(GRANT, signed)
    await this.disk(owner).documents.put(GRANT, signed)
    return identifier
  }

  /** Ends all processes in order. */
  async close(): Promise<void> {
    for (const { queries, releases, holder, fuse, epoch, means } of this.#processes.values()) {
      if (fuse.blown) continue
      await queries?.dispose()
      await releases?.dispose()
      await holder?.dispose()
      await (epoch.releases as LocalReleases).dispose()
      means.dispose()
    }
  }

  async #alive<T>(fuse: Fuse, answer: Promise<T>): Promise<T> {
    const value = await answer
    return fuse.blown ? await new Promise(() => undefined) : value
  }
}
