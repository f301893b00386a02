/**
 * The values that flow through a network: value 0 is its input, value k the result of layer k - 1. Layers stand in topological order, so a layer reads values that are no
 * later than the one before it; in a chain it reads that one alone.
 */

/** A layer, as far as it says what it reads. */
export interface Reader {
  /** the values; absent where it is the one before the layer alone */
  readonly reads?: readonly number[] | undefined
}

export const readsOf = (layer: Reader, index: number): readonly number[] => layer.reads ?? [index]

/** By value: the layers that read it, ascending. The last value, the logits, has none. */
export function readersOf(layers: readonly Reader[]): readonly (readonly number[])[] {
  const readers: number[][] = Array.from({ length: layers.length + 1 }, () => [])
  layers.forEach((layer, index) => {
    for (const value of new Set(readsOf(layer, index))) readers[value]!.push(index)
  })
  return readers
}

/** By layer: values that are there while it runs, are read later, and are not its result. In a chain there are none. */
export function waitingValues(layers: readonly Reader[]): readonly (readonly number[])[] {
  const readers = readersOf(layers)
  return layers.map((_, index) => readers.flatMap((reading, value) => (value <= index && (reading.at(-1) ?? -1) > index ? [value] : [])))
}
