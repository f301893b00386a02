/** What a long run of queries is held to. */
import { readFile } from 'node:fs/promises'
import { failuresOfMemory, failuresOfService, type ServiceReport } from '@slytherin/scenarios'
import { expect, test } from 'vitest'

const report = JSON.parse(await readFile(new URL('../../docs/reports/soak.json', import.meta.url), 'utf8')) as ServiceReport
const MIB = 2 ** 20

function grown(percent: number): ServiceReport['memory'] {
  const secondQuarter = 200 * MIB
  const lastQuarter = secondQuarter * (1 + percent / 100)
  return {
    'holder-1': { secondQuarter, lastQuarter: secondQuarter - 1, peak: lastQuarter },
    evaluator: { secondQuarter, lastQuarter, peak: lastQuarter }
  }
}

test('a party that takes more and more memory fails a soak by name', () => {
  expect(failuresOfMemory({ ...report, memory: grown(4.9) })).toEqual([])
  expect(failuresOfMemory({ ...report, memory: grown(5.1) })).toEqual([
    'evaluator has 5.1 % more memory in the last quarter than in the second'
  ])
})

test('a run that was short, or in which processes were killed, says nothing of memory', () => {
  expect(failuresOfMemory({ ...report, queries: 999, memory: grown(50) })).toEqual([])
  expect(failuresOfMemory({ ...report, kills: 1, memory: grown(50) })).toEqual([])
})

test('the soak of the documentation is one of two thousand queries that passed', () => {
  expect(report.queries).toBeGreaterThanOrEqual(2000)
  expect(report.answered).toBe(report.queries)
  expect(Object.keys(report.memory)).toHaveLength(report.holders + report.witnesses + report.queriers + 2)
  expect([...failuresOfService(report), ...failuresOfMemory(report)]).toEqual([])
})
