/** What a witness writes down of the queries that it follows. */
import { MemoryRecordStore } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { type StepEntry, WitnessDiary } from '../../src/service/queries/witness-diary.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const WITNESSED = 'witnessed'

const entry = (number: number, used = false): StepEntry => ({ number, instance: `i/${number}`, c1: 'ab', used })

test('what was endorsed is on the disk before it is told, and a process that takes over knows all of it', async () => {
  const records = new MemoryRecordStore()
  const diary = await WitnessDiary.open(records, () => 0)
  expect(await diary.of('a', 'r1.0')).toBeUndefined()
  await diary.write('a', DAY, 'r1.0', entry(0))
  await diary.write('a', DAY, 'out', entry(0))
  await diary.write('a', DAY, 'r1.0', entry(1, true))
  for (const known of [diary, await WitnessDiary.open(records, () => 1)]) {
    expect(await known.of('a', 'r1.0')).toEqual(entry(1, true))
    expect(await known.of('a', 'out')).toEqual(entry(0))
    expect(await known.of('a', 'r2.0')).toBeUndefined()
    expect(await known.of('b', 'out')).toBeUndefined()
  }
})

test('a witness that runs on forgets queries whose time is over, of others nothing, and has none of them in memory', async () => {
  const records = new MemoryRecordStore()
  let now = 0
  const diary = await WitnessDiary.open(records, () => now)
  for (let k = 0; k < 500; k++) await diary.write(`short-${k}`, HOUR, 'out', entry(0))
  await diary.write('long', 30 * DAY, 'out', entry(0))
  // Clocks may differ.
  now = 1.5 * HOUR
  await diary.write('next', 30 * DAY, 'out', entry(0))
  expect(await records.count(WITNESSED)).toBe(502)
  now = 3 * HOUR
  await diary.write('next', 30 * DAY, 'r1.0', entry(0))
  expect(await records.count(WITNESSED)).toBe(2)
  expect(await diary.of('short-7', 'out')).toBeUndefined()
  expect(await diary.of('long', 'out')).toEqual(entry(0))
  // Whatever it knows it reads.
  await records.delete(WITNESSED, 'long')
  expect(await diary.of('long', 'out')).toBeUndefined()
})
