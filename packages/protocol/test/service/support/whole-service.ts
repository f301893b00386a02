/** Whole parties of a service, put together as a deployment does, in one process: real cryptography on a small ring, stores that outlive a restart. */
import { InMemoryShareLedger } from '@slytherin/mhe'
import type { RosterEntry } from '@slytherin/protocol'
import {
  type ContentStore,
  GRANT,
  type Grant,
  LocalServiceCryptography,
  MemoryContentStore,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySecretStore,
  MemorySpendingStore,
  type PublishRequest,
  RELEASE,
  type Release,
  type ServiceCryptography,
  ServiceNode,
  type ServiceNodeOptions,
  type Signed
} from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { afterEach } from 'vitest'
import { FakeSigner } from '../../support/fake-signer.js'
import { KERNEL, proposalFor } from './cohort.js'
import { modelSource, smallPlan } from './small-model.js'

const ROLES: Record<string, RosterEntry['roles']> = {
  evaluator: ['evaluator'],
  holder: ['key-holder'],
  owner: ['model-owner'],
  querier: ['querier', 'data-owner'],
  witness: ['witness']
}

/** By the beginning of their names: `holder-1` is a key holder. */
export function rosterOf(parties: readonly string[]): RosterEntry[] {
  return parties.map(peer => ({ peer, roles: ROLES[peer.split('-')[0]!]! }))
}

export interface ServiceOptions {
  readonly parties: readonly string[]
  /** A party's own. */
  readonly policy?: (self: string) => ServiceNodeOptions['policy']
  readonly next?: ServiceNodeOptions['next']
  readonly publish?: Partial<PublishRequest>
  /** A party whose cryptography is another one: one that deviates. */
  readonly cryptography?: (self: string, real: ServiceCryptography, contents: ContentStore) => ServiceCryptography
}

export class Service {
  readonly network = new MemoryNetwork()
  readonly nodes = new Map<string, ServiceNode>()
  readonly errors: string[] = []
  readonly roster: RosterEntry[]
  /** Clock of those that are started from now on. */
  now: () => number = Date.now
  readonly #options: ServiceOptions
  readonly #disks = new Map<string, ReturnType<typeof freshDisk>>()
  readonly #cryptography = new Map<string, LocalServiceCryptography>()

  constructor(options: ServiceOptions) {
    this.#options = options
    this.roster = rosterOf(options.parties)
  }

  disk(self: string): ReturnType<typeof freshDisk> {
    const disk = this.#disks.get(self) ?? freshDisk()
    this.#disks.set(self, disk)
    return disk
  }

  async start(self: string): Promise<ServiceNode> {
    const disk = this.disk(self)
    const { secrets, contents, ledger } = disk
    const { policy, next, cryptography: other } = this.#options
    const cryptography = await LocalServiceCryptography.create({
      self,
      secrets,
      contents,
      ledger,
      allowInsecure: true,
      kernelVariant: KERNEL,
      models: async () => modelSource
    })
    this.#cryptography.set(self, cryptography)
    const node = await ServiceNode.start({
      transport: this.network.transport(self),
      signer: new FakeSigner(self),
      software: 'test',
      roster: () => this.roster,
      cryptography: other?.(self, cryptography, contents) ?? cryptography,
      stores: disk,
      policy: { allowInsecure: true, ...policy?.(self) },
      patience: 2_000,
      now: () => this.now(),
      ...(next === undefined ? {} : { next }),
      onError: error => this.errors.push(`${self}: ${error.message}`)
    })
    this.nodes.set(self, node)
    return node
  }

  async stop(self: string): Promise<void> {
    this.network.kill(self)
    await this.nodes.get(self)?.stop()
    await this.#cryptography.get(self)?.dispose()
    this.nodes.delete(self)
  }

  async restart(self: string): Promise<ServiceNode> {
    await this.stop(self)
    const node = await this.start(self)
    this.network.revive(self)
    return node
  }

  node(self: string): ServiceNode {
    return this.nodes.get(self)!
  }

  async close(): Promise<void> {
    for (const self of [...this.nodes.keys()]) await this.stop(self)
  }
}

function freshDisk() {
  return {
    documents: new MemoryDocumentStore(),
    records: new MemoryRecordStore(),
    secrets: new MemorySecretStore(),
    contents: new MemoryContentStore(),
    spendings: new MemorySpendingStore(),
    ledger: new InMemoryShareLedger()
  }
}

/** Counts grants: no two are the same. */
let grants = 0
const services: Service[] = []
afterEach(async () => {
  for (const service of services.splice(0)) await service.close()
})

export async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const end = Date.now() + 60_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Everybody up, keys of three holders of whom two suffice, one release, and a way to grants. */
export async function served(options: ServiceOptions) {
  const service = new Service(options)
  services.push(service)
  for (const self of options.parties) await service.start(self)
  const plan = smallPlan({ parties: 3, threshold: 2 })
  await until(() => options.parties.every(peer => service.node('evaluator').membership.isUp(peer)), 'everybody up')
  const witnesses = options.parties.filter(peer => peer.startsWith('witness'))
  const record = await service.node('evaluator').createEpoch({ ...proposalFor(plan, 2, 3), witnesses }, AbortSignal.timeout(60_000))
  const { epoch } = record.document.sharing
  await until(async () => (await service.node('owner').epochs.list()).length === 1, 'the owner knows the epoch')
  const release = await service.node('owner').publisher.publish({
    epoch,
    model: 'm',
    name: 'model',
    revision: '1',
    planner: () => plan,
    signal: AbortSignal.timeout(60_000),
    ...options.publish
  })
  const grant = async (querier: string, more: Partial<Grant> = {}): Promise<string> => {
    const document: Grant = {
      kind: 'grant',
      version: 1,
      epoch,
      issuer: 'owner',
      querier,
      senders: [querier],
      models: ['model'],
      nonce: (++grants).toString(16).padStart(32, '0'),
      created: Date.now(),
      expires: Date.now() + 86_400_000,
      queries: 10,
      decryptions: 100,
      ...more
    }
    return await service.node('owner').issue(GRANT, document)
  }
  const known = async (self: string, identifier: string): Promise<void> => {
    await until(async () => (await service.node(self).documents.get(GRANT, identifier)) !== undefined, `${self} knows its grant`)
    await until(async () => (await service.node(self).documents.get(RELEASE, release)) !== undefined, `${self} knows the release`)
  }
  return { service, epoch, release, grant, known }
}

/** The release that came of moving another, once a party knows it. */
export async function movedFrom(service: Service, release: string, party = 'evaluator'): Promise<Signed<Release>> {
  const find = async (): Promise<Signed<Release> | undefined> =>
    (await service.node(party).all(RELEASE)).find(({ document }) => document.moved?.from.at(-1)?.release === release)
  await until(async () => (await find()) !== undefined, `${party} knows the moved release`)
  return (await find())!
}
