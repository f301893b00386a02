/** The kept reports: the list of runs, which of them are current, and the page that sums them up. */
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeReport, type Scenario, type ScenarioReport, simulate } from '@slytherin/scenarios'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderCurve } from '../src/reports/curve.js'
import { renderHeadlines, withHeadlines } from '../src/reports/headlines.js'
import { isCurrent, readReports, reportFile } from '../src/reports/kept-reports.js'
import { renderOverview } from '../src/reports/overview.js'
import { choose, loadRuns, type Run, RunListError, scenarioOf } from '../src/reports/run-list.js'
import { reportJson } from '../src/write-report.js'
import { recorded } from './observation.js'

const LIST = fileURLToPath(new URL('../reports.yaml', import.meta.url))

let folder: string
let report: ScenarioReport
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slytherin-reports-'))
  const { plan, clear, scenario, observations } = await recorded()
  const simulation = await simulate(plan, clear.network, clear.samples.slice(0, 4))
  report = makeReport(scenario, { ...observations, simulation }, clear)
})
afterAll(async () => await rm(folder, { recursive: true, force: true }))

async function written(text: string): Promise<string> {
  const file = join(folder, 'list.yaml')
  await writeFile(file, text)
  return file
}

describe('the list of runs', () => {
  it('names scenarios and models that there are', async () => {
    const runs = await loadRuns(LIST)
    const scenarios = await Promise.all(runs.map(async run => await scenarioOf(run, LIST)))
    expect(new Set(scenarios.map(({ model }) => model)).size).toBeGreaterThanOrEqual(10)
    runs.forEach((run, k) => {
      expect(scenarios[k]!.model).toContain(`${run.model}.onnx`)
      expect(scenarios[k]!.images).toBe(run.images)
    })
    expect(runs.filter(run => run.curve).map(run => run.images)).toEqual([1, 8, 32, 83, 256, 1024, 4096, 8192])
  })

  it('is refused with the key at fault', async () => {
    await expect(loadRuns('/nowhere.yaml')).rejects.toThrow(RunListError)
    await expect(written('runs: [{ name: A, scenario: b }]').then(loadRuns)).rejects.toThrow(/runs\.0\.name: expected lower-case/)
    await expect(written('runs: [{ name: a, scenario: b }, { name: a, scenario: c }]').then(loadRuns)).rejects.toThrow(/names that differ/)
    await expect(written('runs: [{ name: a, scenario: b, image: 3 }]').then(loadRuns)).rejects.toThrow(/image/)
  })

  it('gives the runs asked for, in its own order', async () => {
    const runs = await loadRuns(await written('runs: [{ name: a, scenario: s }, { name: b, scenario: s }, { name: c, scenario: s }]'))
    const names = (chosen: readonly string[]): string[] => choose(runs, chosen).map(run => run.name)
    expect(names([])).toEqual(['a', 'b', 'c'])
    expect(names(['c', 'a'])).toEqual(['a', 'c'])
    expect(() => names(['d'])).toThrow(/no run 'd' in the list, which has: a, b, c/)
  })
})

describe('a kept report', () => {
  it('is current until its scenario changes, another run is asked for, or time has passed', async () => {
    const list = await written('runs: [{ name: a, scenario: s.yaml }]')
    const file = join(folder, 's.yaml')
    await writeFile(file, '')
    const [run] = (await loadRuns(list)) as [Run]
    const { scenario } = await recorded()
    const current = async (changes: Partial<Scenario> = {}, since?: Date): Promise<boolean> =>
      await isCurrent({ ...report, createdAt: new Date().toISOString() }, run, { ...scenario, ...changes }, list, since)
    await utimes(file, new Date(0), new Date(0))
    expect(await current()).toBe(true)
    expect(await current({ images: scenario.images + 1 })).toBe(false)
    expect(await current({ evaluator: 'seal' })).toBe(false)
    expect(await current({}, new Date(Date.now() + 60_000))).toBe(false)
    await utimes(file, new Date(Date.now() + 60_000), new Date(Date.now() + 60_000))
    expect(await current()).toBe(false)
  })
})

describe('the page that sums up', () => {
  it('has a line for every report that there is', async () => {
    const runs = await loadRuns(await written('runs: [{ name: a, scenario: s }, { name: b, scenario: s }, { name: c, scenario: s }]'))
    await writeFile(reportFile(folder, runs[0]!), reportJson(report))
    await writeFile(reportFile(folder, runs[1]!), '{ "cut o')
    await writeFile(reportFile(folder, runs[2]!), JSON.stringify({ ...report, rolesByParty: undefined }))
    const kept = await readReports(folder, runs)
    expect(kept.map(({ run }) => run.name)).toEqual(['a'])
    const page = renderOverview(kept, 'curve.svg')
    const lines = page.split('\n').filter(line => line.startsWith('| [a](a.html) |'))
    expect(lines).toHaveLength(3)
    const [answers] = lines as [string]
    expect(answers).toContain(`${report.images} of ${report.images}`)
    expect(answers).toContain('(first 4)')
    expect(page).toContain('](curve.svg)')
    expect(page).not.toMatch(/undefined|NaN|Infinity/)
    for (const line of page.split('\n').filter(text => text.startsWith('|'))) expect(line).toMatch(/\|$/)
  })

  it('keeps the line of a report of an earlier release', async () => {
    const runs = await loadRuns(await written('runs: [{ name: a, scenario: s, headline: The one }]'))
    await writeFile(reportFile(folder, runs[0]!), JSON.stringify({ ...report, task: undefined, disagreements: undefined }))
    const kept = await readReports(folder, runs)
    const [answers] = renderOverview(kept, undefined)
      .split('\n')
      .filter(line => line.startsWith('| [a](a.html) |')) as [string]
    expect(answers).toContain(`${report.images} of ${report.images} (of the polynomial one) | –`)
    expect(renderHeadlines(kept, 'docs/reports', undefined)).toContain('[The one](docs/reports/a.html)')
  })

  it('puts its headlines between the marks of another page', async () => {
    const runs = await loadRuns(await written('runs: [{ name: a, scenario: s, headline: The one }, { name: b, scenario: s }]'))
    const headlines = renderHeadlines(
      runs.map(run => ({ run, report })),
      'docs/reports',
      undefined
    )
    expect(headlines.match(/\[.*\]\(.*\)/g)).toEqual(['[The one](docs/reports/a.html)'])
    const page = 'before\n<!-- figures: written by npm run reports -->\nold\n<!-- end of figures -->\nafter\n'
    const renewed = withHeadlines(page, headlines)
    expect(renewed).toContain(headlines)
    expect(renewed).not.toContain('old')
    expect(renewed).toMatch(/^before\n[\s\S]*after\n$/)
    expect(withHeadlines(renewed, headlines)).toBe(renewed)
    expect(withHeadlines('no marks', headlines)).toBe('no marks')
  })

  it('draws cost by batch', () => {
    const at = (images: number, evaluation: number): ScenarioReport => ({
      ...report,
      images,
      secondsByPhase: { ...report.secondsByPhase, evaluation }
    })
    const svg = renderCurve([at(8192, 16), at(1, 0.25), at(83, 2)])
    expect(svg).toMatch(/^<svg width="\d+" height="\d+" xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
    expect(svg).toContain('1: 250 ms, 83: 2.00 s, 8192: 16.0 s')
    for (const label of ['8,192', '16.0 s', '2.0 ms', 'all images', 'per image']) expect(svg).toContain(`>${label}</text>`)
    expect(svg).not.toMatch(/NaN|undefined/)
  })
})
