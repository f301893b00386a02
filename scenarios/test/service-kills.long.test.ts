/** A service among real processes, some of which are killed: nothing is wrong, nothing is lost, nobody gives a second share. */
import { fileURLToPath } from 'node:url'
import { failuresOfService, loadServiceScenario, runService } from '@slytherin/scenarios'
import { expect, test } from 'vitest'

const FILE = fileURLToPath(new URL('../small-service.yaml', import.meta.url))

test('queries are answered right while parties are killed and come back', async () => {
  const scenario = await loadServiceScenario(FILE, { kills: 6, minutes: 10 })
  const report = await runService(scenario, { seed: 20261129, signal: AbortSignal.timeout(220_000), onLine: () => undefined })
  expect(failuresOfService(report)).toEqual([])
  expect(report.kills).toBe(6)
  // who is killed as it starts is started once more
  expect(report.restarts).toBeGreaterThan(0)
  expect(report.restarts + report.killsWhileStarting).toBeLessThanOrEqual(6)
  expect(report.answered).toBeGreaterThan(0)
  expect(report.shares).toBeGreaterThan(0)
})

test('a file that says what it must not is refused by its key', async () => {
  await expect(loadServiceScenario(FILE, { threshold: 4 })).rejects.toThrow(/threshold: at most 3/)
})
