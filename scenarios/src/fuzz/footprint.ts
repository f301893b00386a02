/** What a process holds on to once its garbage is collected. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Kernel } from '@slytherin/ring'

export interface Footprint {
  /** JavaScript objects. */
  readonly heapBytes: number
  /** Buffers and what else lies outside the heap. */
  readonly externalBytes: number
  /** Polynomials that were allocated and not disposed. */
  readonly arenaBytes: number
}

/** Most that may be added from one tenth of a parser's messages to all of them, in bytes; the arena has nothing to keep. */
export const GROWTH_LIMITS: Footprint = { heapBytes: 24 << 20, externalBytes: 24 << 20, arenaBytes: 0 }

let collect: (() => void) | undefined

/** @param heap whether garbage is collected first, and heap and buffers are looked at: it takes a tenth of a second or more */
export async function footprint(kernel: Kernel, heap: boolean): Promise<Footprint> {
  if (!heap) return { heapBytes: 0, externalBytes: 0, arenaBytes: kernel.bytesInUse }
  if (collect === undefined) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  for (let i = 0; i < 2; i++) {
    collect()
    // What is released by finalisers is released in a turn of its own.
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, external } = process.memoryUsage()
  return { heapBytes: heapUsed, externalBytes: external, arenaBytes: kernel.bytesInUse }
}

export function growth(from: Footprint, to: Footprint): Footprint {
  return {
    heapBytes: to.heapBytes - from.heapBytes,
    externalBytes: to.externalBytes - from.externalBytes,
    arenaBytes: to.arenaBytes - from.arenaBytes
  }
}

export function exceeded(grown: Footprint): (keyof Footprint)[] {
  return (Object.keys(GROWTH_LIMITS) as (keyof Footprint)[]).filter(part => grown[part] > GROWTH_LIMITS[part])
}
