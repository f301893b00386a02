/** What is measured begins when every worker has keys and weights in memory, and not before. */
import { expect, test } from 'vitest'
import { warmUp } from '../src/fleet/warm-up.js'

test('goes on until every worker has done a part', async () => {
  const done = [0, 0]
  let tasks = 0
  const parts = await warmUp(
    () => done,
    async () => {
      tasks++
      done[tasks < 3 ? 0 : 1]!++
    }
  )
  expect(tasks).toBe(3)
  expect(parts).toEqual([2, 1])
})

test('says so when a worker gets nothing', async () => {
  const nothing = warmUp(
    () => [7, 0],
    async () => undefined
  )
  await expect(nothing).rejects.toThrow('7, 0')
})
