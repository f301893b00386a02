/**
 * A party's cryptography in a thread of its own, so that heavy work never blocks the event loop that answers peers. Secrets live in the
 * worker alone: it opens the sealed keystore itself.
 *
 * Calls go through comlink; byte arrays are moved, not cloned. When the thread ends, every call in flight and to come fails with a
 * WorkerCrashedError.
 */
import { Worker } from 'node:worker_threads'
import type {
  Architecture,
  EvaluationCallbacks,
  Plan,
  PlanParameters,
  RefreshRequest,
  SessionParameters,
  StepReport,
  SummedProtocol,
  SwitchRequest
} from '@slytherin/protocol'
import { proxy, type Remote, wrap } from 'comlink'
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs'
import type { CryptographyOptions, HostedCryptography, PlanRequest } from './cryptography-module.js'
import type { RemoteCallbacks, WorkerHost } from './entry.js'
import { WorkerClosedError, WorkerCrashedError } from './errors.js'
import { movable, type Outcome, settle, unpack } from './outcome.js'

export interface CryptographyWorkerOptions {
  /** URL of the module to host; the party's real cryptography when absent. */
  readonly module?: string
  /** Time for wiping and closing files before the thread is ended, in ms. */
  readonly closeMilliseconds?: number
}

const DEFAULT_MODULE = new URL('./local-cryptography.js', import.meta.url).href
const DEFAULT_CLOSE_MILLISECONDS = 3000

export class CryptographyWorker implements HostedCryptography {
  private readonly ended: Promise<never>
  private failure: Error | undefined
  /** Rejections of the calls in flight. A race with `ended` would keep the result of every call for as long as the worker lives. */
  private readonly inFlight = new Set<(error: Error) => void>()

  private constructor(
    private readonly worker: Worker,
    private readonly remote: Remote<WorkerHost>,
    private readonly closeMilliseconds: number
  ) {
    this.ended = new Promise((_, reject) => {
      const fail = (error: Error): void => {
        this.failure ??= error
        reject(this.failure)
        for (const rejectCall of this.inFlight) rejectCall(this.failure)
      }
      worker.once('error', error => fail(new WorkerCrashedError(undefined, { cause: error })))
      worker.once('exit', code => fail(new WorkerCrashedError(code)))
    })
    // Whoever calls sees the rejection; with no call in flight nobody needs to.
    this.ended.catch(() => {})
  }

  /** @throws what opening the keystore or loading the model throws */
  static async start(
    options: CryptographyOptions,
    { module = DEFAULT_MODULE, closeMilliseconds }: CryptographyWorkerOptions = {}
  ): Promise<CryptographyWorker> {
    const thread = new Worker(new URL('./entry.js', import.meta.url), { name: 'cryptography', execArgv: process.execArgv })
    const remote = wrap<WorkerHost>(nodeEndpoint(thread))
    const worker = new CryptographyWorker(thread, remote, closeMilliseconds ?? DEFAULT_CLOSE_MILLISECONDS)
    try {
      await worker.outcome(remote.create(module, options))
      return worker
    } catch (error) {
      await thread.terminate()
      throw error
    }
  }

  /** Resolves when the thread has ended, with the reason. */
  async whenEnded(): Promise<Error> {
    return await this.ended.catch((error: Error) => error)
  }

  /** Ends what runs, wipes, closes files, ends the thread. Calls in flight fail with WorkerClosedError. */
  async dispose(): Promise<void> {
    if (this.failure !== undefined) return
    const patience = new Promise<void>(resolve => setTimeout(resolve, this.closeMilliseconds).unref())
    await Promise.race([this.call('dispose').catch(() => {}), patience])
    this.failure ??= new WorkerClosedError()
    await this.worker.terminate()
  }

  open(session: SessionParameters): Promise<void> {
    return this.call('open', session)
  }

  close(): Promise<void> {
    return this.call('close')
  }

  setPublicKey(shares: Uint8Array[]): Promise<void> {
    return this.call('setPublicKey', shares)
  }

  publicKeyShare(): Promise<Uint8Array> {
    return this.call('publicKeyShare')
  }

  relinearizationShareOne(): Promise<Uint8Array> {
    return this.call('relinearizationShareOne')
  }

  relinearizationShareTwo(aggregatedOne: Uint8Array): Promise<Uint8Array> {
    return this.call('relinearizationShareTwo', aggregatedOne)
  }

  galoisShare(element: number): Promise<Uint8Array> {
    return this.call('galoisShare', element)
  }

  refreshShare(request: RefreshRequest): Promise<Uint8Array[]> {
    return this.call('refreshShare', request)
  }

  switchShare(request: SwitchRequest & { targetKey: Uint8Array }): Promise<Uint8Array[]> {
    return this.call('switchShare', request)
  }

  modelPart(index: number): Promise<Uint8Array> {
    return this.call('modelPart', index)
  }

  architecture(): Promise<Architecture> {
    return this.call('architecture')
  }

  resultKey(parameters: PlanParameters): Promise<Uint8Array> {
    return this.call('resultKey', parameters)
  }

  setSamples(samples: Float64Array[]): Promise<void> {
    return this.call('setSamples', samples)
  }

  encryptInput(index: number): Promise<Uint8Array> {
    return this.call('encryptInput', index)
  }

  decryptResults(ciphertexts: Uint8Array[]): Promise<Float64Array[]> {
    return this.call('decryptResults', ciphertexts)
  }

  addShare(protocol: SummedProtocol, instance: string, party: number, share: Uint8Array): Promise<void> {
    return this.call('addShare', protocol, instance, party, share)
  }

  aggregate(protocol: 'relinearization-1', instance: string): Promise<Uint8Array> {
    return this.call('aggregate', protocol, instance)
  }

  finishKey(protocol: 'relinearization-2' | 'galois', instance: string): Promise<void> {
    return this.call('finishKey', protocol, instance)
  }

  storeModelPart(index: number, bytes: Uint8Array): Promise<void> {
    return this.call('storeModelPart', index, bytes)
  }

  storeInput(query: string, index: number, bytes: Uint8Array): Promise<void> {
    return this.call('storeInput', query, index, bytes)
  }

  prepareModel(): Promise<void> {
    return this.call('prepareModel')
  }

  storeSamples(query: string, samples: Float64Array[]): Promise<void> {
    return this.call('storeSamples', query, samples)
  }

  forgetQuery(query: string): Promise<void> {
    return this.call('forgetQuery', query)
  }

  plan(architecture: Architecture, request: PlanRequest): Promise<Plan> {
    return this.call('plan', architecture, request)
  }

  evaluate(query: string, callbacks: EvaluationCallbacks): Promise<Uint8Array[]> {
    const remote: RemoteCallbacks = {
      refresh: request => settle(() => callbacks.refresh(request as RefreshRequest)),
      switchShares: request => settle(() => callbacks.switchShares(request as SwitchRequest)),
      resultKey: () => settle(() => callbacks.resultKey()),
      progress: progress => callbacks.progress(progress as Parameters<EvaluationCallbacks['progress']>[0]),
      layers: steps => callbacks.layers?.(steps as StepReport[])
    }
    // comlink's types do not know that a proxied argument arrives as its remote.
    return this.outcome(this.remote.evaluate(query, proxy(remote) as unknown as Remote<RemoteCallbacks>))
  }

  private call<T>(method: string, ...parameters: unknown[]): Promise<T> {
    return this.outcome(this.remote.call(method, movable(parameters)))
  }

  private async outcome<T>(pending: Promise<Outcome>): Promise<T> {
    if (this.failure !== undefined) {
      pending.catch(() => {})
      throw this.failure
    }
    const { promise, resolve, reject } = Promise.withResolvers<Outcome>()
    this.inFlight.add(reject)
    pending.then(resolve, reject)
    try {
      return unpack<T>(await promise)
    } finally {
      this.inFlight.delete(reject)
    }
  }
}
