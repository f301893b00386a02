/** Queries that wait for a first worker survive the evaluator, and are answered right when workers come. */
import { expect, test } from 'vitest'
import { queued } from '../src/fleet/queue.js'
import { RedisServer } from '../src/fleet/redis.js'

const there = await RedisServer.isThere()

test.skipIf(!there)('no query that waits is lost when the evaluator is killed', { timeout: 300_000 }, async () => {
  const { signal } = new AbortController()
  const { afterRestart, answered, wrong, memory } = await queued({ queries: 24, workers: 2, signal })
  expect({ afterRestart, answered, wrong }).toEqual({ afterRestart: 24, answered: 24, wrong: 0 })
  expect(memory.at(-1)!.queued).toBe(24)
})
