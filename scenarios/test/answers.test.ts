/** A regression and classes by name, simulated and told; near ties apart; what is judged is never what was calibrated on. No processes. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { logitDeviation, type Plan } from '@slytherin/engine'
import { loadSamples, SampleFile, sourceOf } from '@slytherin/node'
import {
  type ClearReference,
  failuresOf,
  loadScenario,
  makeReport,
  renderReport,
  type Scenario,
  type ScenarioReport,
  simulate
} from '@slytherin/scenarios'
import { beforeAll, describe, expect, it } from 'vitest'
import { calibrationOf } from '../src/calibration.js'
import { countShared } from '../src/calibration-apart.js'
import { predictionsOf } from '../src/comparison.js'
import { observe, planFor, recorded } from './observation.js'

const file = fileURLToPath(new URL('../both-encrypted.yaml', import.meta.url))
const manifest = fileURLToPath(new URL('../../models/manifest.json', import.meta.url))
const RAW = { scale: 1, mean: 0, deviation: 1 }

interface Simulated {
  readonly scenario: Scenario
  readonly plan: Plan
  readonly clear: ClearReference
  readonly logits: readonly (readonly number[])[]
  readonly report: ScenarioReport
}

/** A model of the manifest as the scenario runner takes it, its answers those of the simulated run. */
async function simulated(model: string, images: number): Promise<Simulated> {
  const scenario = await loadScenario(file, { model, images })
  const { plan, clear } = await planFor(scenario, await calibrationOf(scenario))
  const simulation = await simulate(plan, clear.network, clear.samples)
  const logits = simulation.logits.map(row => Array.from(row))
  return { scenario, plan, clear, logits, report: makeReport(scenario, { ...observe(scenario, plan, logits), simulation }, clear) }
}

const told = ({ report, clear, logits }: Simulated): string => renderReport(report, predictionsOf(clear.network, logits), clear)

describe('a regression, simulated', () => {
  let seen: Simulated
  let truth: number[]
  beforeAll(async () => {
    seen = await simulated('diabetes-regression', 64)
    truth = (await loadSamples({ ...sourceOf(seen.scenario.data.labels!), offset: 0, count: 64, normalisation: RAW })).map(row => row[0]!)
  })

  it('is judged by R² and by errors in the units of its data, not by signs', () => {
    const { report, clear } = seen
    const mean = truth.reduce((sum, value) => sum + value, 0) / truth.length
    const squares = (of: (k: number) => number): number => truth.reduce((sum, _, k) => sum + of(k) ** 2, 0)
    const missed = squares(k => truth[k]! - clear.logits[k]![0]!)
    expect(report.task).toBe('regression')
    expect(report.accuracyClear).toBeCloseTo(1 - missed / squares(k => truth[k]! - mean), 9)
    expect(report.accuracyClear).toBeLessThan(0.9)
    expect(report.valueError!.clear).toBeCloseTo(Math.sqrt(missed / truth.length), 9)
    expect(report.valueError!.encrypted).toBeCloseTo(report.valueError!.clear, 0)
    expect(report.confusion).toBeUndefined()
  })

  it('agrees with the network of the file, and differs from it', () => {
    const { report } = seen
    expect(report.agreement).toBeGreaterThan(0.99)
    expect(report.agreement).toBeLessThan(1)
    expect(report.approximationAgreement).toBeGreaterThan(0.99)
    expect(report.approximationAgreement).toBeLessThan(1)
    expect(report.agreementPolynomial).toBeGreaterThan(report.agreement)
    expect(report.fit).toMatchObject({ measure: 'R²', samples: report.calibrationSamples })
  })

  it('has errors within its bar; a value beyond the bar fails the run', () => {
    const { scenario, plan, clear, logits, report } = seen
    expect(report.disagreements).toEqual({ nearTies: 0, within: 0, beyond: 0 })
    expect(failuresOf(report, scenario)).toEqual([])
    const moved = (deviations: number): ScenarioReport => {
      const shifted = logits.map((row, k) => (k === 3 ? [clear.polynomial[3]![0]! + deviations * logitDeviation(plan)] : row))
      return makeReport(scenario, observe(scenario, plan, shifted), clear)
    }
    expect(moved(5.9).disagreements.beyond).toBe(0)
    expect(failuresOf(moved(5.9), scenario)).toEqual([])
    expect(moved(-6.1).disagreements.beyond).toBe(1)
    expect(failuresOf(moved(-6.1), scenario)).toEqual([
      "1 of 64 encrypted answers differ from the evaluated network's by more than 6 standard deviations of their error"
    ])
  })

  it('is told in values', () => {
    const text = told(seen)
    expect(text).toContain('error in units of the data')
    expect(text).toMatch(/the file's network, clear.*R² 0\.\d{4}/)
    expect(text).toMatch(/polynomial network, clear.*R² 0\.\d{4}.*R² 0\.99\d\d/)
    expect(text).toContain(`First values: ${truth.slice(0, 3).join(' ')}`)
    expect(text).toMatch(
      /Encrypted values farther from the evaluated network's than 6 standard deviations of a logit's error, \S+ each: 0 of 64\./
    )
    expect(text).toMatch(/The fit: R² 0\.99\d\d on 353 samples that it had put aside\./)
    expect(text).not.toMatch(/recognised|near ties/)
  })
})

describe('classes by the names of the file, simulated', () => {
  let seen: Simulated
  beforeAll(async () => {
    seen = await simulated('wine-labels', 35)
  })

  it('are what is predicted, what is true, and what is counted', async () => {
    const { report, clear, logits, scenario } = seen
    const names = ['barbera', 'barolo', 'grignolino']
    expect(clear.network.task).toMatchObject({ kind: 'classification', labels: names })
    const places = await loadSamples({ ...sourceOf(scenario.data.labels!), offset: 0, count: 35, normalisation: RAW })
    expect(clear.labels).toEqual(places.map(row => names[row[0]!]))
    const right = predictionsOf(clear.network, logits).filter((name, k) => name === names[places[k]![0]!])
    expect(report.accuracyEncrypted).toBe(right.length / 35)
    expect(report.accuracyEncrypted).toBeGreaterThan(0.9)
    expect(report.confusion!.classes).toEqual(names)
    expect(report.confusion!.counts.flat().reduce((sum, count) => sum + count, 0)).toBe(35)
    expect(new Set(clear.labels).size).toBe(3)
    expect(failuresOf(report, scenario)).toEqual([])
  })

  it('are told by name, right or wrong', () => {
    const { clear, logits } = seen
    const text = told(seen)
    expect(text).toContain(`First predictions: ${predictionsOf(clear.network, logits).slice(0, 3).join(' ')}`)
    expect(text).toMatch(/35 of 35/)
    const turned = { ...clear, labels: clear.labels.map((name, k) => (k === 2 ? (name === 'barolo' ? 'barbera' : 'barolo') : name)) }
    const prediction = predictionsOf(clear.network, logits)[2]
    expect(renderReport(seen.report, predictionsOf(clear.network, logits), turned)).toContain(
      `sample 2: ${prediction}, is ${turned.labels[2]}`
    )
  })
})

describe('near ties', () => {
  it('are counted apart: the run fails for what differs beyond six standard deviations only', async () => {
    const { scenario, plan, clear } = await simulatedNothing()
    const deviation = logitDeviation(plan)
    // the difference of two logits has √2 deviations: 8.4 of one are a near tie, 8.6 none
    const rows = (gap: number): Float64Array => Float64Array.of(0, gap * deviation, -100)
    const expected = [rows(1000), rows(8.4), rows(8.4), rows(8.6), ...clear.polynomial.slice(4)]
    const own = { ...clear, logits: expected, polynomial: expected }
    const reported = (...turned: number[]): ScenarioReport => {
      const actual = expected.map((row, k) => (turned.includes(k) ? [row[1]!, row[0]!, row[2]!] : Array.from(row)))
      return makeReport(scenario, observe(scenario, plan, actual), own)
    }
    expect(reported().disagreements).toEqual({ nearTies: 2, within: 0, beyond: 0 })
    const within = reported(2)
    expect(within.disagreements).toEqual({ nearTies: 2, within: 1, beyond: 0 })
    expect(within.agreement).toBe(1 - 1 / scenario.images)
    expect(failuresOf(within, scenario)).toEqual([])
    expect(renderReport(within, [], { ...own, labels: [] })).toMatch(
      new RegExp(`differ from the evaluated network's: 1 near ties, 0 beyond; 2 of ${scenario.images} answers are near ties \\(6 standard`)
    )
    const beyond = reported(2, 3)
    expect(beyond.disagreements).toEqual({ nearTies: 2, within: 1, beyond: 1 })
    expect(failuresOf(beyond, scenario)).toEqual([
      `1 of ${scenario.images} encrypted answers differ from the evaluated network's by more than 6 standard deviations of their error`
    ])
    const missing = makeReport(
      scenario,
      observe(
        scenario,
        plan,
        expected.slice(0, 1).map(row => Array.from(row))
      ),
      own
    )
    expect(missing.disagreements).toMatchObject({ within: 0, beyond: scenario.images - 1 })
  })

  async function simulatedNothing(): Promise<{ scenario: Scenario; plan: Plan; clear: ClearReference }> {
    const loaded = await loadScenario(file, { model: 'wine-labels', images: 8 })
    const scenario = { ...loaded, expect: { agreement: 1, logitError: 1 } }
    return { scenario, ...(await planFor(scenario, await calibrationOf(scenario))) }
  }
})

describe('the difference that approximating makes', () => {
  it('is warned of above half a point of accuracy', async () => {
    const { scenario, plan, clear, observations } = await recorded({ images: 100 })
    const approximated = { ...clear, approximation: { ...clear.approximation, activations: [activation] }, outOfRange: [range] }
    const report = (turned: number): ScenarioReport => {
      const right = clear.polynomial.flatMap((_, k) =>
        predictionsOf(clear.network, [clear.polynomial[k]!])[0] === clear.labels[k] ? k : []
      )
      const changed = right.slice(0, turned)
      const polynomial = clear.polynomial.map((row, k) => (changed.includes(k) ? row.map(value => -value) : row))
      return makeReport(scenario, { ...observations, plan }, { ...approximated, polynomial })
    }
    expect(report(0).warnings.filter(text => text.includes('cost accuracy'))).toEqual([])
    const one = report(1)
    expect(one.warnings.filter(text => text.includes('cost accuracy'))).toHaveLength(1)
    expect(one.approximationLoss).toBeCloseTo(0.01, 12)
    expect(one.approximationAgreement).toBeCloseTo(0.99, 12)
  })

  const activation = {
    layer: 'a',
    activation: { kind: 'tanh', name: 'tanh' },
    method: 'fit',
    degree: 2,
    interval: [-1, 1],
    maximumError: 0.1
  } as unknown as ClearReference['approximation']['activations'][number]
  const range = { layer: 'a', outside: 0, samplesOutside: 0, smallest: -1, largest: 1 } as ClearReference['outOfRange'][number]
})

describe('rows to calibrate on', () => {
  it('are none of those that are asked about, where one file has both', async () => {
    const { scenario } = await recordedScenario()
    const { calibration: _, ...data } = scenario.data
    const { count: rows } = await SampleFile.open({ ...sourceOf(data.samples), offset: 0, normalisation: RAW })
    for (const [images, calibrationSamples] of [
      [1, 500],
      [rows - 1, 500],
      [rows - 40, 30],
      [16, 8]
    ] as const) {
      const { samples } = await calibrationOf({ ...scenario, data, images, calibrationSamples })
      expect(samples!.offset, `${images} images`).toBeGreaterThanOrEqual(images)
      expect(samples!.count).toBe(Math.min(calibrationSamples, rows - images))
      expect(samples!.offset! + samples!.count!).toBe(rows)
    }
    await expect(calibrationOf({ ...scenario, data, images: rows })).rejects.toThrow(/all \d+ rows are asked about.*"data.calibration"/)
    expect(await calibrationOf({ ...scenario, data, images: rows, calibrationSamples: 0 })).toEqual({ manifest: scenario.manifest })
  })

  it('are none of the test rows of their model, in every file of the manifest', async () => {
    const hash = (row: Float64Array): string => createHash('sha1').update(new Uint8Array(row.buffer)).digest('base64')
    const { models } = JSON.parse(await readFile(manifest, 'utf8')) as { models: { name: string }[] }
    const seen = new Set<string>()
    for (const { name } of models) {
      const scenario = await loadScenario(file, { model: name })
      // the images of CIFAR-10 are got by whoever wants them
      if (!existsSync(scenario.data.samples)) continue
      const pair = `${scenario.data.samples} ${scenario.data.calibration}`
      if (seen.has(pair)) continue
      seen.add(pair)
      const asked = new Set((await loadSamples({ ...sourceOf(scenario.data.samples), offset: 0, normalisation: RAW })).map(hash))
      const { samples } = await calibrationOf(scenario)
      const own = await loadSamples({ ...samples!, normalisation: RAW })
      expect(own.length, name).toBeGreaterThanOrEqual(100)
      expect(own.filter(row => asked.has(hash(row))).length, name).toBe(0)
    }
    expect(seen.size).toBeGreaterThanOrEqual(6)
  })

  it('are refused where they are those that are asked about, under another name', async () => {
    const { scenario } = await recordedScenario()
    const { samples } = scenario.data
    const rows = await loadSamples({ ...sourceOf(samples), offset: 0, normalisation: RAW })
    const shared = async (offset: number, count: number): Promise<number> =>
      await countShared({ samples: { ...sourceOf(samples), offset, count, normalisation: RAW } }, rows.slice(0, 16), [rows[0]!.length])
    expect(await shared(16, 20)).toBe(0)
    await expect(shared(15, 20)).rejects.toThrow(/1 of the 16 samples.*"data\.calibration"/)
    await expect(shared(0, 16)).rejects.toThrow(/16 of the 16/)
    expect(await countShared({ manifest: scenario.manifest }, rows, [rows[0]!.length])).toBe(0)
  })

  it('are said to be few below a hundred', async () => {
    const { scenario, observations, clear } = await recorded({ images: 4 })
    const warnings = (calibrationRows: number | undefined): string[] =>
      makeReport(scenario, observations, { ...clear, calibrationRows }).warnings
    expect(warnings(99)).toEqual([expect.stringContaining('calibrated on 99 samples, which are few')])
    expect(warnings(100)).toEqual([])
    expect(warnings(undefined)).toEqual([])
    const report = makeReport(scenario, observations, { ...clear, calibrationRows: 99 })
    expect(renderReport(report, [], { ...clear, labels: [] })).toContain('Warning: the model was calibrated on 99 samples, which are few')
  })

  async function recordedScenario(): Promise<{ scenario: Scenario }> {
    return { scenario: await loadScenario(file, { model: 'breast-cancer-wdbc-mlp-square', images: 16 }) }
  }
})
