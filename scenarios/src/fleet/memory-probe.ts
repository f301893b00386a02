/**
 * Loaded before a party (`--expose-gc --import`), in each of its threads: whenever the process is sent SIGUSR2, each collects its garbage and writes a line of JSON into
 * the file that its URL names (`?into=`). What is left then is what the party holds; what a process takes of its machine has garbage in it, too, and room that was in use before.
 */
import { appendFileSync } from 'node:fs'
import { BroadcastChannel, isMainThread } from 'node:worker_threads'

/** One thread's memory after a collection. */
export interface ProbedMemory {
  readonly main: boolean
  /** Bytes of its objects. */
  readonly heap: number
  /** Bytes that its objects hold outside the heap, without the kernel's memory. */
  readonly buffers: number
  /** Of the whole process, bytes. */
  readonly resident: number
}

const file = new URL(import.meta.url).searchParams.get('into') ?? undefined
const { gc } = globalThis
if (file !== undefined && gc !== undefined) {
  const probe = (): void => {
    // Finalisers of the first round let go of what the second finds.
    gc()
    gc()
    const { heapUsed: heap, arrayBuffers: buffers, rss: resident } = process.memoryUsage()
    const found: ProbedMemory = { main: isMainThread, heap, buffers, resident }
    appendFileSync(file, `${JSON.stringify(found)}\n`)
  }
  const channel = new BroadcastChannel('memory probe')
  channel.onmessage = probe
  // Nobody waits for it.
  ;(channel as BroadcastChannel & { unref(): void }).unref()
  if (isMainThread)
    process.on('SIGUSR2', () => {
      channel.postMessage('now')
      probe()
    })
}
