/** What collections cost a process that makes large buffers. */
import { execFileSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'

const MODULE = new URL('../dist/cli/external-memory.js', import.meta.url).href

/** Full collections while 1 GB of buffers comes and goes, four of them alive at a time. */
function collections(prelude: string): number {
  const program = `
    ${prelude}
    import { PerformanceObserver, constants } from 'node:perf_hooks'
    let full = 0
    new PerformanceObserver(list => {
      for (const entry of list.getEntries()) if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
    }).observe({ entryTypes: ['gc'] })
    const alive = []
    for (let k = 0; k < 2000; k++) {
      alive[k % 4] = new Uint8Array(500_000)
      if (k % 5 === 0) await new Promise(resolve => setImmediate(resolve))
    }
    await new Promise(resolve => setTimeout(resolve, 20))
    console.log(full)`
  return Number(execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }))
}

describe('buffers that come and go', () => {
  it('are collected with the heap, not after every 64 MiB', () => {
    const usual = collections('')
    const counted = collections(`import { countBuffersWithHeap } from '${MODULE}'; countBuffersWithHeap()`)
    expect(usual).toBeGreaterThanOrEqual(5)
    expect(counted).toBeLessThan(usual / 2)
  })
})
