/** Reports from an observation, without processes. */
import { inflateSync } from 'node:zlib'
import {
  confusionMatrix,
  failuresOf,
  makeReport,
  renderHtml,
  type SampleAnswers,
  type ScenarioReport,
  sampleAnswers,
  simulate
} from '@slytherin/scenarios'
import { beforeAll, describe, expect, it } from 'vitest'
import { worstDifference } from '../src/comparison.js'
import { pictureOf, pngAddress } from '../src/html/png.js'
import { warningsOf } from '../src/report/warnings.js'
import { reportJson } from '../src/write-report.js'
import { ERROR, type Recorded, recorded } from './observation.js'

let seen: Recorded
let report: ScenarioReport
beforeAll(async () => {
  seen = await recorded()
  const { plan, clear, scenario, observations } = seen
  const simulation = await simulate(plan, clear.network, clear.samples)
  report = makeReport(scenario, { ...observations, simulation }, clear)
})

describe('the report of an observation', () => {
  it('compares four ways on the same samples', () => {
    const { accuracy, logitError, computationError } = report
    expect(Object.keys(accuracy)).toEqual(['clear', 'polynomial', 'simulated', 'encrypted'])
    expect(accuracy.polynomial).toBe(accuracy.clear)
    expect(accuracy.clear).toBeGreaterThan(0.8)
    expect(report).toMatchObject({ accuracyClear: accuracy.clear, accuracyEncrypted: accuracy.encrypted, agreement: 1 })
    expect(logitError.polynomial).toBeLessThan(1e-10)
    expect(computationError.encrypted).toBeCloseTo(ERROR, 12)
    expect(report.maxLogitError).toBe(computationError.encrypted)
    expect(computationError.simulated).toBeGreaterThan(0)
    expect(failuresOf(report, seen.scenario)).toEqual([])
  })

  it('tells what every step of the plan took, left and needed', () => {
    const { plan } = seen
    expect(report.layers.map(({ kind }) => kind)).toEqual(plan.steps.map(({ kind }) => kind))
    expect(report.layers.map(({ seconds }) => seconds)).toEqual(plan.steps.map((_, step) => 0.25 * (step + 1)))
    const planned = report.layers.reduce((sum, { predictedSeconds }) => sum + predictedSeconds, plan.costs.seconds.result)
    expect(planned).toBeCloseTo(plan.costs.seconds.evaluation, 9)
    for (const layer of report.layers) {
      expect(layer.predictedSeconds).toBeGreaterThan(0)
      expect(layer.noiseBits).toBe(20)
      expect(layer.simulatedError!.rms).toBeGreaterThan(0)
      expect(layer.bytes > 0).toBe(layer.weights > 0)
    }
    expect(report.layers.reduce((sum, { weights }) => sum + weights, 0)).toBe(plan.weights.count)
    const bytes = report.layers.reduce((sum, layer) => sum + layer.bytes, 0)
    // The plan prices biases at the level of their layer's weights, they travel at that of its result.
    expect(bytes).toBeGreaterThan(0.8 * plan.costs.bytes.model)
    expect(bytes).toBeLessThan(1.05 * plan.costs.bytes.model)
  })

  it('has the time of the data from their owner, other times from the evaluator', () => {
    const place = (role: string): number => seen.observations.parties.findIndex(party => party.roles.some(own => own === role))
    expect(report.secondsByPhase).toMatchObject({ dataEncryption: place('data-owner') + 1, evaluation: place('evaluator') + 1 })
    expect(place('data-owner')).not.toBe(place('evaluator'))
  })

  it('adds up the passes and queries of a step', () => {
    const { observations, scenario, clear } = seen
    const twice = makeReport(scenario, { ...observations, steps: [...observations.steps, ...observations.steps] }, clear)
    expect(twice.layers.map(({ seconds }) => seconds)).toEqual(report.layers.map(({ seconds }) => 2 * seconds))
    expect(twice.accuracy.simulated).toBeUndefined()
    expect(twice.layers[0]!.simulatedError).toBeUndefined()
  })

  it('is plain data', () => {
    const text = reportJson(report)
    expect(JSON.parse(text)).toEqual(report)
    expect(text).toMatch(/"classes": \[0, 1\],/)
    const odd = { ...report, description: 'a [ 1, 2 ] and 1e+5', maxLogit: 1.5e25, maxLogitError: -2e-25 }
    expect(JSON.parse(reportJson(odd))).toEqual(odd)
  })

  it('fails a run that answers otherwise, or not at all', () => {
    const { observations, scenario, clear } = seen
    const other = makeReport(scenario, { ...observations, logits: observations.logits.map(row => row.map(value => -value)) }, clear)
    expect(failuresOf(other, scenario)).toHaveLength(2)
    const short = makeReport(scenario, { ...observations, logits: observations.logits.slice(1) }, clear)
    expect(short.maxLogitError).toBe(Number.POSITIVE_INFINITY)
    expect(failuresOf(short, scenario)).not.toEqual([])
  })
})

describe('a confusion matrix', () => {
  it('counts labels down, predictions across', () => {
    expect(confusionMatrix([0, 0, 2, 1, 2], [0, 2, 2, 1, 1])).toEqual({
      classes: [0, 1, 2],
      counts: [
        [1, 0, 1],
        [0, 1, 0],
        [0, 1, 1]
      ]
    })
    expect(confusionMatrix([1], [1], [0, 1]).counts).toEqual([
      [0, 0],
      [0, 1]
    ])
    expect(confusionMatrix([1, 0], [1]).counts).toEqual([
      [0, 0],
      [0, 1]
    ])
    expect(() => confusionMatrix([1], [1, 2])).toThrow(RangeError)
  })

  it('of a report adds up to its images and its accuracy', () => {
    const { counts } = report.confusion!
    expect(counts.flat().reduce((sum, count) => sum + count, 0)).toBe(report.images)
    expect(counts.reduce((sum, row, k) => sum + row[k]!, 0)).toBe(Math.round(report.accuracyEncrypted * report.images))
  })
})

describe('differences of logits', () => {
  it('are infinite where an answer is missing or no number', () => {
    expect(worstDifference([[1, 2]], [[1, 4]])).toBe(2)
    expect(worstDifference([], [[1]])).toBe(Number.POSITIVE_INFINITY)
    expect(worstDifference([[Number.NaN], [5]], [[1], [5]])).toBe(Number.POSITIVE_INFINITY)
  })
})

/** Elements by tag name, without a browser. */
const tags = (page: string, name: string): string[] => page.match(new RegExp(`<${name}[\\s>][^>]*`, 'g')) ?? []
const identifiers = (page: string): string[] => [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!)

describe('the page of a report', () => {
  const page = (): string => renderHtml(report, sampleAnswers(seen.clear, seen.observations.logits))

  it('holds the figures', () => {
    const text = page()
    expect(text).toContain(`${(100 * report.accuracyEncrypted).toFixed(2)} %`)
    expect(text).toContain('16 of 16')
    expect(text).toContain('2.15 GB')
    expect(text).toContain('12.5 s')
    expect(text).toContain(report.parameters.logQP.toFixed(1))
    expect(text).toContain(report.machine.node)
    for (const { name } of seen.observations.parties) expect(text).toContain(name)
    for (const { name } of report.layers) expect(text).toContain(name)
  })

  it('draws every chart, named for those who cannot see it', () => {
    const text = page()
    const charts = tags(text, 'svg')
    expect(charts).toHaveLength(5)
    for (const chart of charts) expect(chart).toMatch(/role="img" aria-labelledby="\S+" aria-describedby="\S+"/)
    const ids = identifiers(text)
    expect(new Set(ids).size).toBe(ids.length)
    for (const [, id] of text.matchAll(/aria-(?:labelledby|describedby)="([^"]*)"/g)) expect(ids).toContain(id)
  })

  it('fetches nothing and runs nothing', () => {
    const text = page()
    expect(text).toContain('content="default-src &#39;none&#39;;')
    expect(tags(text, 'script')).toEqual([])
    expect(tags(text, 'link')).toEqual([])
    expect(text.replaceAll('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/https?:|url\((?!#)|@import| on\w+=/)
  })

  it('begins with the accuracy of the clear, the polynomial and the encrypted network', () => {
    const losing: ScenarioReport = {
      ...report,
      accuracy: { clear: 0.91, polynomial: 0.895, encrypted: 0.9 },
      warnings: ['it costs <much>']
    }
    const [top] = renderHtml(losing, sampleAnswers(seen.clear, seen.observations.logits)).split('</dl>') as [string]
    for (const [name, value] of [
      ['clear', '91.00 %'],
      ['polynomial', '89.50 %'],
      ['encrypted', '90.00 %']
    ]) {
      expect(top).toContain(`<dt>Accuracy, ${name}</dt><dd>${value}<small>`)
    }
    expect(top).toContain('+0.50 points against the polynomial network')
    expect(top).toMatch(/<p class="warning" role="note"><strong>Warning:<\/strong> it costs &lt;much&gt;\.<\/p>/)
    expect(renderHtml({ ...losing, warnings: [] }, sampleAnswers(seen.clear, seen.observations.logits))).not.toContain('class="warning"')
  })

  it('warns where polynomials cost more than half a point', () => {
    const warnings = (clear: number, polynomial: number, approximated = true): string[] =>
      warningsOf('classification', { clear, polynomial, encrypted: polynomial }, approximated, {
        calibrationRows: 500,
        calibrationShared: 0
      })
    expect(warnings(0.91, 0.904)).toEqual([expect.stringContaining('91.00 % with the file')])
    expect(warnings(0.91, 0.906)).toEqual([])
    expect(warnings(0.91, 0.92)).toEqual([])
    expect(warnings(0.91, 0.5, false)).toEqual([])
    expect(
      warningsOf('classification', { clear: 1, polynomial: 1, encrypted: 1 }, true, { calibrationRows: 500, calibrationShared: 2 })
    ).toEqual([expect.stringContaining('2 of the samples')])
  })

  it('says what it was made with, where the report does', () => {
    const provenance = { version: '1.2.3', commit: 'c0ffee'.padEnd(40, '0'), modified: true, modelHash: 'ab'.repeat(32) }
    const text = renderHtml({ ...report, provenance }, sampleAnswers(seen.clear, seen.observations.logits))
    for (const part of ['1.2.3', `${provenance.commit}, with changes`, provenance.modelHash]) expect(text).toContain(part)
    expect(page()).not.toContain('Made with')
  })

  it('explains the words that it has, and no others', () => {
    const words = (changes: Partial<ScenarioReport>): string[] => {
      const text = renderHtml({ ...report, ...changes }, sampleAnswers(seen.clear, seen.observations.logits))
      return [...text.slice(text.indexOf('<dl class="words">')).matchAll(/<dt>([^<]*)<\/dt>/g)].map(([, word]) => word!)
    }
    expect(words({})).toEqual(expect.arrayContaining(['polynomial network', 'near tie', 'accuracy', 'level', 'refresh', 'ceremony']))
    expect(words({})).not.toEqual(expect.arrayContaining(['witness']))
    expect(words({ refreshes: 0, witnesses: 1, parties: 1 })).toEqual(expect.arrayContaining(['witness']))
    expect(words({ refreshes: 0 })).not.toContain('refresh')
  })

  it('has a line for each of a hundred layers, in whatever width', () => {
    const [layer] = report.layers
    const layers = Array.from({ length: 100 }, (_, k) => ({
      ...layer!,
      name: `block${k}.conv1+block${k}.conv2+block${k}.shortcut+block${k}.sum`,
      trackedError: 10 ** (-12 + k / 10)
    }))
    const text = renderHtml({ ...report, layers }, sampleAnswers(seen.clear, seen.observations.logits))
    const list = text.slice(text.indexOf('<ul class="tracks"'))
    const lines = list.slice(0, list.indexOf('</ul>')).match(/<li>.*?<\/li>/g)!
    expect(lines).toHaveLength(101)
    layers.forEach(({ name }, k) => {
      expect(lines[k]).toContain(`<span>${name}</span>`)
    })
    const tracked = lines.slice(0, 100).map(line => Number(/class="outline" style="left: ([\d.]+)%/.exec(line)![1]))
    expect(Math.min(...tracked)).toBeGreaterThanOrEqual(0)
    expect(Math.max(...tracked)).toBeLessThanOrEqual(100)
    // a tenth of a power of ten further each
    tracked.slice(1).forEach((place, k) => {
      expect(place - tracked[k]!).toBeCloseTo(tracked[1]! - tracked[0]!, 1)
    })
    expect(tracked[1]).toBeGreaterThan(tracked[0]!)
    // times come in drawings that fit on a page of paper each
    expect([...text.matchAll(/<svg[^>]*aria-labelledby="layers[^"]*-title"/g)]).toHaveLength(4)
    expect(text).not.toMatch(/NaN|undefined/)
  })

  it('escapes names from outside', () => {
    const evil = '<img src=x onerror="alert(1)">&\'</title>'
    const [first, ...layers] = report.layers
    const named: ScenarioReport = {
      ...report,
      scenario: evil,
      description: evil,
      model: evil,
      layers: [{ ...first!, name: evil }, ...layers],
      bytesByParty: { [evil]: Object.values(report.bytesByParty)[0]! },
      peakMemoryByParty: { [evil]: 1 }
    }
    const text = renderHtml(named, sampleAnswers(seen.clear, seen.observations.logits))
    expect(text).not.toContain('<img')
    expect(text).not.toContain('onerror="')
    expect(text.match(/<\/title>/g)).toHaveLength(6)
    expect(text).toContain('&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&amp;&#39;&lt;/title&gt;')
  })

  it('shows pictures and what was made of them', () => {
    const answers: SampleAnswers = {
      shape: [1, 2, 3],
      samples: [Float64Array.of(0, 1, 2, 3, 4, 5), Float64Array.of(5, 4, 3, 2, 1, 0)],
      labels: [1, 0],
      meaning: { final: [], task: { kind: 'classification' } },
      clear: [Float64Array.of(0, 1), Float64Array.of(1, 0)],
      encrypted: [
        [0, 1],
        [0, 1]
      ]
    }
    const text = renderHtml(report, answers)
    expect(tags(text, 'img')).toHaveLength(2)
    expect(text).toContain('alt="Sample 1, a 0, predicted 1"')
    expect(text.match(/class="wrong"/g)).toHaveLength(1)
    expect(text).toContain('1 of 2 are wrong')
    expect(text).toContain('clear: 0')
  })
})

describe('a picture', () => {
  it('is a PNG of its values from black to white', () => {
    const picture = pictureOf([1, 2, 3], Float64Array.of(-1, 0, 1, 1, 0, -1))!
    expect(picture).toMatchObject({ rows: 2, columns: 3, channels: 1 })
    const bytes = Buffer.from(pngAddress(picture).replace('data:image/png;base64,', ''), 'base64')
    expect(bytes.subarray(1, 4).toString()).toBe('PNG')
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([3, 2])
    const length = bytes.readUInt32BE(33)
    expect([...inflateSync(bytes.subarray(41, 41 + length))]).toEqual([0, 0, 127, 255, 0, 255, 127, 0])
  })

  it('is made of channels, of flat squares, and of nothing else', () => {
    const colours = pictureOf([3, 1, 2], Float64Array.of(1, 0, 0, 1, 0, 0))
    expect(colours).toBeUndefined()
    expect(pictureOf([3, 2, 2], new Float64Array(12))).toMatchObject({ channels: 3, rows: 2, columns: 2 })
    expect(pictureOf([784], new Float64Array(784))).toMatchObject({ rows: 28, columns: 28, channels: 1 })
    expect(pictureOf([30], new Float64Array(30))).toBeUndefined()
    expect(pictureOf([2, 4, 4], new Float64Array(32))).toBeUndefined()
  })
})
