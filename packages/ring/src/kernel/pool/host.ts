/** How many threads there may be, and who may wait for them. */
import { platform } from '#platform'

/** More are of little use to operations of ten to twenty residue rows. */
const MOST_AUTOMATIC_THREADS = 16

/** Whether memory can be shared here: always in Node, with cross-origin isolation in browsers. */
export const memoryCanBeShared = (): boolean => platform.sharesMemory()

/** As many threads as there are processors for this process. */
export const automaticThreads = (): number => Math.max(1, Math.min(MOST_AUTOMATIC_THREADS, platform.processors()))

/** Whether this JavaScript thread may wait in the operating system. The main thread of a browser page may not. */
export function mayWait(): boolean {
  try {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0)
    return true
  } catch {
    return false
  }
}
