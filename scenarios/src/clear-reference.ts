/** The same samples through the clear network: what the encrypted run is held against. */
import { readFile } from 'node:fs/promises'
import { evaluate, fuse, importOnnx, type Network, type NetworkGraph } from '@slytherin/engine'
import { loadSamples } from '@slytherin/node'
import type { Scenario } from './scenario.js'

export interface ClearReference {
  readonly labels: readonly number[]
  /** Of the network as the file writes it, node by node in float64. */
  readonly logits: readonly Float64Array[]
  /** Of the network that is evaluated: activations approximated, layers fused; float64, too. */
  readonly polynomial: readonly Float64Array[]
  readonly samples: readonly Float64Array[]
  /** The network that is evaluated. */
  readonly network: Network
}

/** Everything of a reference but its answers. @throws DataFileError and the engine's import errors */
export async function loadReference(scenario: Scenario): Promise<Omit<ClearReference, 'logits' | 'polynomial'> & { graph: NetworkGraph }> {
  const { samples: samplesFile, labels: labelsFile, normalisation } = scenario.data
  const select = { offset: 0, count: scenario.images }
  const samples = await loadSamples({ ...source(samplesFile), ...select, normalisation })
  const labels = await loadSamples({ ...source(labelsFile), ...select, normalisation: { scale: 1, mean: 0, deviation: 1 } })
  const graph = importOnnx(await readFile(scenario.model))
  return { labels: labels.map(row => row[0]!), samples, graph, network: fuse(graph) }
}

export function clearReference({ graph, ...rest }: Awaited<ReturnType<typeof loadReference>>): ClearReference {
  const { samples, network } = rest
  return { ...rest, logits: samples.map(sample => evaluate(graph, sample)), polynomial: samples.map(sample => network.forward(sample)) }
}

function source(file: string): { idx: string } | { npy: string } {
  return file.endsWith('.npy') ? { npy: file } : { idx: file }
}
