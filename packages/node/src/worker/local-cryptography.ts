/** What the worker hosts in a deployment: the protocol's cryptography over the party's keystore, ledger, model and disk. */

import { type CostModel, parseArchitecture, plan } from '@slytherin/engine'
import { LocalCryptography } from '@slytherin/protocol'
import { machineCosts, referenceCosts } from '../costs.js'
import { evaluatorNamed } from '../evaluator.js'
import { forgetPassphrase, loadKeyMaterial } from '../storage/key-source.js'
import { openKeystore } from '../storage/keystore.js'
import { FilePartStore } from '../storage/part-store.js'
import { FileSessionSecrets } from '../storage/session-secrets.js'
import { SqliteShareLedger } from '../storage/share-ledger.js'
import { statePaths } from '../storage/state-directory.js'
import type { CryptographyOptions, HostedCryptography } from './cryptography-module.js'
import { WorkerClosedError } from './errors.js'
import { modelSource } from './model-source.js'

/** @throws StorageError when the keystore does not open, DataFileError when the model cannot be read, the engine's errors when it cannot be used */
export async function createCryptography(options: CryptographyOptions): Promise<HostedCryptography> {
  const paths = statePaths(options.state)
  using material = await loadKeyMaterial(options.keySource)
  forgetPassphrase(options.keySource)
  using keystore = await openKeystore(paths.keystore, material)
  const model = options.model === undefined ? {} : { model: await modelSource(options.model) }
  const ledger = new SqliteShareLedger(paths.ledger)
  const secrets = await FileSessionSecrets.open(paths.sessions, keystore.get('sessionKey'), ledger).catch((error: unknown) => {
    ledger.dispose()
    throw error
  })
  const store = await FilePartStore.create(paths.parts, 'session', { keep: options.keepParts })
  const { evaluator, threads } = options
  const cryptography = await LocalCryptography.create({
    secrets,
    ledger,
    store,
    threads,
    warmUp: threads !== 1,
    ...(await evaluatorNamed(evaluator)),
    ...model
  })
  const dispose = cryptography.dispose.bind(cryptography)
  const closing = new AbortController()
  const costModel = async (): Promise<CostModel> => {
    if (options.costs === 'reference') return referenceCosts(evaluator)
    const { variant, threads: count } = cryptography.kernel
    const measure = (name: string): Promise<CostModel> => cryptography.measureCosts(name, closing.signal)
    return await machineCosts(paths.costs, { evaluator, kernel: variant, threads: count, measure })
  }
  const hosted = Object.assign(cryptography, {
    plan: async (architecture: unknown, request: Parameters<HostedCryptography['plan']>[1]) =>
      plan(parseArchitecture(architecture), { ...request, costModel: await costModel() }),
    dispose: async () => {
      closing.abort(new WorkerClosedError())
      await dispose()
      await secrets.dispose()
      ledger.dispose()
      await store.close()
    }
  })
  return hosted
}
