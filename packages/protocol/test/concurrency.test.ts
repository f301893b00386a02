import { expect, test } from 'vitest'
import { delay, together, widthFor } from '../src/base/concurrency.js'

test('so many at a time, in order, and the first failure stops the rest', async () => {
  const { signal } = new AbortController()
  let [now, most] = [0, 0]
  const begun: number[] = []
  const task = async (item: number, inner: AbortSignal, index: number): Promise<string> => {
    begun.push(item)
    most = Math.max(most, ++now)
    await delay(5 - index, inner)
    now--
    if (item === 13) throw new Error('thirteen')
    return `${item} at ${index}`
  }
  const items = [10, 11, 12]
  const expected = ['10 at 0', '11 at 1', '12 at 2']
  expect(await together(items, signal, task)).toEqual(expected)
  expect(most).toBe(3)
  most = 0
  expect(await together(items, signal, task, 2)).toEqual(expected)
  expect(most).toBe(2)
  begun.length = 0
  await expect(together([13, 12, 11, 10], signal, task, 1)).rejects.toThrow('thirteen')
  expect(begun).toEqual([13])
})

test('requests of many megabytes are few at a time, however many there are', () => {
  const share = new Uint8Array(64 << 20)
  expect(widthFor([])).toBeGreaterThan(100)
  expect(widthFor([share])).toBe(8)
  expect(widthFor(Array.from({ length: 100 }, () => share))).toBe(2)
})
