/** A model that answers at once, or when it is let: logits are the sum of a sample's values and the first of them. */
import type { Asked, Backend, Catalogue, SampleAnswer, ServedModel } from '@slytherin/gateway'

export const GRANT = 'a'.repeat(64)
export const OTHER_GRANT = 'b'.repeat(64)

export const MODEL: ServedModel = {
  release: 'e'.repeat(64),
  name: 'digits',
  revision: '1',
  owner: 'company',
  shape: [2, 3],
  magnitude: 10,
  batch: 4,
  features: 2,
  values: 2,
  task: 'classification',
  labels: ['cat', 'dog'],
  grants: [{ grant: GRANT, expires: Date.UTC(2030, 0, 1), queries: 5 }]
}

export function answerTo(sample: readonly number[]): SampleAnswer {
  const sum = sample.reduce((total, value) => total + value, 0)
  return {
    logits: [sum, sample[0]!],
    values: [sum / 2, sample[0]! / 2],
    prediction: sum >= sample[0]! ? 'cat' : 'dog',
    nearTie: sum === sample[0]
  }
}

export class FakeBackend implements Backend {
  readonly asked: Asked[] = []
  catalogued: Catalogue = { party: 'clinic', missing: [], models: [MODEL] }
  /** What a query does before it is answered. */
  before: (asked: Asked, signal: AbortSignal) => Promise<void> = async () => undefined

  /** What several outputs say of a sample. */
  parts: ((sample: readonly number[]) => NonNullable<SampleAnswer['parts']>) | undefined

  async catalogue(): Promise<Catalogue> {
    return this.catalogued
  }

  async predict(asked: Asked, signal: AbortSignal): Promise<readonly SampleAnswer[]> {
    this.asked.push(asked)
    await this.before(asked, signal)
    const size = asked.values.length / asked.rows
    return Array.from({ length: asked.rows }, (_, row) => {
      const sample = [...asked.values.subarray(row * size, (row + 1) * size)]
      return { ...answerTo(sample), ...(this.parts === undefined ? {} : { parts: this.parts(sample) }) }
    })
  }
}
