/** What a cold worker is measured by: the rate of its link, and its own log. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bitsOf } from '../src/fleet/cold.js'
import { loggedAt } from '../src/fleet/worker-process.js'

test.each([
  ['1gbit', 1e9],
  ['200mbit', 2e8],
  ['1.5Kbit', 1500],
  ['800bit', 800]
])('%s is so many bits a second', (rate, bits) => {
  expect(bitsOf(rate)).toBe(bits)
})

test('what is no rate is refused', () => {
  expect(() => bitsOf('fast')).toThrow('no rate of bits a second: fast')
})

test('a log says when something was said first, between what is told to people', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'slytherin-log-'))
  const log = join(directory, 'log')
  await writeFile(log, '2026-01-01T00:00:00Z  admitted\n{"time":5,"msg":"given"}\n{"time":9,"msg":"done"}\n{"time":12,"msg":"given"}\n{"ti')
  expect(await loggedAt(log, 'given')).toBe(5)
  expect(await loggedAt(log, 'done')).toBe(9)
  expect(await loggedAt(log, 'other')).toBeUndefined()
  expect(await loggedAt(join(directory, 'none'), 'given')).toBeUndefined()
  await rm(directory, { recursive: true })
})
