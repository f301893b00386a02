/** Inside the worker thread: hosts the party's cryptography and answers the calls of `CryptographyWorker`. */
import { parentPort } from 'node:worker_threads'
import { expose, type Remote, releaseProxy } from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import type { CryptographyModule, CryptographyOptions, HostedCryptography } from './cryptography-module.js'
import { type Outcome, settle, unpack } from './outcome.js'

/** Callbacks of an evaluation as the main thread offers them: results packed. */
export interface RemoteCallbacks {
  refresh(request: unknown): Promise<Outcome>
  switchShares(request: unknown): Promise<Outcome>
  resultKey(): Promise<Outcome>
  progress(progress: unknown): void
  layers(steps: unknown): void
}

export class WorkerHost {
  private cryptography: HostedCryptography | undefined

  /** @param module URL of a `CryptographyModule` */
  async create(module: string, options: CryptographyOptions): Promise<Outcome> {
    return await settle(async () => {
      const { createCryptography } = (await import(module)) as CryptographyModule
      this.cryptography = await createCryptography(options)
    })
  }

  async call(method: string, parameters: unknown[]): Promise<Outcome> {
    return await settle(() => {
      const target = this.cryptography as unknown as Record<string, (...parameters: unknown[]) => unknown> | undefined
      const run = target?.[method]
      if (target === undefined || typeof run !== 'function') throw new TypeError(`the cryptography has no method "${method}"`)
      return run.apply(target, parameters)
    })
  }

  async evaluate(query: string, remote: Remote<RemoteCallbacks>): Promise<Outcome> {
    return await settle(async () => {
      if (this.cryptography === undefined) throw new TypeError('the cryptography was not created')
      try {
        return await this.cryptography.evaluate(query, {
          refresh: async request => unpack(await remote.refresh(request)),
          switchShares: async request => unpack(await remote.switchShares(request)),
          resultKey: async () => unpack(await remote.resultKey()),
          progress: progress => void remote.progress(progress),
          layers: steps => void remote.layers(steps)
        })
      } finally {
        remote[releaseProxy]()
      }
    })
  }
}

if (parentPort !== null) expose(new WorkerHost(), nodeEndpoint(parentPort))
