/** What is compiled while a kernel is tried out: every function that a sum of products may come to. */
import { expect, test } from 'vitest'
import { loadKernel } from '../src/index.js'
import type { Kernel } from '../src/kernel/kernel.js'
import { exercise, sameBytes } from '../src/start/self-test.js'

const SHAPES = ['multiplyAccumulate21', 'multiplyAccumulate22'] as const

test('sums of products of every size of burst are tried out, overwriting and adding', async () => {
  const kernel = await loadKernel({ variant: 'simd' })
  const seen = new Set<string>()
  const exports = Object.fromEntries(
    Object.entries(kernel.exports).map(([name, value]) => {
      if (name === 'multiplyAccumulateMany22') {
        return [
          name,
          (...given: number[]): unknown => {
            seen.add(name)
            return (value as (...given: number[]) => unknown)(...given)
          }
        ]
      }
      const shape = SHAPES.find(one => one === name)
      if (shape === undefined) return [name, value]
      const counted = (...given: number[]): unknown => {
        const [count, , , add] = given.slice(-4)
        seen.add(`${shape} ${count} ${add ? 'adding' : 'overwriting'}`)
        return (value as (...given: number[]) => unknown)(...given)
      }
      return [name, counted]
    })
  )
  Object.defineProperty(kernel, 'exports', { value: exports })
  exercise(kernel as Kernel)
  expect(seen).toContain('multiplyAccumulateMany22')
  for (const shape of SHAPES)
    for (let count = 1; count <= 8; count++) for (const how of ['adding', 'overwriting']) expect(seen).toContain(`${shape} ${count} ${how}`)
})

test('outputs are the same to the last bit, or not the same', () => {
  const outputs = (): Uint8Array[] => [Uint8Array.from({ length: 64 }, (_, i) => i), new Uint8Array(72).subarray(8, 72)]
  expect(sameBytes(outputs(), outputs())).toBe(true)
  for (const [k, i] of [
    [0, 0],
    [0, 63],
    [1, 31],
    [1, 63]
  ] as const) {
    const other = outputs()
    other[k]![i]! ^= 0x80
    expect(sameBytes(outputs(), other)).toBe(false)
  }
  expect(sameBytes(outputs(), outputs().slice(1))).toBe(false)
  expect(sameBytes(outputs(), [outputs()[0]!, new Uint8Array(32)])).toBe(false)
})
