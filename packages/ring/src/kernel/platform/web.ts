/**
 * Browsers, and whatever else has the web's interfaces: kernels and the code of threads are part of this code, since bundlers agree on nothing but JavaScript (esbuild
 * leaves `new URL('./file', import.meta.url)` as it is, Vite's development server does in dependencies). They are imported when they are first needed.
 */
import { KernelThreadError } from '../../errors.js'
import type { ThreadData } from '../pool/thread.js'
import type { Platform, Thread } from './platform.js'
import { withSharedMemory } from './shared-memory.js'

export const platform: Platform = {
  setFlag: undefined,
  sharesMemory: () => typeof SharedArrayBuffer !== 'undefined' && globalThis.crossOriginIsolated === true,
  processors: () => globalThis.navigator?.hardwareConcurrency ?? 1,
  kernelBytes: async (variant, shared) => {
    if (variant === 'revectorised') throw new Error('it is for Node, where V8 takes flags')
    const { KERNEL } =
      variant === 'simd' ? await import('../../generated/kernel-simd.js') : await import('../../generated/kernel-fallback.js')
    const bytes = await inflate(KERNEL)
    return shared ? withSharedMemory(bytes) : bytes
  },
  startThread
}

/** @param text base64 of bytes compressed by DEFLATE (RFC 1951) */
async function inflate(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const compressed = Uint8Array.from(atob(text), character => character.charCodeAt(0))
  const stream = new Blob([compressed]).stream().pipeThrough(new DecompressionStream('deflate-raw'))
  return new Uint8Array(await new Response(stream).arrayBuffer())
}

async function startThread(data: ThreadData, lost: (error: KernelThreadError) => void, create?: () => Worker): Promise<Thread> {
  const worker = create?.() ?? (await embeddedWorker())
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener('message', () => resolve(), { once: true })
    worker.addEventListener('error', event => {
      const error = new KernelThreadError(
        data.thread,
        event.message || 'it was not loaded: does a content security policy allow worker-src blob:?'
      )
      reject(error)
      lost(error)
    })
    worker.postMessage(data)
  })
  return { terminate: async () => worker.terminate() }
}

async function embeddedWorker(): Promise<Worker> {
  const { THREAD_SOURCE } = await import('../../generated/thread-source.js')
  const address = URL.createObjectURL(new Blob([THREAD_SOURCE], { type: 'text/javascript' }))
  try {
    return new Worker(address)
  } finally {
    // The worker has begun to fetch it, and an address that is being fetched stays good for it.
    URL.revokeObjectURL(address)
  }
}
