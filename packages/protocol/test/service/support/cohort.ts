/** Parties that make keys together, in one process: real cryptography on a small ring, stores that outlive a restart. */
import { randomBytes } from 'node:crypto'
import { InMemoryShareLedger } from '@slytherin/mhe'
import type { Plan } from '@slytherin/protocol'
import {
  type EpochProposal,
  type EpochRecord,
  Epochs,
  LocalServiceCryptography,
  MemoryContentStore,
  MemoryRecordStore,
  MemorySecretStore,
  Responder,
  type SharingRecord,
  type Signed,
  TransportCaller
} from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { FakeSigner } from '../../support/fake-signer.js'

export interface Disk {
  readonly records: MemoryRecordStore
  readonly contents: MemoryContentStore
  readonly secrets: MemorySecretStore
  readonly ledger: InMemoryShareLedger
  readonly epochs: Map<string, Signed<EpochRecord>>
  readonly sharings: Signed<SharingRecord>[]
}

export interface CohortParty {
  readonly epochs: Epochs
  readonly disk: Disk
  readonly cryptography: LocalServiceCryptography
}

export class TestCohort {
  readonly network = new MemoryNetwork()
  readonly parties = new Map<string, CohortParty>()
  readonly refused: Error[] = []
  readonly abandoned: string[] = []
  readonly down = new Set<string>()
  readonly #disks = new Map<string, Disk>()

  async start(self: string): Promise<CohortParty> {
    const disk: Disk = this.#disks.get(self) ?? {
      records: new MemoryRecordStore(),
      contents: new MemoryContentStore(),
      secrets: new MemorySecretStore(),
      ledger: new InMemoryShareLedger(),
      epochs: new Map(),
      sharings: []
    }
    this.#disks.set(self, disk)
    const transport = this.network.transport(self)
    const { secrets, contents, ledger, records } = disk
    const cryptography = await LocalServiceCryptography.create({ self, secrets, contents, ledger, allowInsecure: true })
    const epochs = new Epochs({
      self,
      signer: new FakeSigner(self),
      caller: new TransportCaller(transport),
      cryptography,
      records,
      epochs: {
        put: async record => void disk.epochs.set(record.document.sharing.epoch, structuredClone(record)),
        get: async epoch => disk.epochs.get(epoch),
        list: async () => [...disk.epochs.values()],
        putSharing: async record => void disk.sharings.push(structuredClone(record)),
        sharings: async epoch => disk.sharings.filter(({ document }) => document.epoch === epoch)
      },
      policy: { evaluator: peer => peer === 'evaluator', holder: peer => peer.startsWith('holder'), allowInsecure: true },
      up: peer => !this.down.has(peer),
      onRefused: error => this.refused.push(error),
      onAbandoned: (culprit, reason) => this.abandoned.push(`${self}: ${culprit}: ${reason}`)
    })
    const responder = new Responder({ known: () => true, onRefused: error => this.refused.push(error) })
    epochs.register(responder)
    responder.serve(transport)
    const party = { epochs, disk, cryptography }
    this.parties.set(self, party)
    return party
  }

  party(self: string): CohortParty {
    return this.parties.get(self)!
  }

  async restart(self: string): Promise<CohortParty> {
    this.network.kill(self)
    await this.stop(self)
    const party = await this.start(self)
    this.network.revive(self)
    return party
  }

  async stop(self: string): Promise<void> {
    const party = this.parties.get(self)
    this.parties.delete(self)
    await party?.epochs.dispose()
    await party?.cryptography.dispose()
  }

  async close(): Promise<void> {
    for (const self of [...this.parties.keys()]) await this.stop(self)
  }
}

export function proposalFor(plan: Plan, threshold: number, holders: number): EpochProposal {
  const created = Date.now()
  return {
    kind: 'epoch-proposal',
    version: 1,
    cohort: 'test',
    nonce: randomBytes(16).toString('hex'),
    created,
    expires: created + 86_400_000 * 365,
    evaluator: 'evaluator',
    holders: Array.from({ length: holders }, (_, i) => ({ peer: `holder-${i + 1}`, point: i + 1 })),
    threshold,
    witnesses: [],
    parameters: plan.parameters,
    proofs: true,
    floodingBits: plan.floodingBits,
    maximumDecryptions: plan.maximumDecryptions,
    maximumRefreshes: 1_000_000,
    relinearizationLevel: plan.relinearizationLevel,
    galois: plan.galoisKeys.slice(0, 2).map(({ element, level }) => ({ element, level }))
  }
}
