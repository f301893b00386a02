/** Inputs of a part are on their way before they are asked for, each is fetched once, and what nobody asks for is given back. */
import { describe, expect, test } from 'vitest'
import { InputsAhead } from '../../src/service/local/inputs-ahead.ts'

function source(missing?: number) {
  const fetched: number[] = []
  const lent = new Set<number>()
  const fetch = async (index: number) => {
    fetched.push(index)
    if (index === missing) throw new Error(`no input ${index}`)
    lent.add(index)
    return { bytes: new Uint8Array([index]), [Symbol.dispose]: () => void lent.delete(index) }
  }
  return { fetched, lent, fetch }
}

describe('inputs ahead', () => {
  test('come in any order, each once, those behind the one that is asked for before they are', async () => {
    const { fetched, lent, fetch } = source()
    {
      using ahead = new InputsAhead(20, fetch)
      for (const index of [0, 1, 10, 11, 2, 3, 12, 13]) {
        using taken = await ahead.take(index)
        expect(taken.bytes[0]).toBe(index)
        if (index === 1) expect(fetched).toContain(2)
      }
      expect(new Set(fetched).size).toBe(fetched.length)
      // asked for again, it is fetched again
      using again = await ahead.take(0)
      expect(again.bytes[0]).toBe(0)
      expect(lent.size).toBeGreaterThan(1)
      using last = await ahead.take(19)
      expect(last.bytes[0]).toBe(19)
      expect(Math.max(...fetched)).toBe(19)
    }
    await new Promise(setImmediate)
    expect(lent.size).toBe(0)
  })

  test('that cannot be had fail when they are asked for', async () => {
    const { fetch } = source(2)
    using ahead = new InputsAhead(5, fetch)
    using first = await ahead.take(0)
    expect(first.bytes[0]).toBe(0)
    await new Promise(setImmediate)
    await expect(ahead.take(2)).rejects.toThrow('no input 2')
  })
})
