/**
 * Many key holders: the ceremony, a query, one holder replaced, and a query after it; seconds and bytes that the evaluator sent and received. A small network on a tiny, insecure ring, so that what
 * grows with the number of holders is what is seen. Every party in one process and one thread, without a network.
 *
 * Arguments: holders (100), threshold (more than half of them). Prints JSON.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { architectureOf, calibrate, fuse, importOnnx, plan } from '@slytherin/engine'
import { InMemoryShareLedger } from '@slytherin/mhe'
import {
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
import { MemoryNetwork } from '@slytherin/protocol/testing'

const COUNT = Number(process.argv[2] ?? 100)
const THRESHOLD = Number(process.argv[3] ?? Math.floor(COUNT / 2) + 1)
const HOLDERS = Array.from({ length: COUNT }, (_, k) => `holder-${k + 1}`)
const ROSTER = [
  { peer: 'evaluator', roles: ['evaluator'] },
  ...[...HOLDERS, 'holder-new'].map(peer => ({ peer, roles: ['key-holder'] })),
  { peer: 'owner', roles: ['model-owner'] },
  { peer: 'querier', roles: ['data-owner', 'querier'] }
]
const DAY = 86_400_000
const BATCH = 2
const FEATURES = 30

const samples = count =>
  Array.from({ length: count }, (_, i) => Float64Array.from({ length: FEATURES }, (_, k) => Math.sin(i * FEATURES + k)))
const onnx = await readFile(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
const network = fuse(importOnnx(onnx))
const ranges = calibrate(network, samples(64))
const planned = plan(architectureOf(network, ranges), {
  batch: BATCH,
  data: 'encrypted',
  weights: 'encrypted',
  parties: COUNT,
  threshold: THRESHOLD,
  minimumRefreshes: 1,
  insecure: true,
  logN: 8,
  floodingBits: 30,
  maximumDecryptions: 1024
})

/** Signatures are not what is measured. */
const signerOf = self => {
  const signature = (peer, bytes) => createHash('sha256').update(peer).update(bytes).digest()
  return {
    self,
    sign: async bytes => signature(self, bytes),
    verify: async (peer, bytes, given) => signature(peer, bytes).equals(given)
  }
}

const wires = new MemoryNetwork()
const nodes = new Map()
const cryptographies = []
for (const { peer } of ROSTER) {
  const secrets = new MemorySecretStore()
  const contents = new MemoryContentStore()
  const cryptography = await LocalServiceCryptography.create({
    self: peer,
    secrets,
    contents,
    ledger: new InMemoryShareLedger(),
    allowInsecure: true,
    models: async () => ({ name: 'mlp', onnx, ranges: () => ranges })
  })
  cryptographies.push(cryptography)
  const documents = new MemoryDocumentStore()
  const stores = { documents, records: new MemoryRecordStore(), secrets, contents, spendings: new MemorySpendingStore() }
  const node = await ServiceNode.start({
    transport: wires.transport(peer),
    signer: signerOf(peer),
    software: 'bench',
    roster: () => ROSTER,
    cryptography,
    stores,
    policy: { allowInsecure: true },
    // In one thread a party is silent while the others compute.
    patience: 600_000,
    onError: error => console.error(`${peer}: ${error.message}`)
  })
  nodes.set(peer, node)
}
const { bytes } = wires.transport('evaluator')
const round = value => Number(value.toPrecision(3))
const figures = {}

async function measured(name, body) {
  const [sent, received, start] = [bytes.sent(), bytes.received(), performance.now()]
  const result = await body()
  const megabytes = (bytes.sent() - sent + bytes.received() - received) / 1e6
  figures[name] = { seconds: round((performance.now() - start) / 1000), megabytes: round(megabytes) }
  console.error(name, JSON.stringify(figures[name]))
  return result
}

/** Until it is there. */
const until = async found => {
  for (;;) {
    const value = await found().catch(() => undefined)
    if (value !== undefined && value !== false) return value
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
const evaluator = nodes.get('evaluator')
await until(async () => ROSTER.every(({ peer }) => evaluator.membership.isUp(peer)))
const { signal } = new AbortController()
const created = Date.now()
const proposal = {
  kind: 'epoch-proposal',
  version: 1,
  cohort: 'bench',
  nonce: randomBytes(16).toString('hex'),
  created,
  expires: created + 365 * DAY,
  evaluator: 'evaluator',
  holders: HOLDERS.map((peer, k) => ({ peer, point: k + 1 })),
  threshold: THRESHOLD,
  witnesses: [],
  parameters: planned.parameters,
  proofs: true,
  floodingBits: planned.floodingBits,
  maximumDecryptions: planned.maximumDecryptions,
  maximumRefreshes: 1_000_000,
  relinearizationLevel: planned.relinearizationLevel,
  galois: planned.galoisKeys.map(({ element, level }) => ({ element, level }))
}
const { document: record } = await measured('ceremony', async () => await evaluator.createEpoch(proposal, signal))
const { epoch } = record.sharing
for (const peer of ['owner', 'querier']) await until(async () => await nodes.get(peer).epochs.epoch(epoch))
const release = await measured('publish', async () =>
  nodes.get('owner').publisher.publish({ epoch, model: 'mlp', name: 'mlp', revision: '1', planner: () => planned })
)
const grant = await nodes.get('owner').issue(GRANT, {
  kind: 'grant',
  version: 1,
  epoch,
  issuer: 'owner',
  querier: 'querier',
  senders: ['querier'],
  models: ['*'],
  nonce: randomBytes(16).toString('hex'),
  created,
  expires: created + DAY,
  queries: 10,
  decryptions: 1000
})
const querier = nodes.get('querier')
await until(async () => (await querier.grantsFor(epoch, 'owner', 'mlp'))[0])
await until(async () => await querier.documents.get(RELEASE, release))
let worst = 0
const ask = async name => {
  const asked = samples(BATCH)
  const { logits } = await measured(name, async () => await querier.client.ask(release, asked, { grant }))
  for (const [i, sample] of asked.entries()) {
    network.forward(sample).forEach((value, c) => {
      worst = Math.max(worst, Math.abs(value - logits[i][c]))
    })
  }
}
await ask('query')
// As many deal as must: all dealing to all at once is more than one thread does before they take each other for absent.
const others = new Set(HOLDERS.slice(THRESHOLD))
const holders = [...HOLDERS.slice(1), 'holder-new']
await measured('one holder replaced', async () => await evaluator.reshare(epoch, holders, THRESHOLD, signal, others))
await ask('query after it')
const machine = cpus()[0].model
console.log(JSON.stringify({ machine, threshold: `${THRESHOLD} of ${COUNT}`, logN: 8, ...figures, worstError: round(worst) }, null, 2))
for (const node of nodes.values()) await node.stop()
for (const cryptography of cryptographies) await cryptography.dispose()
