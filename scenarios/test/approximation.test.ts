/** A network whose file has activations that are no polynomials: what is evaluated, and what its report says of it. */
import { readFile } from 'node:fs/promises'
import { importOnnx } from '@slytherin/engine'
import { approximationOptions, openCalibration } from '@slytherin/node'
import { clearReference, loadReference, makeReport, renderHtml, renderReport, sampleAnswers, scenarioSchema } from '@slytherin/scenarios'
import { beforeAll, describe, expect, it } from 'vitest'
import { calibrationOf } from '../src/calibration.js'
import { cryptonet, type Recorded, recorded } from './observation.js'
import { smallScenario } from './support.js'

const scenario = smallScenario({
  ...cryptonet,
  model: smallScenario().model.replace('breast-cancer-wdbc-mlp-square', 'nn20-silu'),
  images: 3,
  calibrationSamples: 24,
  approximation: { method: 'fit', degree: 2 }
})

describe('a network with other activations', () => {
  it('is the one that the model owner evaluates, made of the same files', async () => {
    const { network, approximation, graph } = await loadReference(scenario)
    expect(network.layers.filter(layer => layer.kind === 'square')).toHaveLength(19)
    const owner = await openCalibration(scenario.model, await calibrationOf(scenario))
    const owned = owner.approximate(
      importOnnx(await readFile(scenario.model), { name: graph.name }),
      approximationOptions(scenario.approximation)
    )
    expect(owned.network.layers).toEqual(network.layers)
    expect(owned.report).toEqual(approximation)
  })

  it('is approximated as the scenario says, or not at all', () => {
    expect(() => scenarioSchema.parse({ ...scenario, approximation: { method: 'guess' } })).toThrow(/approximation/)
    expect(scenario.approximation).toEqual({ method: 'fit', degree: 2 })
  })
})

describe('the report of it', () => {
  let seen: Recorded
  beforeAll(async () => {
    seen = await recorded()
  })

  it('tells polynomials, errors and inputs outside the intervals', async () => {
    const { approximation, outOfRange } = clearReference(await loadReference(scenario))
    const clear = { ...seen.clear, approximation, outOfRange: outOfRange.map(report => ({ ...report, outside: 0.25, samplesOutside: 2 })) }
    const report = makeReport(seen.scenario, seen.observations, clear)
    expect(report.activations).toHaveLength(19)
    const [first] = report.activations
    expect(first).toMatchObject({ layer: 'act1', activation: 'silu', method: 'fit', degree: 2, outside: 0.25, samplesOutside: 2 })
    expect(first!.interval[0]).toBeLessThan(first!.smallestInput)
    expect(first!.rmsError).toBeLessThan(first!.maximumError)
    expect(renderReport(report, [], clear)).toContain(
      '19 of silu by fit of degree 2; most inputs outside their interval at act1: 25 %, in 2 samples'
    )
    const page = renderHtml(report, sampleAnswers(clear, seen.observations.logits))
    expect(page).toContain('Activations as polynomials')
    expect(page).toContain('act19')
  })

  it('is silent where a file has polynomials only', () => {
    const report = makeReport(seen.scenario, seen.observations, seen.clear)
    expect(report.activations).toEqual([])
    expect(renderReport(report, [], seen.clear)).not.toContain('Activations')
    expect(renderHtml(report, sampleAnswers(seen.clear, seen.observations.logits))).not.toContain('Activations')
  })
})
