/** The same samples through the clear network: what the encrypted run is held against. */
import { readFile } from 'node:fs/promises'
import { fuse, importOnnx } from '@slytherin/engine'
import { loadSamples } from '@slytherin/node'
import type { Scenario } from './scenario.js'

export interface ClearReference {
  readonly labels: readonly number[]
  readonly logits: readonly Float64Array[]
}

export async function clearReference(scenario: Scenario): Promise<ClearReference> {
  const { samples: samplesFile, labels: labelsFile, normalisation } = scenario.data
  const select = { offset: 0, count: scenario.images }
  const samples = await loadSamples({ ...source(samplesFile), ...select, normalisation })
  const labels = await loadSamples({ ...source(labelsFile), ...select, normalisation: { scale: 1, mean: 0, deviation: 1 } })
  const network = fuse(importOnnx(await readFile(scenario.model)))
  return { labels: labels.map(row => row[0]!), logits: samples.map(sample => network.forward(sample)) }
}

function source(file: string): { idx: string } | { npy: string } {
  return file.endsWith('.npy') ? { npy: file } : { idx: file }
}
