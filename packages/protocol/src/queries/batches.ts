/** Samples in batches, read as they are needed. */
import type { SampleSource } from './samples.js'

/** Every batch is full but the last; none is empty. */
export async function* inBatches(samples: SampleSource, size: number): AsyncGenerator<Float64Array[]> {
  let batch: Float64Array[] = []
  for await (const sample of samples) {
    batch.push(sample)
    if (batch.length < size) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
