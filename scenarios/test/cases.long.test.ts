/** Files as exporters write them give what onnxruntime gives, and what is refused is refused for the right reason. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readCases, runCases } from '@slytherin/scenarios'
import { describe, expect, test } from 'vitest'

const FOLDER = fileURLToPath(new URL('../../models/cases', import.meta.url))
const REFUSED = ['lstm-message', 'skl-forest-message', 'skl-svc-message']

describe('cases', () => {
  test('of the project are right, or refused as they should be', async () => {
    const results = await runCases(FOLDER)
    const outcomes = Object.fromEntries(results.map(({ name, outcome }) => [name, outcome]))
    const names = (await readCases(FOLDER)).map(({ name }) => name)
    expect(names.length).toBeGreaterThan(40)
    expect(outcomes).toEqual(Object.fromEntries(names.map(name => [name, REFUSED.includes(name) ? 'refused' : 'right'])))
    expect(results.filter(({ unexpected }) => unexpected)).toEqual([])
    for (const { outcome, worstError, reason, plan } of results) {
      if (outcome !== 'right') continue
      expect(worstError).toBeLessThan(5e-4)
      // a network without a plan says why
      expect(plan !== null || /^no plan: /.test(reason ?? '')).toBe(true)
    }
  }, 600_000)

  test('a folder without files has no cases, and one that expects nonsense is refused', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cases-'))
    try {
      expect(await runCases(folder)).toEqual([])
      await writeFile(join(folder, 'expected.json'), '{"name": "refused"}')
      await expect(runCases(folder)).rejects.toThrowError(/expected.json: file should be a refusal for each name/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
