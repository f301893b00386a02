import type { Evaluator } from '@slytherin/ckks'
import type { Plan } from '@slytherin/engine'
import { describe, expect, test } from 'vitest'
import { evaluationBytes, touchMemory } from '../src/local/touch-memory.ts'

const GIB = 2 ** 30
/** What the sum reads of a plan. */
const planned = (data: 'encrypted' | 'clear', batchBlocks: number): Plan =>
  ({
    batchBlocks,
    operands: { data, weights: 'clear' },
    inputs: { count: 49, level: 4 },
    parameters: { logN: 14 },
    costs: { bytes: { evaluatorMemory: 1000 } }
  }) as unknown as Plan

describe('memory of an evaluation', () => {
  test('is what the plan says and what the inputs take that wait for it', () => {
    const polynomial = 5 * 2 ** 14 * 8
    expect(evaluationBytes(planned('clear', 1))).toBe(1000 + 49 * polynomial)
    expect(evaluationBytes(planned('encrypted', 3))).toBe(1000 + 3 * 49 * 2 * polynomial)
    // no more of them wait in memory
    expect(evaluationBytes(planned('encrypted', 1000))).toBe(1000 + 2 * GIB)
  })

  test('is asked for step by step, until the session ends', async () => {
    const asked: number[] = []
    const ending = new AbortController()
    let steps = 0
    const evaluator = {
      *touchMemory(bytes: number): Generator<void> {
        asked.push(bytes)
        for (; steps < 1000; steps++) yield
      }
    } as Partial<Evaluator> as Evaluator
    const touching = touchMemory(evaluator, 5 * GIB, ending.signal)
    await new Promise(resolve => setTimeout(resolve, 0))
    ending.abort()
    await touching
    expect(asked).toEqual([5 * GIB])
    expect(steps).toBeLessThan(1000)
    // one that has no memory of its own
    await touchMemory({} as Evaluator, GIB, ending.signal)
  })
})
