/** A fused network without the layers that its result does not depend on. */
import { readsOf } from '../architecture/values.js'
import type { Layer } from './network.js'

/** @param result the value that is asked for: the result of the last layer afterwards */
export function withoutDead(layers: readonly Layer[], result: number): Layer[] {
  const alive = new Set([result])
  for (let value = result; value > 0; value--) {
    if (alive.has(value)) for (const read of readsOf(layers[value - 1]!, value - 1)) alive.add(read)
  }
  const renumbered = new Map([[0, 0]])
  const kept: Layer[] = []
  layers.forEach((layer, index) => {
    if (!alive.has(index + 1)) return
    const reads = readsOf(layer, index).map(value => renumbered.get(value)!)
    kept.push(reading(layer, reads, kept.length))
    renumbered.set(index + 1, kept.length)
  })
  return kept
}

/** The layer at this index with these reads, which are said only where they are not the value before. */
export function reading(layer: Layer, reads: readonly number[], index: number): Layer {
  if (layer.kind === 'sum' || layer.kind === 'product') return { ...layer, reads }
  const { reads: _, ...rest } = layer
  return reads[0] === index ? rest : { ...rest, reads }
}
