import { execFileSync } from 'node:child_process'
import { loadKernel, warmUp } from '@slytherin/ring'
import { describe, expect, it } from 'vitest'

const PROGRAM = `
  import { loadKernel, warmUp } from '@slytherin/ring'
  const isOptimised = new Function('f', 'return %IsTurboFanFunction(f)')
  const kernel = await loadKernel({ variant: process.argv[1] })
  const inUse = kernel.bytesInUse
  const started = performance.now()
  await warmUp(kernel)
  const milliseconds = performance.now() - started
  const functions = Object.entries(kernel.exports).filter(([, value]) => typeof value === 'function')
  const cold = functions.filter(([, f]) => !isOptimised(f)).map(([name]) => name)
  console.log(JSON.stringify({ milliseconds, functions: functions.length, cold, leaked: kernel.bytesInUse - inUse }))
`

describe.each(['simd', 'revectorised', 'fallback'])('warmUp (%s)', variant => {
  it('leaves no function that rows go through to the baseline compiler', () => {
    const output = execFileSync(process.execPath, ['--allow-natives-syntax', '--input-type=module', '--eval', PROGRAM, variant], {
      cwd: import.meta.dirname,
      encoding: 'utf8'
    })
    const { functions, cold, leaked } = JSON.parse(output) as { functions: number; cold: string[]; leaked: number }
    expect(functions).toBeGreaterThan(40)
    // Single numbers, and what only threads call.
    const uninteresting = ['probeFusedMultiplyAdd', 'heapBase', 'multiplyModulo', 'storeAddress']
    expect(cold.filter(name => !uninteresting.includes(name))).toEqual([])
    expect(leaked).toBe(0)
  })
})

it('warmUp works with threads', async () => {
  await using kernel = await loadKernel({ threads: 2, parallelThreshold: 0 })
  const inUse = kernel.bytesInUse
  await warmUp(kernel)
  expect(kernel.bytesInUse).toBe(inUse)
})
