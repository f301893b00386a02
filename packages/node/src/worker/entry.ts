/** Inside the worker thread: makes the party's cryptography and offers it, whatever its methods are, to the thread of the network. */
import { parentPort } from 'node:worker_threads'
import { expose } from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import { serviceOf } from './crossing.js'

/** What the thread is asked first. */
export interface WorkerHost {
  /** @param module URL of a `CryptographyModule`, or of one for services (service-module.ts) */
  create(module: string, options: object): Promise<object>
}

const host: WorkerHost = {
  create: async (module, options) => {
    const { createCryptography } = (await import(module)) as { createCryptography(options: object): Promise<object> }
    return await createCryptography(options)
  }
}

if (parentPort !== null) expose(serviceOf(host), nodeEndpoint(parentPort))
