/** What the models of a service say in the clear, to hold answers against. */
import { readFile } from 'node:fs/promises'
import { fuse, importOnnx, type Network } from '@slytherin/engine'
import { SampleFile, sourceOf } from '@slytherin/node'
import type { ServiceModel } from './description.js'

/** Of which the largest logit is taken. */
const SAMPLES_FOR_RANGE = 256

export interface Judged {
  readonly right: boolean
  /** Largest error of a logit, as a share of the largest logit of the model. */
  readonly error: number
}

export class ClearAnswers {
  readonly #network: Network
  readonly #samples: readonly Float64Array[]

  readonly #largest: number

  private constructor(network: Network, samples: readonly Float64Array[]) {
    this.#network = network
    this.#samples = samples
    const some = samples.slice(0, SAMPLES_FOR_RANGE)
    this.#largest = Math.max(...some.flatMap(sample => [...network.forward(sample)].map(Math.abs)))
  }

  static async of({ file, data }: ServiceModel): Promise<ClearAnswers> {
    const network = fuse(importOnnx(await readFile(file)))
    const { samples, normalisation, layout } = data
    const read = await SampleFile.open({ ...sourceOf(samples), offset: 0, normalisation, ...(layout === undefined ? {} : { layout }) })
    return new ClearAnswers(network, [...read])
  }

  get count(): number {
    return this.#samples.length
  }

  /** @param logits of samples from `offset` on */
  judge(offset: number, logits: readonly (readonly number[])[], tolerance: number): Judged {
    let worst = 0
    for (const [i, row] of logits.entries()) {
      const clear = this.#network.forward(this.#samples[offset + i]!)
      for (const [k, value] of clear.entries()) {
        worst = Math.max(worst, Math.abs(value - (row[k] ?? Number.POSITIVE_INFINITY)))
      }
    }
    const error = worst / this.#largest
    return { right: error <= tolerance, error }
  }
}
