/** Node: kernels are files beside the code, threads are worker_threads, V8 takes flags. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { KernelThreadError } from '../../errors.js'
import type { ThreadData } from '../pool/thread.js'
import type { Platform, Thread } from './platform.js'

export const platform: Platform = {
  setFlag: process.versions['v8'] === undefined ? undefined : setFlagsFromString,
  sharesMemory: () => typeof SharedArrayBuffer !== 'undefined',
  processors: availableParallelism,
  kernelBytes: async (variant, shared) =>
    new Uint8Array(await readFile(new URL(`../../../build/kernel-${variant}${shared ? '-shared' : ''}.wasm`, import.meta.url))),
  startThread
}

async function startThread(data: ThreadData, lost: (error: KernelThreadError) => void): Promise<Thread> {
  const worker = new Worker(new URL('./node-worker.js', import.meta.url), { workerData: data, execArgv: [], name: `kernel-${data.thread}` })
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
