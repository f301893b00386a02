/**
 * A cohort in one process and one thread, without a network: its ceremony, a model with one refresh published, a query, one holder replaced, a query after it. A small network on a
 * tiny, insecure ring, so that what grows with the number of holders is what is seen.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { architectureOf, calibrate, fuse, importOnnx, type Network, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import type { Plan, RosterEntry, Signer } from '@slytherin/protocol'
import {
  type EpochProposal,
  GRANT,
  LocalServiceCryptography,
  MemoryContentStore,
  MemoryDocumentStore,
  MemoryRecordStore,
  MemorySecretStore,
  MemorySpendingStore,
  RELEASE,
  ServiceNode
} from '@slytherin/protocol/service'
import { until } from '../service/until.js'
import type { Phase } from './phases.js'
import { type PhaseTraffic, Traffic } from './traffic.js'

const MODEL = fileURLToPath(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
const FEATURES = 30
/** Of the ring: too small to be secure, so that polynomials cost little. */
export const COHORT_LOG_N = 8
const BATCH = 2
const CALIBRATION = 64
const FLOODING_BITS = 30
const MAXIMUM_DECRYPTIONS = 1024
const DAY = 86_400_000
const POLL_MS = 10
/** In one thread a party is silent while the others compute. */
const PATIENCE_MS = 600_000

export const COHORT_EVALUATOR = 'evaluator'
const OWNER = 'owner'
const QUERIER = 'querier'
const SUCCESSOR = 'holder-new'

export interface CohortRun {
  readonly holders: number
  readonly threshold: number
  /** Of the second query nothing is counted: it says that the new shares are good. */
  readonly phases: ReadonlyMap<Phase, PhaseTraffic>
  readonly rotationKeys: number
  readonly refreshes: number
  readonly seconds: {
    readonly ceremony: number
    readonly publication: number
    readonly query: number
    readonly replacement: number
  }
  /** Largest difference between a decrypted logit and the network's, of both queries. */
  readonly worstError: number
}

/** @throws whatever a ceremony or a query ends with */
export async function runCohort(holders: number, threshold: number, signal: AbortSignal): Promise<CohortRun> {
  const names = Array.from({ length: holders }, (_, k) => `holder-${k + 1}`)
  const cohort = await Cohort.start(names)
  try {
    const { network, planned } = cohort.modelFor(holders, threshold)
    const { epoch, seconds: ceremony } = await cohort.ceremony(names, threshold, planned, signal)
    const { release, grant, seconds: publication } = await cohort.publish(epoch, planned, signal)
    const first = await cohort.ask(release, grant, network)
    const replacement = await cohort.replace(epoch, names, threshold, signal)
    const phases = cohort.traffic.take()
    const second = await cohort.ask(release, grant, network)
    const seconds = { ceremony, publication, query: first.seconds, replacement }
    const worstError = Math.max(first.error, second.error)
    const { galoisKeys, refreshes } = planned
    return { holders, threshold, phases, rotationKeys: galoisKeys.length, refreshes: refreshes.length, seconds, worstError }
  } finally {
    await cohort.stop()
  }
}

class Cohort {
  readonly traffic = new Traffic()
  readonly #nodes = new Map<string, ServiceNode>()
  readonly #cryptographies: LocalServiceCryptography[] = []
  readonly #onnx: Uint8Array
  readonly #network: Network
  readonly #ranges: ReturnType<typeof calibrate>

  private constructor(onnx: Uint8Array) {
    this.#onnx = onnx
    this.#network = fuse(importOnnx(onnx))
    this.#ranges = calibrate(this.#network, samples(CALIBRATION))
  }

  /** Holders, one more who is to take the place of the first, an evaluator, a model owner, a querier. */
  static async start(holders: readonly string[]): Promise<Cohort> {
    const cohort = new Cohort(await readFile(MODEL))
    const roster: RosterEntry[] = [
      { peer: COHORT_EVALUATOR, roles: ['evaluator'] },
      ...[...holders, SUCCESSOR].map(peer => ({ peer, roles: ['key-holder' as const] })),
      { peer: OWNER, roles: ['model-owner'] },
      { peer: QUERIER, roles: ['data-owner', 'querier'] }
    ]
    for (const { peer } of roster) await cohort.#add(peer, roster)
    const { membership } = cohort.#node(COHORT_EVALUATOR)
    await until(async () => roster.every(({ peer }) => membership.isUp(peer)), new AbortController().signal, POLL_MS)
    return cohort
  }

  modelFor(parties: number, threshold: number): { network: Network; planned: Plan } {
    const planned = plan(architectureOf(this.#network, this.#ranges), {
      batch: BATCH,
      data: 'encrypted',
      weights: 'encrypted',
      parties,
      threshold,
      minimumRefreshes: 1,
      insecure: true,
      logN: COHORT_LOG_N,
      floodingBits: FLOODING_BITS,
      maximumDecryptions: MAXIMUM_DECRYPTIONS
    })
    return { network: this.#network, planned }
  }

  async ceremony(
    holders: readonly string[],
    threshold: number,
    planned: Plan,
    signal: AbortSignal
  ): Promise<{ epoch: string; seconds: number }> {
    const created = Date.now()
    const { parameters, floodingBits, maximumDecryptions, relinearizationLevel, galoisKeys } = planned
    const proposal: EpochProposal = {
      kind: 'epoch-proposal',
      version: 1,
      cohort: 'cohort',
      nonce: nonceOf(`epoch of ${holders.length}`),
      created,
      expires: created + 365 * DAY,
      evaluator: COHORT_EVALUATOR,
      holders: holders.map((peer, k) => ({ peer, point: k + 1 })),
      threshold,
      witnesses: [],
      parameters,
      proofs: true,
      floodingBits,
      maximumDecryptions,
      maximumRefreshes: 1_000_000,
      relinearizationLevel,
      galois: galoisKeys.map(({ element, level }) => ({ element, level }))
    }
    const { value, seconds } = await timed(async () => await this.#node(COHORT_EVALUATOR).createEpoch(proposal, signal))
    const { epoch } = value.document.sharing
    for (const peer of [OWNER, QUERIER]) {
      const { epochs } = this.#node(peer)
      await until(async () => await known(epochs.epoch(epoch)), signal, POLL_MS)
    }
    return { epoch, seconds }
  }

  async publish(epoch: string, planned: Plan, signal: AbortSignal): Promise<{ release: string; grant: string; seconds: number }> {
    const owner = this.#node(OWNER)
    const querier = this.#node(QUERIER)
    const { value: release, seconds } = await timed(
      async () => await owner.publisher.publish({ epoch, model: 'model', name: 'model', revision: '1', planner: () => planned })
    )
    const created = Date.now()
    const grant = await owner.issue(GRANT, {
      kind: 'grant',
      version: 1,
      epoch,
      issuer: OWNER,
      querier: QUERIER,
      senders: [QUERIER],
      models: ['*'],
      nonce: nonceOf('grant'),
      created,
      expires: created + DAY,
      queries: 10,
      decryptions: MAXIMUM_DECRYPTIONS
    })
    await until(async () => (await querier.grantsFor(epoch, OWNER, 'model')).length > 0, signal, POLL_MS)
    await until(async () => (await querier.documents.get(RELEASE, release)) !== undefined, signal, POLL_MS)
    return { release, grant, seconds }
  }

  async ask(release: string, grant: string, network: Network): Promise<{ seconds: number; error: number }> {
    const asked = samples(BATCH)
    const { value, seconds } = await timed(async () => await this.#node(QUERIER).client.ask(release, asked, { grant }))
    const errors = asked.flatMap((sample, i) => Array.from(network.forward(sample), (logit, c) => Math.abs(logit - value.logits[i]![c]!)))
    return { seconds, error: Math.max(...errors) }
  }

  /** The first holder leaves, another takes its place; as many deal as must. @returns seconds */
  async replace(epoch: string, holders: readonly string[], threshold: number, signal: AbortSignal): Promise<number> {
    const others = new Set(holders.slice(threshold))
    const after = [...holders.slice(1), SUCCESSOR]
    const { seconds } = await timed(async () => await this.#node(COHORT_EVALUATOR).reshare(epoch, after, threshold, signal, others))
    return seconds
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes.values()) await node.stop()
    for (const cryptography of this.#cryptographies) await cryptography.dispose()
  }

  #node(peer: string): ServiceNode {
    return this.#nodes.get(peer)!
  }

  async #add(peer: string, roster: readonly RosterEntry[]): Promise<void> {
    const secrets = new MemorySecretStore()
    const contents = new MemoryContentStore()
    const cryptography = await LocalServiceCryptography.create({
      self: peer,
      secrets,
      contents,
      ledger: new InMemoryShareLedger(),
      allowInsecure: true,
      models: async () => ({ name: 'model', onnx: this.#onnx, ranges: () => this.#ranges })
    })
    this.#cryptographies.push(cryptography)
    const node = await ServiceNode.start({
      transport: this.traffic.transport(peer),
      signer: signerOf(peer),
      software: 'cohorts',
      roster: () => roster,
      cryptography,
      stores: {
        documents: new MemoryDocumentStore(),
        records: new MemoryRecordStore(),
        secrets,
        contents,
        spendings: new MemorySpendingStore()
      },
      policy: { allowInsecure: true },
      patience: PATIENCE_MS,
      onError: error => process.stderr.write(`${peer}: ${error.message}\n`)
    })
    this.#nodes.set(peer, node)
  }
}

const samples = (count: number): Float64Array[] =>
  Array.from({ length: count }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * FEATURES + k)))

const nonceOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** Signatures are not what is measured. */
function signerOf(self: string): Signer {
  const signature = (peer: string, bytes: Uint8Array): Buffer => createHash('sha256').update(peer).update(bytes).digest()
  return {
    self,
    sign: async bytes => signature(self, bytes),
    verify: async (peer, bytes, given) => signature(peer, bytes).equals(given)
  }
}

/** What is not known here, or not yet, is refused. */
const known = async (document: Promise<unknown>): Promise<boolean> =>
  await document.then(
    found => found !== undefined,
    () => false
  )

async function timed<T>(body: () => Promise<T>): Promise<{ value: T; seconds: number }> {
  const began = performance.now()
  const value = await body()
  return { value, seconds: (performance.now() - began) / 1000 }
}
