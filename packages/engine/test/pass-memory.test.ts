/** How many batch blocks go through a program together, by the memory that there is. */
import { describe, expect, test } from 'vitest'
import { blocksPerPass } from '../src/search/reading.js'

const MEBIBYTE = 2 ** 20
const GIBIBYTE = 2 ** 30

describe('blocks of a pass', () => {
  test('leave half as much again as they need, and room for keys, in a memory of four gibibytes', () => {
    for (const passBytes of [40, 170, 400].map(size => size * MEBIBYTE)) {
      for (const weightBytes of [0, 512 * MEBIBYTE, 5 * GIBIBYTE]) {
        const blocks = blocksPerPass(1000, passBytes, weightBytes, 3 * GIBIBYTE)
        expect(blocks).toBeGreaterThan(1)
        expect(1.5 * blocks * passBytes + 1.5 * GIBIBYTE).toBeLessThanOrEqual(4 * GIBIBYTE)
      }
    }
  })

  test('are fewer where weights stay in memory, where the evaluator has less, and at least one', () => {
    const many = blocksPerPass(1000, 100 * MEBIBYTE, 2 * GIBIBYTE, 3 * GIBIBYTE)
    expect(blocksPerPass(1000, 100 * MEBIBYTE, MEBIBYTE, 3 * GIBIBYTE)).toBeLessThan(many)
    expect(blocksPerPass(1000, 100 * MEBIBYTE, 2 * GIBIBYTE, GIBIBYTE)).toBe(10)
    expect(blocksPerPass(3, 100 * MEBIBYTE, 2 * GIBIBYTE, 3 * GIBIBYTE)).toBe(3)
    expect(blocksPerPass(3, 2.5 * GIBIBYTE, 2 * GIBIBYTE, 3 * GIBIBYTE)).toBe(1)
  })
})
