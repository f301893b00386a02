/**
 * How many times as much as one core all cores of this machine do together. Cores share memory, caches, and where two of them are the two threads of one core, everything: then two are
 * far from twice as fast, whatever a program does.
 */
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { BusyCount } from './busy-core.js'

const BUSY = fileURLToPath(new URL('./busy-core.js', import.meta.url))
const SECONDS = 1.5
/** Alone and together take turns; the best of each counts, since the machine may have other work. */
const ROUNDS = 2

/** @returns from 1 to the number of cores that this process may use */
export async function coresTogether(): Promise<number> {
  const cores = availableParallelism()
  if (cores === 1) return 1
  let [alone, together] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    alone = Math.max(alone, await rate(1))
    together = Math.max(together, await rate(cores))
  }
  return Math.min(cores, Math.max(1, together / alone))
}

/** Operations a second of so many cores. */
async function rate(cores: number): Promise<number> {
  const workers = Array.from({ length: cores }, () => new Worker(BUSY))
  try {
    await Promise.all(workers.map(async worker => await once(worker, 'message')))
    const counts = workers.map(async worker => {
      worker.postMessage(SECONDS)
      const [{ operations, seconds }] = (await once(worker, 'message')) as [BusyCount]
      return operations / seconds
    })
    return (await Promise.all(counts)).reduce((sum, one) => sum + one, 0)
  } finally {
    await Promise.all(workers.map(async worker => await worker.terminate()))
  }
}
