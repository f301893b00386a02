/** What the demo says of what it saw, and how it sees a query between two refreshes. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { statePaths } from '@slytherin/node'
import { afterEach, describe, expect, test } from 'vitest'
import { picturesAsText } from '../src/demo/picture.js'
import { type DemoReport, failuresOfDemo } from '../src/demo/report.js'
import { renderDemo } from '../src/demo/show.js'
import { firstRefresh, sharesOf } from '../src/demo/watched-query.js'
import type { ServiceProcesses } from '../src/service/parties.js'

const QUERY = 'ab'.repeat(16)

const report: DemoReport = {
  scenario: 'demo',
  description: '',
  model: 'm',
  createdAt: '2026-01-31T00:00:00.000Z',
  machine: { processor: 'p', cores: 2, memoryBytes: 1, system: 's', node: 'n', v8: 'v' },
  holders: 3,
  threshold: 2,
  shape: [1, 28, 28],
  accuracyClear: 1,
  accuracyEncrypted: 1,
  largestLogit: 10,
  queries: [
    {
      querier: 'querier-1',
      query: QUERY,
      offset: 0,
      samples: 2,
      seconds: 1,
      correct: 2,
      asClear: 2,
      predictions: [7, 2],
      labels: [7, 2],
      worstLogitError: 0.05,
      shares: { 'holder-1': { 'r10.0': 2 }, 'holder-2': { out: 2, 'r10.0': 2, 'r2.0': 2 }, 'holder-3': { 'r2.0': 2, out: 2 } }
    }
  ],
  kill: { holder: 'holder-1', query: QUERY, after: 'r10.0', secondsToReady: 1 },
  seconds: { start: 1, keys: 1, publication: 1, total: 5 },
  parameters: { logN: 14, levels: 6, floodingBits: 89, decryptions: 64 },
  bytesByParty: { 'holder-1': { sent: 1, received: 2 }, evaluator: { sent: 3, received: 4 } },
  peakMemoryByParty: { 'holder-1': 1, evaluator: 2 },
  evaluatorDisk: 1,
  shares: 12,
  secondShares: 0,
  stuck: 0
}
const [asked] = report.queries as [DemoReport['queries'][number]]

test('nothing is held against a run in which all went well', () => {
  expect(failuresOfDemo(report)).toEqual([])
})

test.each<[string, Partial<DemoReport>, RegExp]>([
  ['an answer is another', { queries: [{ ...asked, asClear: 1 }] }, /^1 of 2 answers for querier-1 are not those/],
  ['a logit is off', { queries: [{ ...asked, worstLogitError: 0.3 }] }, /worst logit error of querier-1, 0.3/],
  ['a logit is no number', { queries: [{ ...asked, worstLogitError: Number.NaN }] }, /worst logit error/],
  ['the holder had not helped', { queries: [{ ...asked, shares: { 'holder-1': {} } }] }, /had given no share of r10.0/],
  ['the holder helped on', { queries: [{ ...asked, shares: { 'holder-1': { 'r10.0': 2, out: 2 } } }] }, /not killed in time/],
  ['a ciphertext has two shares', { secondShares: 1 }, /1 second shares/],
  ['a process does not end', { stuck: 1 }, /1 processes did not end/]
])('a run fails when %s', (_, change, reason) => {
  const failures = failuresOfDemo({ ...report, ...change })
  expect(failures).toHaveLength(1)
  expect(failures[0]).toMatch(reason)
})

test('the summary has steps in the order of the plan, the result last', () => {
  const lines = renderDemo(report, { samples: [] }).split('\n')
  expect(lines.find(line => line.includes('refresh 1'))).toMatch(/refresh 1 │ refresh 2 │ result/)
  expect(lines.find(line => line.startsWith('│ holder-1') && line.includes('–'))).toMatch(/│ – +│ 2 +│ – +│/)
})

describe('a picture as text', () => {
  const upperHalf = Float64Array.from({ length: 28 * 28 }, (_, k) => (k < 14 * 28 ? 1 : 0))

  test('has two rows of pixels to a line, and its label below', () => {
    const lines = picturesAsText([1, 28, 28], [upperHalf, upperHalf], ['7', '2'])
    const full = '█'.repeat(14)
    expect(lines).toEqual([
      `${full} ${full}`,
      `${full} ${full}`,
      `${full} ${full}`,
      `${'▀'.repeat(14)} ${'▀'.repeat(14)}`,
      '',
      '',
      '',
      '      7              2'
    ])
  })

  test('is none of a sample that is no picture', () => {
    expect(picturesAsText([30], [new Float64Array(30)], ['x'])).toEqual([])
    expect(picturesAsText([3, 28, 28], [new Float64Array(3 * 28 * 28)], ['x'])).toEqual([])
  })
})

describe('a query that runs', () => {
  const directories: string[] = []
  afterEach(async () => {
    for (const directory of directories.splice(0)) await rm(directory, { recursive: true, force: true })
  })

  async function parties(): Promise<ServiceProcesses> {
    const directory = await mkdtemp(join(tmpdir(), 'slytherin-watched-'))
    directories.push(directory)
    const all = await Promise.all(
      ['holder-1', 'evaluator'].map(async name => {
        const state = join(directory, name)
        await mkdir(state)
        return { name, state, roles: [name === 'evaluator' ? 'evaluator' : 'key-holder'] }
      })
    )
    return { parties: all, party: (name: string) => all.find(one => one.name === name) } as unknown as ServiceProcesses
  }

  test('is between two refreshes when all shares of the first are in the journal', async () => {
    const processes = await parties()
    const database = new DatabaseSync(statePaths(processes.party('evaluator').state).records)
    database.exec('CREATE TABLE record (kind TEXT, key TEXT, value TEXT, PRIMARY KEY (kind, key))')
    const journal = (attempts: object): void =>
      void database.prepare("INSERT OR REPLACE INTO record VALUES ('query', ?, ?)").run(QUERY, JSON.stringify({ attempts }))
    const name = { active: [2, 3] }
    journal({
      'r2.0': [
        { name: { active: [1, 2] }, state: 'failed' },
        { name, state: 'asked' }
      ]
    })
    let seen = false
    const watched = firstRefresh(processes, QUERY, AbortSignal.timeout(60_000)).then(refresh => {
      seen = true
      return refresh
    })
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(seen).toBe(false)
    journal({
      'r2.0': [
        { name: { active: [1, 2] }, state: 'failed' },
        { name, state: 'answered' }
      ]
    })
    expect(await watched).toEqual({ step: 'r2.0', active: [2, 3] })
    database.close()
  })

  test('has its shares in the ledgers of the holders, by step', async () => {
    const processes = await parties()
    const database = new DatabaseSync(statePaths(processes.party('holder-1').state).ledger)
    database.exec('CREATE TABLE share (protocol TEXT, instance TEXT)')
    const put = (protocol: string, instance: string): void =>
      void database.prepare('INSERT INTO share VALUES (?, ?)').run(protocol, instance)
    put('refresh', `0123:${QUERY}/r2.0/0/0/l/1.2/0`)
    put('refresh', `0123:${QUERY}/r2.0/0/0/l/1.2/1`)
    put('refresh of', `0123:${QUERY}/r2.0/0/0/l/1.2/1`)
    put('switch', `0123:${QUERY}/out/0/0/l/1.2/0`)
    put('switch', `0123:${'cd'.repeat(16)}/out/0/0/l/1.2/0`)
    database.close()
    expect(sharesOf(processes, QUERY)).toEqual({ 'holder-1': { 'r2.0': 2, out: 1 } })
  })
})
