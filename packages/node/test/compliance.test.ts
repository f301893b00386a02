/** This package's implementations of the others' interfaces, held to the same as theirs. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fuse, importOnnx } from '@slytherin/engine'
import { shareLedgerCompliance } from '@slytherin/mhe/testing'
import {
  CryptographyWorker,
  FilePartStore,
  FileSessionSecrets,
  type Libp2pTransport,
  protocolFailures,
  SqliteShareLedger
} from '@slytherin/node'
import type { SessionSecretStore } from '@slytherin/protocol'
import { logitsOf } from '@slytherin/protocol/testing'
import {
  type CryptographyHarness,
  cryptographyCompliance,
  partStoreCompliance,
  sessionSecretsCompliance,
  transportCompliance
} from '@slytherin/protocol/testing/compliance'
import { afterAll } from 'vitest'
import { connected, identity, Network } from './support/network.js'

const directory = await mkdtemp(join(tmpdir(), 'slytherin-compliance-'))
afterAll(async () => await rm(directory, { recursive: true, force: true }))
let made = 0

const network = new Network()
transportCompliance('libp2p', {
  start: async count => {
    const keys = await Promise.all(Array.from({ length: count }, identity))
    const transports: Libp2pTransport[] = []
    for (const [i, key] of keys.entries()) {
      // Everybody dials those who have started before.
      const peers = keys.map(({ peer }, k) => ({ peer, addresses: k < i ? transports[k]!.addresses : [] }))
      transports.push(await network.start(key, peers, { failures: protocolFailures }))
    }
    await Promise.all(transports.flatMap(one => keys.filter(({ peer }) => peer !== one.self).map(({ peer }) => connected(one, peer))))
    return transports
  },
  leave: async transport => await (transport as Libp2pTransport).stop(),
  stop: async () => await network.stop()
})

const stores: FilePartStore[] = []
partStoreCompliance('a file', {
  create: async () => {
    const store = await FilePartStore.create(directory, `store-${made++}`)
    stores.push(store)
    return store
  },
  dispose: async () => {
    for (const store of stores.splice(0)) await store.close()
  }
})

const ledgers: SqliteShareLedger[] = []
const openLedger = (): SqliteShareLedger => {
  const ledger = new SqliteShareLedger(join(directory, `ledger-${made}.sqlite`))
  ledgers.push(ledger)
  return ledger
}
const closeLedgers = (): void => {
  for (const ledger of ledgers.splice(0)) ledger.dispose()
}
shareLedgerCompliance('SQLite', {
  create: () => {
    made++
    return openLedger()
  },
  reopen: () => {
    closeLedgers()
    return openLedger()
  },
  dispose: closeLedgers
})

const MODEL = fileURLToPath(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
const PLAN = { batch: 4, minimumRefreshes: 1, floodingBits: 30, data: 'encrypted', weights: 'encrypted' } as const

/** Every party in a worker of its own. */
function hosted(module: string, judge: Pick<CryptographyHarness, 'samples' | 'answer' | 'tolerance'>): CryptographyHarness {
  const workers: CryptographyWorker[] = []
  const start = async (): Promise<CryptographyWorker> => {
    const worker = await CryptographyWorker.start(
      {
        evaluator: 'kernel',
        costs: 'reference',
        threads: 1,
        state: `${workers.length + 1}`,
        keySource: { kind: 'environment', name: 'X' },
        keepParts: false,
        model: { path: MODEL, calibration: { manifest: 'none' } }
      },
      { module: new URL(`./support/${module}`, import.meta.url).href }
    )
    workers.push(worker)
    return worker
  }
  return {
    ...judge,
    plan: async parties => {
      const { cryptography } = await start()
      return await cryptography.plan(await cryptography.architecture(), { ...PLAN, parties })
    },
    create: async () => (await start()).cryptography,
    dispose: async () => {
      for (const worker of workers) await worker.dispose()
    }
  }
}

cryptographyCompliance(
  'a worker with the fake',
  hosted('fake-cryptography.ts', { samples: [Float64Array.of(1, 2, 3, 4), Float64Array.of(-4, 1, 0, 2)], answer: logitsOf, tolerance: 0 })
)

const clear = fuse(importOnnx(await readFile(MODEL)))
const features = (i: number): Float64Array => Float64Array.from({ length: 30 }, (_, k) => Math.sin(i * 31 + k))
cryptographyCompliance(
  'a worker with local cryptography',
  hosted('real-cryptography.ts', { samples: [features(0), features(1)], answer: sample => clear.forward(sample), tolerance: 0.05 })
)

const key = new Uint8Array(32).fill(7)
const secretStores = new Map<SessionSecretStore, { readonly directory: string; readonly ledger: SqliteShareLedger }>()
const openSecrets = async (name: string): Promise<FileSessionSecrets> => {
  const ledger = new SqliteShareLedger(join(directory, `${name}.sqlite`))
  const store = await FileSessionSecrets.open(join(directory, name), key, ledger)
  secretStores.set(store, { directory: name, ledger })
  return store
}
const closeSecrets = async (store: SessionSecretStore): Promise<string> => {
  const { directory: name, ledger } = secretStores.get(store)!
  secretStores.delete(store)
  await (store as FileSessionSecrets).dispose()
  ledger.dispose()
  return name
}
sessionSecretsCompliance('a sealed file', {
  create: async () => await openSecrets(`secrets-${made++}`),
  reopen: async store => await openSecrets(await closeSecrets(store)),
  dispose: async () => {
    for (const store of [...secretStores.keys()]) await closeSecrets(store)
  }
})
