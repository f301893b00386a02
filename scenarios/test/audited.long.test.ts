/** Sessions among processes that keep evidence, and `slytherin audit` as a command on what they have kept: an honest one, and one whose evaluator lies. */
import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runScenario } from '@slytherin/scenarios'
import { execa } from 'execa'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { smallScenario } from './support.js'

const LYING = fileURLToPath(new URL('./support/lying-party.ts', import.meta.url))

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'slytherin-audited-'))
})
afterEach(async () => {
  await rm(directory, { recursive: true, force: true })
})

/** Two key holders that demand an endorsement, and the witness that gives it. */
const witnessed = () => {
  const scenario = smallScenario({ assist: { witnesses: 1 }, images: 4 })
  return { ...scenario, parties: [...scenario.parties, { name: 'witness', roles: ['witness' as const] }] }
}

async function slytherin(cwd: string, ...parameters: string[]): Promise<{ code: number | undefined; out: string }> {
  const { exitCode, stdout, stderr } = await execa(process.execPath, [inject('command'), ...parameters], { cwd, reject: false })
  return { code: exitCode, out: `${stdout}\n${stderr}` }
}

interface Report {
  readonly findings: readonly { readonly step: string; readonly holds: string; readonly text: string }[]
  readonly accusations: readonly { readonly party: string; readonly offence: string; readonly about: string }[]
  readonly evaluated: number
  readonly queries: number
}

async function audited(cwd: string, ...keepers: string[]): Promise<{ code: number | undefined; out: string; report: Report }> {
  const evidence = keepers.map(keeper => join(directory, 'evidence', keeper))
  const json = join(cwd, 'report.json')
  const result = await slytherin(cwd, 'audit', '--evidence', ...evidence, '--json', json)
  return { ...result, report: JSON.parse(await readFile(json, 'utf8')) as Report }
}

describe('slytherin audit, between processes', () => {
  it('finds that an honest session holds, whoever has kept it, to the result that the querier was given', async () => {
    const { report: ran } = await runScenario(witnessed(), { evidence: join(directory, 'evidence'), commandOf: () => inject('command') })
    expect(ran.agreement).toBe(1)
    for (const keepers of [['evaluator'], ['evaluator', 'witness', 'querier', 'key-holder-1']]) {
      const { code, out, report } = await audited(directory, ...keepers)
      expect(report.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
      expect([code, report.accusations], out).toEqual([0, []])
      expect([report.evaluated, report.queries]).toEqual([1, 1])
      expect(report.findings.some(({ text }) => text.includes('and so does the result that was signed'))).toBe(true)
    }
    // A witness has everything but the result.
    const { code, out, report } = await audited(directory, 'witness')
    expect([code, report.accusations, report.evaluated], out).toEqual([0, [], 1])
    expect(report.findings.filter(({ holds }) => holds !== 'yes')).toEqual([])
    expect(report.findings.some(({ text }) => text.includes('what was delivered was not kept'))).toBe(true)
    expect((await readdir(directory)).filter(name => name.startsWith('culprit'))).toEqual([])
  })

  it('names an evaluator that asked for other second components, in a file that convinces whoever has nothing else', async () => {
    let evaluator = ''
    const refusals: string[] = []
    await expect(
      runScenario(witnessed(), {
        evidence: join(directory, 'evidence'),
        commandOf: party => (party === 'evaluator' ? LYING : inject('command')),
        onEvent: (party, event) => {
          if (event.event === 'started' && party === 'evaluator') evaluator = event.peer
          if (event.event === 'error') refusals.push(`${party}: ${event.error.message}`)
        }
      })
    ).rejects.toThrow(/is not what the signed keys, model and query come to/)
    expect(refusals.some(text => text.startsWith('querier'))).toBe(true)

    // The witness has kept the signed request, and everything that it does not follow from.
    const { code, out, report } = await audited(directory, 'witness')
    expect(code, out).toBe(1)
    expect(report.accusations).toEqual([
      { party: evaluator, offence: 'evaluation', about: expect.stringMatching(/^request refresh /), query: expect.any(String) }
    ])
    const files = (await readdir(directory)).filter(name => name.startsWith('culprit'))
    expect(files).toHaveLength(1)

    const empty = join(directory, 'empty')
    await mkdir(empty)
    await copyFile(join(directory, files[0]!), join(empty, files[0]!))
    await rm(join(directory, 'evidence'), { recursive: true })
    const verified = await slytherin(empty, 'audit', '--verify', files[0]!)
    expect(verified.code, verified.out).toBe(0)
    expect(verified.out).toContain(`PROVEN    by its own signature: ${evaluator}`)

    // The same file with another offence, or without its first byte, proves nothing.
    const bytes = await readFile(join(empty, files[0]!))
    const other = Buffer.from(bytes.toString('latin1').replace('"offence":"evaluation"', '"offence":"equivocation"'), 'latin1')
    for (const altered of [other, bytes.subarray(1)]) {
      await writeFile(join(empty, 'altered'), altered)
      expect((await slytherin(empty, 'audit', '--verify', 'altered')).code).toBe(1)
    }
  })
})
