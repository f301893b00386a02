/** Parties that make keys together, in one process: real cryptography on a small ring, stores that outlive a restart. */
import { createHash } from 'node:crypto'
import { Context, Parameters, SecretKey } from '@slytherin/ckks'
import { ActiveSet, InMemoryShareLedger, ShamirShare } from '@slytherin/mhe'
import type { Plan } from '@slytherin/protocol'
import {
  DEALT,
  type Dealt,
  type DocumentKind,
  decodeCall,
  type EpochProposal,
  type EpochRecord,
  Epochs,
  encodeCall,
  identify,
  LocalServiceCryptography,
  MemoryContentStore,
  MemoryRecordStore,
  MemorySecretStore,
  Responder,
  type SharingRecord,
  type Signed,
  signedDigest,
  TransportCaller,
  withSignatures
} from '@slytherin/protocol/service'
import { MemoryNetwork } from '@slytherin/protocol/testing'
import { loadKernel } from '@slytherin/ring'
import { afterEach } from 'vitest'
import { FakeSigner } from '../../support/fake-signer.js'
import { smallPlan } from './small-model.js'

/** Named, not chosen: to find the fastest takes longer than what a party computes on a small ring. */
export const KERNEL = 'simd'
export const kernel = await loadKernel({ variant: KERNEL })

/** Counts proposals: no two are the same. */
let proposals = 0

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
  /** Milliseconds by which everybody's clock is ahead. */
  ahead = 0
  /** Of everybody's roster. */
  witnesses: readonly string[] = []
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
    const cryptography = await LocalServiceCryptography.create({
      self,
      secrets,
      contents,
      ledger,
      allowInsecure: true,
      kernelVariant: KERNEL
    })
    const epochs = new Epochs({
      self,
      signer: new FakeSigner(self),
      caller: new TransportCaller(transport),
      cryptography,
      records,
      contents,
      epochs: {
        put: async record => void disk.epochs.set(record.document.sharing.epoch, structuredClone(record)),
        get: async epoch => disk.epochs.get(epoch),
        list: async () => [...disk.epochs.values()],
        putSharing: async record => void disk.sharings.push(structuredClone(record)),
        sharings: async epoch => disk.sharings.filter(({ document }) => document.epoch === epoch)
      },
      policy: {
        evaluator: peer => peer === 'evaluator',
        holder: peer => peer.startsWith('holder'),
        witnesses: () => this.witnesses,
        allowInsecure: true
      },
      now: () => Date.now() + this.ahead,
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
    nonce: createHash('sha256').update(`proposal ${proposals++}`).digest('hex').slice(0, 32),
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

const cohorts: TestCohort[] = []
afterEach(async () => {
  for (const cohort of cohorts.splice(0)) await cohort.close()
})

export async function cohortOf(holders: number): Promise<TestCohort> {
  const cohort = new TestCohort()
  cohorts.push(cohort)
  for (const self of ['evaluator', ...Array.from({ length: holders }, (_, i) => `holder-${i + 1}`)]) await cohort.start(self)
  return cohort
}

export async function created(
  threshold: number,
  holders: number
): Promise<{ cohort: TestCohort; record: Signed<EpochRecord>; proposal: EpochProposal }> {
  const cohort = await cohortOf(holders)
  const proposal = proposalFor(smallPlan({ parties: holders }), threshold, holders)
  const record = await cohort.party('evaluator').epochs.create(proposal, AbortSignal.timeout(60_000))
  return { cohort, record, proposal }
}

/** The secret that these holders make together, from what is on their disks. */
export async function secretOf(cohort: TestCohort, context: Context, epoch: string, points: readonly number[]): Promise<SecretKey> {
  const shares: ShamirShare[] = []
  for (const point of points) {
    const bytes = await cohort.party(`holder-${point}`).disk.secrets.get(`${epoch}/share`)
    shares.push(ShamirShare.deserialize(context, bytes!))
  }
  const active = new ActiveSet(shares[0]!.sharing.access, points)
  return SecretKey.sum(
    context,
    shares.map(share => share.additiveSecret(active))
  )
}

export function contextOf(proposal: EpochProposal): Context {
  const parameters = Parameters.fromJSON(proposal.parameters, { allowInsecure: true })
  return Context.create(parameters, kernel, { parties: proposal.holders.length })
}

/** Signs like `FakeSigner` does, at once. */
export function signedBy<T>(kind: DocumentKind<T>, document: T, peer: string): Signed<T> {
  const digest = signedDigest(identify(kind, document), peer)
  return withSignatures(document, [{ peer, signature: Buffer.from(FakeSigner.signature(peer, digest)).toString('hex') }])
}

/** Changes what a party answers to a kind of call: a party that deviates. */
export function rewriteReply(
  cohort: TestCohort,
  from: string,
  kind: string,
  change: (head: never, blobs: Uint8Array[]) => { head: unknown; blobs: Uint8Array[] }
): void {
  cohort.network.setFault(message => {
    if (message.direction !== 'response' || message.from !== from) return undefined
    const call = decodeCall(message.bytes, from)
    if (call.kind !== kind) return undefined
    const { head, blobs } = change(
      call.head as never,
      call.blobs.map(bytes => bytes.slice())
    )
    return encodeCall(kind, head, blobs)
  })
}

/** Envelope number `which` of what a dealer deals holds no share, and the announcement says so: a dealer that deviates. */
export function spoilEnvelope(cohort: TestCohort, dealer: string, kind: 'epoch/deal' | 'sharing/deal', which: number): void {
  rewriteReply(cohort, dealer, kind, ({ dealt }: { dealt: Signed<Dealt> }, [announcement, ...envelopes]) => {
    const envelope = envelopes[which]!
    const changed = envelope.slice()
    changed[changed.length - 1]! ^= 1
    const at = Buffer.from(announcement!).indexOf(hashOf(envelope))
    if (at < 0) throw new Error('the announcement does not name the envelope')
    announcement!.set(hashOf(changed), at)
    const document = { ...dealt.document, hash: createHash('sha256').update(announcement!).digest('hex') }
    return { head: { dealt: signedBy(DEALT, document, dealer) }, blobs: [announcement!, ...envelopes.with(which, changed)] }
  })
}

/** As announcements name an envelope. */
function hashOf(envelope: Uint8Array): Uint8Array {
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(envelope.length))
  return createHash('sha256').update(length).update(envelope).digest()
}
