/** Starting and ending workers, in Node and in browsers. */

import { KernelThreadError } from '../../errors.js'
import type { ThreadData } from './thread.js'

export interface Thread {
  /** Ends it wherever it is. */
  terminate(): Promise<void>
}

const isNode = typeof process !== 'undefined' && Boolean(process.versions?.node)
/** More are of little use to operations of ten to twenty residue rows. */
const MOST_AUTOMATIC_THREADS = 16

/** Whether memory can be shared here: always in Node, with cross-origin isolation in browsers. */
export function memoryCanBeShared(): boolean {
  return typeof SharedArrayBuffer !== 'undefined' && (isNode || globalThis.crossOriginIsolated === true)
}

/** As many threads as there are processors for this process. */
export async function automaticThreads(): Promise<number> {
  const count = isNode ? (await import('node:os')).availableParallelism() : (globalThis.navigator?.hardwareConcurrency ?? 1)
  return Math.max(1, Math.min(MOST_AUTOMATIC_THREADS, count))
}

/** Whether this JavaScript thread may wait in the operating system. The main thread of a browser page may not. */
export function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0)
    return true
  } catch {
    return false
  }
}

/**
 * Starts a worker and resolves when it can take work. It does not keep the process alive.
 *
 * @param lost called when it ends without having been terminated
 * @throws KernelThreadError
 */
export function startThread(data: ThreadData, lost: (error: KernelThreadError) => void): Promise<Thread> {
  return isNode ? startNodeThread(data, lost) : startBrowserThread(data, lost)
}

async function startNodeThread(data: ThreadData, lost: (error: KernelThreadError) => void): Promise<Thread> {
  // Under another name, lest bundlers take it for a browser's worker.
  const { Worker: NodeWorker } = await import('node:worker_threads')
  const worker = new NodeWorker(new URL('./worker.js', import.meta.url), { workerData: data, execArgv: [], name: `kernel-${data.thread}` })
  let expected = false
  await new Promise<void>((resolve, reject) => {
    const fail = (reason: string): void => {
      const error = new KernelThreadError(data.thread, reason)
      reject(error)
      if (!expected) lost(error)
    }
    worker.once('message', () => resolve())
    worker.once('error', error => fail(error instanceof Error ? error.message : String(error)))
    worker.once('exit', code => fail(`it ended with code ${code}`))
  })
  worker.unref()
  return {
    terminate: async () => {
      expected = true
      await worker.terminate()
    }
  }
}

async function startBrowserThread(data: ThreadData, lost: (error: KernelThreadError) => void): Promise<Thread> {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener('message', () => resolve(), { once: true })
    worker.addEventListener('error', event => {
      const error = new KernelThreadError(data.thread, event.message)
      reject(error)
      lost(error)
    })
    worker.postMessage(data)
  })
  return {
    terminate: async () => worker.terminate()
  }
}
