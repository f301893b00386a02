/** How long a query will be, by who is before it and who computes. */
import type { Plan } from '@slytherin/protocol'
import { MemoryRecordStore } from '@slytherin/protocol/service'
import { describe, expect, test } from 'vitest'
import { Pace } from '../../src/service/queries/pace.js'
import { type Left, timeLeft } from '../../src/service/queries/time-left.js'

const left = (work: number, held = 0, parts = 1): Left => ({ work, held, parts })
const ONE = { places: 1, concurrency: 1 }

describe('time left', () => {
  test('one place does one query after the other', () => {
    expect(timeLeft([], ONE)).toBe(0)
    expect(timeLeft([left(10, 2)], ONE)).toBe(12)
    expect(timeLeft([left(10, 2), left(5, 1), left(1, 1)], ONE)).toBe(20)
  })

  test('while one waits for key holders others are computed', () => {
    // Two beside each other, one place: 20 s of work, then the holders of the last.
    expect(timeLeft([left(10, 5), left(10, 5)], { places: 1, concurrency: 2 })).toBe(25)
    // Holders take longer than the work: in two lanes, three queries.
    expect(timeLeft([left(1, 50), left(1, 50), left(1, 50)], { places: 1, concurrency: 2 })).toBe(102)
  })

  test('places divide what can be divided', () => {
    expect(timeLeft([left(40, 0, 8)], { places: 4, concurrency: 8 })).toBe(10)
    expect(timeLeft([left(40, 0, 2)], { places: 4, concurrency: 8 })).toBe(20)
    // All of them are busy until the last.
    const eight = Array.from({ length: 8 }, () => left(40, 0, 8))
    expect(timeLeft(eight, { places: 4, concurrency: 8 })).toBe(80)
    expect(timeLeft(eight, { places: 8, concurrency: 8 })).toBe(40)
    // A place more than there are queries does nothing for queries of one part.
    const whole = Array.from({ length: 3 }, () => left(10))
    expect(timeLeft(whole, { places: 3, concurrency: 8 })).toBe(10)
    expect(timeLeft(whole, { places: 30, concurrency: 8 })).toBe(10)
    expect(timeLeft(whole, { places: 30, concurrency: 1 })).toBe(30)
  })
})

test('what was measured is mixed into what is known, and lasts; the one number of earlier releases counts as work', async () => {
  const records = new MemoryRecordStore()
  await records.put('query-pace', 'old', 7)
  const plan = { costs: { seconds: { evaluation: 3, refresh: 2, result: 1 } } } as Plan
  const pace = await Pace.open(records)
  expect(pace.of('new', plan)).toEqual({ work: 3, held: 3 })
  expect(pace.of('old', plan)).toEqual({ work: 7, held: 0 })
  await pace.measured('new', { work: 10, held: 1 })
  await pace.measured('new', { work: 20, held: 2 })
  const again = await Pace.open(records)
  expect(again.of('new', plan)).toEqual({ work: 13, held: 1.3 })
})
