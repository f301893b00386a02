/** Items come in order while as many as wanted are on their way; what fails is reported when its turn comes. */
import { expect, test } from 'vitest'
import { readAhead } from '../src/base/read-ahead.js'

test('items come in order, and so many more are asked for before they are wanted', async () => {
  const asked: number[] = []
  const read = async (item: number): Promise<Uint8Array> => {
    asked.push(item)
    return Uint8Array.of(item)
  }
  const came: number[] = []
  for await (const [item, bytes] of readAhead([1, 2, 3, 4, 5], read, 2)) {
    if (came.length === 0) expect(asked).toEqual([1, 2, 3])
    expect(bytes).toEqual(Uint8Array.of(item))
    came.push(item)
  }
  expect(came).toEqual([1, 2, 3, 4, 5])
})

test('what fails is reported in its turn', async () => {
  const read = async (item: number): Promise<Uint8Array> => {
    if (item === 2) throw new Error('no such thing')
    return Uint8Array.of(item)
  }
  const came: number[] = []
  const all = async (): Promise<void> => {
    for await (const [item] of readAhead([1, 2, 3], read, 8)) came.push(item)
  }
  await expect(all()).rejects.toThrow('no such thing')
  expect(came).toEqual([1])
})
