/**
 * What a standing service saves: keys, publishing, the first query and those after it; seconds, seconds of processor, and bytes that the evaluator sent and received. CryptoNet with data and
 * model encrypted, three key holders of whom two suffice, every party with a kernel of its own, in one process and one thread, without a network.
 *
 * Arguments: samples per query (83), queries (3), witnesses (0): each runs every query again, in the same thread here, so that seconds are those of all of them one
 * after the other; seconds of processor are what it costs. Prints JSON.
 */
import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { gunzipSync } from 'node:zlib'
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

const BATCH = Number(process.argv[2] ?? 83)
const QUERIES = Number(process.argv[3] ?? 3)
const WITNESSES = Array.from({ length: Number(process.argv[4] ?? 0) }, (_, k) => `witness-${k + 1}`)
const THRESHOLD = 2
const HOLDERS = ['holder-1', 'holder-2', 'holder-3']
const ROSTER = [
  { peer: 'evaluator', roles: ['evaluator'] },
  ...HOLDERS.map(peer => ({ peer, roles: ['key-holder'] })),
  ...WITNESSES.map(peer => ({ peer, roles: ['witness'] })),
  { peer: 'owner', roles: ['model-owner'] },
  { peer: 'querier', roles: ['data-owner', 'querier'] }
]
const DAY = 86_400_000
const HEADER = 16
const PIXELS = 784
const models = new URL('../../../models/', import.meta.url)

const images = gunzipSync(await readFile(new URL('data/mnist-t10k-images-idx3-ubyte.gz', models)))
const image = k => Float64Array.from(images.subarray(HEADER + k * PIXELS, HEADER + (k + 1) * PIXELS), pixel => pixel / 255)
const onnx = await readFile(new URL('onnx/cryptonet-square.onnx', models))
const network = fuse(importOnnx(onnx))
const ranges = calibrate(
  network,
  Array.from({ length: 64 }, (_, k) => image(5000 + k))
)
const planned = plan(architectureOf(network, ranges), {
  batch: BATCH,
  data: 'encrypted',
  weights: 'encrypted',
  parties: HOLDERS.length,
  threshold: THRESHOLD,
  minimumRefreshes: 1
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
    warmUp: true,
    models: async () => ({ name: 'cryptonet', onnx, ranges: () => ranges })
  })
  cryptographies.push(cryptography)
  const stores = {
    documents: new MemoryDocumentStore(),
    records: new MemoryRecordStore(),
    secrets,
    contents,
    spendings: new MemorySpendingStore()
  }
  const node = await ServiceNode.start({
    transport: wires.transport(peer),
    signer: signerOf(peer),
    software: 'bench',
    roster: () => ROSTER,
    cryptography,
    stores,
    onError: error => console.error(`${peer}: ${error.message}`)
  })
  nodes.set(peer, node)
}
const { bytes } = wires.transport('evaluator')
const figures = {}

async function measured(name, body) {
  const [sent, received, start, before] = [bytes.sent(), bytes.received(), performance.now(), process.cpuUsage()]
  const result = await body()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  const megabytes = (bytes.sent() - sent + bytes.received() - received) / 1e6
  figures[name] = { seconds: round(seconds), processorSeconds: round((user + system) / 1e6), megabytes: round(megabytes) }
  return result
}

const round = value => Number(value.toPrecision(3))

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
  witnesses: WITNESSES,
  parameters: planned.parameters,
  proofs: true,
  floodingBits: planned.floodingBits,
  maximumDecryptions: planned.maximumDecryptions,
  maximumRefreshes: 1_000_000,
  relinearizationLevel: planned.relinearizationLevel,
  galois: planned.galoisKeys.map(({ element, level }) => ({ element, level }))
}
const { document: record } = await measured(
  'keys',
  async () => await nodes.get('evaluator').createEpoch(proposal, new AbortController().signal)
)
const { epoch } = record.sharing
/** Until members have told each other. */
const until = async found => {
  for (;;) {
    const value = await found().catch(() => undefined)
    if (value !== undefined) return value
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}
for (const peer of ['owner', 'querier']) await until(async () => await nodes.get(peer).epochs.epoch(epoch))
const release = await measured('publish', async () =>
  nodes.get('owner').publisher.publish({ epoch, model: 'cryptonet', name: 'cryptonet', revision: '1', planner: () => planned })
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
  queries: 1000,
  decryptions: 100_000
})
const querier = nodes.get('querier')
await until(async () => (await querier.grantsFor(epoch, 'owner', 'cryptonet'))[0])
await until(async () => await querier.documents.get(RELEASE, release))
// What a witness takes once: keys from signed shares, and the model.
if (WITNESSES.length > 0) {
  await measured('keys and model at the witnesses', async () => {
    for (const peer of WITNESSES) await until(async () => nodes.get(peer).witness.releases.ready(release))
  })
}
let worst = 0
for (let k = 0; k < QUERIES; k++) {
  const samples = Array.from({ length: BATCH }, (_, i) => image(k * BATCH + i))
  const query = await measured(`query ${k + 1}, inputs`, async () => await querier.client.submit(release, samples, { grant }))
  await measured(`query ${k + 1}, evaluation`, async () => await querier.client.follow(query))
  const logits = await measured(`query ${k + 1}, result`, async () => await querier.client.fetch(query))
  for (const [i, sample] of samples.entries()) {
    network.forward(sample).forEach((value, c) => {
      worst = Math.max(worst, Math.abs(value - logits[i][c]))
    })
  }
}
console.log(
  JSON.stringify(
    {
      machine: cpus()[0].model,
      model: 'cryptonet-square',
      logN: planned.parameters.logN,
      samples: BATCH,
      threshold: `${THRESHOLD} of ${HOLDERS.length}`,
      witnesses: WITNESSES.length,
      ...figures,
      error: round(worst / ranges.largestLogit)
    },
    null,
    2
  )
)
for (const node of nodes.values()) await node.stop()
for (const cryptography of cryptographies) await cryptography.dispose()
