/** What an evaluator keeps of its queries: all on the disk, and in memory only those that still cost something. */
import { MemoryRecordStore } from '@slytherin/protocol/service'
import { expect, test } from 'vitest'
import { QueryJournal, type QueryRecord } from '../../src/service/queries/journal.js'

const DAY = 86_400_000

function opened(query: string): QueryRecord {
  return {
    query,
    epoch: 'e',
    release: 'r',
    grant: 'g',
    sender: 'alice',
    querier: 'alice',
    samples: 1,
    state: 'open',
    created: 0,
    queued: 0,
    expires: DAY,
    inputs: Array.from({ length: 100 }, () => 'ab'.repeat(32)),
    proved: [0],
    proofs: {},
    signed: null,
    resultKey: '',
    attempts: {},
    result: [],
    signature: '',
    bytes: 1000,
    code: '',
    message: ''
  }
}

async function answered(journal: QueryJournal, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, k) => `query-${k}`)
  for (const name of names) {
    await journal.put(opened(name))
    await journal.change(name, { state: 'running' })
    await journal.change(name, { state: 'fetched', bytes: 0 })
  }
  return names
}

test('thousands of queries that are over take no memory, and how each ended is still told', async () => {
  const records = new MemoryRecordStore()
  const journal = await QueryJournal.open(records)
  const names = await answered(journal, 2000)
  await journal.put(opened('last'))
  expect(journal.list().map(({ query }) => query)).toEqual(['last'])
  expect(journal.size).toBeLessThan(300)
  expect(journal.states()).toEqual({ fetched: 2000, open: 1 })
  expect(journal.get(names[0]!)).toBeUndefined()
  expect(await journal.recall(names[0]!)).toMatchObject({ state: 'fetched', sender: 'alice', inputs: [] })
  expect(journal.get(names[0]!)).toMatchObject({ state: 'fetched' })
  expect(await journal.recall('never there')).toBeUndefined()
  expect(journal.size).toBeLessThan(300)
})

test('a query that is over stays over, whatever is still being done of it', async () => {
  const journal = await QueryJournal.open(new MemoryRecordStore())
  await journal.put(opened('a'))
  await journal.change('a', { state: 'cancelled', message: 'by alice' })
  expect(await journal.change('a', { state: 'running' })).toMatchObject({ state: 'cancelled' })
  expect(await journal.change('a', now => (now.state === 'running' ? { state: 'done' } : undefined))).toMatchObject({ state: 'cancelled' })
  expect(journal.note('a', { inputs: ['x'] })).toMatchObject({ state: 'cancelled', inputs: [] })
  expect(journal.list()).toEqual([])
  // Nor is there news of it, of which the journal would keep a version for ever.
  journal.touch('a')
  expect(journal.version('a')).toBe(0)
})

test('started again it knows the same, and forgets what could not be asked again', async () => {
  const records = new MemoryRecordStore()
  await answered(await QueryJournal.open(records), 10)
  // As a process left it that was killed in between, and as one of an earlier version did.
  await records.put('query', 'query-3', opened('query-3'))
  await records.put('query', 'before', { ...opened('before'), state: 'failed' })
  await records.put('query', 'live', opened('live'))
  const journal = await QueryJournal.open(records)
  expect(journal.list().map(({ query }) => query)).toEqual(['live'])
  expect(journal.states()).toEqual({ fetched: 10, failed: 1, open: 1 })
  expect(await records.count('query')).toBe(1)
  await journal.forget(DAY - 1)
  expect(journal.states()).toEqual({ fetched: 10, failed: 1, open: 1 })
  await journal.forget(2 * DAY)
  expect(journal.states()).toEqual({ open: 1 })
  expect(await records.count('query-over')).toBe(0)
  expect(await journal.recall('query-3')).toBeUndefined()
})

test('what a query that waits takes in memory does not grow with its inputs; all of it is on the disk, and there when it runs', async () => {
  const records = new MemoryRecordStore()
  const journal = await QueryJournal.open(records)
  const signed = { document: { inputs: 'cd'.repeat(32) } as never, signatures: [] }
  await journal.put(opened('a'))
  await journal.change('a', { state: 'queued', queued: 1, signed, resultKey: 'k' })
  for (const one of [journal, await QueryJournal.open(records)]) {
    const slip = one.get('a')!
    expect(slip).toMatchObject({ state: 'queued', sender: 'alice', querier: 'alice', release: 'r', bytes: 1000, expires: DAY, inputs: [] })
    expect(JSON.stringify(slip).length).toBeLessThan(500)
    expect(one.list('queued')).toEqual([slip])
    expect(await one.whole('a')).toEqual({ ...opened('a'), state: 'queued', queued: 1, signed, resultKey: 'k' })
  }
  // Nothing is written where nothing changes.
  expect(await journal.change('a', () => undefined)).toMatchObject({ state: 'queued', resultKey: 'k' })
  expect(await journal.change('a', { state: 'running' })).toMatchObject({ inputs: opened('a').inputs, signed, resultKey: 'k' })
  expect(journal.get('a')).toMatchObject({ state: 'running', inputs: opened('a').inputs, signed })
  const done = await journal.change('a', { state: 'done', result: ['x'], signature: 'y' })
  expect(done.inputs).toHaveLength(100)
  expect(journal.get('a')).toMatchObject({ state: 'done', inputs: [], result: [], signed: null })
  expect(await journal.whole('a')).toMatchObject({ result: ['x'], signature: 'y', signed })
  await journal.change('a', { state: 'fetched', result: [] })
  expect(await journal.whole('a')).toMatchObject({ state: 'fetched', inputs: [] })
  expect(await journal.whole('never there')).toBeUndefined()
})
