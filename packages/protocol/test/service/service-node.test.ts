/** Whole parties of a service, put together as a deployment does, in one process: keys, model, grants, queries, parties that come and go. */
import { InMemoryShareLedger } from '@slytherin/mhe'
import type { RosterEntry } from '@slytherin/protocol'
import {
  GRANT,
  type Grant,
  LocalServiceCryptography,
  MemoryContentStore,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySecretStore,
  MemorySpendingStore,
  RELEASE,
  REVOCATION,
  ServiceNode
} from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { afterEach, expect, test } from 'vitest'
import { FakeSigner } from '../support/fake-signer.js'
import { realSamples } from '../support/real-session.js'
import { proposalFor } from './support/cohort.js'
import { errorOf, modelSource, smallPlan } from './support/small-model.js'

const SAMPLES = realSamples(2)
const PARTIES = ['evaluator', 'holder-1', 'holder-2', 'holder-3', 'owner', 'querier-1', 'querier-2']
const ROLES: Record<string, RosterEntry['roles']> = { evaluator: ['evaluator'], owner: ['model-owner'] }
const ROSTER: RosterEntry[] = PARTIES.map(peer => ({
  peer,
  roles: ROLES[peer] ?? (peer.startsWith('holder') ? ['key-holder'] : ['querier', 'data-owner'])
}))

class Service {
  readonly network = new MemoryNetwork()
  readonly nodes = new Map<string, ServiceNode>()
  readonly errors: string[] = []
  readonly #disks = new Map<string, ReturnType<typeof freshDisk>>()
  readonly #cryptography = new Map<string, LocalServiceCryptography>()

  async start(self: string): Promise<ServiceNode> {
    const disk = this.#disks.get(self) ?? freshDisk()
    this.#disks.set(self, disk)
    const { secrets, contents, ledger } = disk
    const cryptography = await LocalServiceCryptography.create({
      self,
      secrets,
      contents,
      ledger,
      allowInsecure: true,
      models: async () => modelSource
    })
    this.#cryptography.set(self, cryptography)
    const node = await ServiceNode.start({
      transport: this.network.transport(self),
      signer: new FakeSigner(self),
      software: 'test',
      roster: () => ROSTER,
      cryptography,
      stores: disk,
      policy: { allowInsecure: true },
      patience: 2_000,
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

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 20_000
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`never: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

async function served() {
  const service = new Service()
  services.push(service)
  for (const self of PARTIES) await service.start(self)
  const plan = smallPlan({ parties: 3, threshold: 2 })
  await until(async () => ROSTER.every(({ peer }) => service.node('evaluator').membership.isUp(peer)), 'everybody up')
  const record = await service.node('evaluator').createEpoch(proposalFor(plan, 2, 3), AbortSignal.timeout(60_000))
  const { epoch } = record.document.sharing
  await until(async () => (await service.node('owner').epochs.list()).length === 1, 'the owner knows the epoch')
  const release = await service
    .node('owner')
    .publisher.publish({ epoch, model: 'm', name: 'model', revision: '1', planner: () => plan, signal: AbortSignal.timeout(60_000) })
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

test('keys once, then two queriers ask, with a holder gone, parties started again, and the owner away', async () => {
  const { service, epoch, release, grant, known } = await served()
  const first = await grant('querier-1')
  await known('querier-1', first)
  const ask = async (querier: string, under: string) => {
    const { logits } = await service.node(querier).client.ask(release, SAMPLES, { grant: under, signal: AbortSignal.timeout(60_000) })
    expect(errorOf(SAMPLES, logits)).toBeLessThan(0.01)
  }
  await ask('querier-1', first)
  expect(await service.node('querier-1').grantsFor(epoch, 'owner', 'model')).toMatchObject([{ identifier: first }])
  const second = await grant('querier-2')
  await known('querier-2', second)
  await service.stop('owner')
  await service.stop('holder-1')
  await service.stop('evaluator')
  // Its first query: it lacks the public key, too.
  const waiting = ask('querier-2', second)
  await service.start('evaluator')
  // Whoever asks as soon as it answers is not told to wait.
  expect(service.node('evaluator').releases?.list()).toMatchObject([{ release, state: 'ready' }])
  service.network.revive('evaluator')
  await waiting
  await service.restart('holder-2')
  await ask('querier-1', first)
  const proposal = (await service.node('holder-2').epochs.epoch(epoch)).record.proposal
  const { decryptions, refreshes } = await service.node('holder-2').books.epochUse(epoch, proposal)
  expect(decryptions.used).toBeGreaterThan(0)
  expect(refreshes.used).toBeGreaterThan(0)
})

test('who was away is told what it missed; what was revoked, or is spent, is refused by name', async () => {
  const { service, release, grant, known } = await served()
  await service.stop('querier-1')
  const once = await grant('querier-1', { queries: 1 })
  await service.start('querier-1')
  service.network.revive('querier-1')
  await known('querier-1', once)
  const ask = async (under: string) =>
    await service.node('querier-1').client.ask(release, SAMPLES, { grant: under, signal: AbortSignal.timeout(60_000) })
  await ask(once)
  await expect(ask(once)).rejects.toThrow(/at most 1 queries.*slytherin grant create/)
  const other = await grant('querier-1')
  await known('querier-1', other)
  // Who may ask what is not told to others who ask.
  const later = await grant('querier-2')
  await known('querier-2', later)
  expect((await service.node('querier-2').all(GRANT)).map(({ document: { querier } }) => querier)).toEqual(['querier-2'])
  const { document } = (await service.node('owner').documents.get(GRANT, other))!
  await service.node('owner').issue(REVOCATION, {
    kind: 'revocation',
    version: 1,
    epoch: document.epoch,
    grant: other,
    issuer: 'owner',
    created: Date.now()
  })
  await until(async () => await service.node('evaluator').books.isRevoked(document.epoch, other), 'the evaluator knows the revocation')
  await expect(ask(other)).rejects.toThrow(/revoked/)
})

test('documents of those who may not make them are not kept, and the refusal says why', async () => {
  const { service, epoch } = await served()
  const forged: Grant = {
    kind: 'grant',
    version: 1,
    epoch,
    issuer: 'querier-2',
    querier: 'querier-2',
    senders: ['querier-2'],
    models: ['*'],
    nonce: '0'.repeat(32),
    created: Date.now(),
    expires: Date.now() + 1_000_000,
    queries: 1_000,
    decryptions: 1_000
  }
  const identifier = await service.node('querier-2').issue(GRANT, forged)
  await until(async () => service.errors.some(error => /evaluator: .*grant.*model-owner of the roster/.test(error)), 'a refusal')
  expect(await service.node('evaluator').documents.get(GRANT, identifier)).toBeUndefined()
})
