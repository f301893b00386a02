/** Epochs of tests share a kernel. */
import { DealtEpoch as Dealt, type DealtEpochOptions } from '@slytherin/protocol/testing'
import { loadKernel } from '@slytherin/ring'

export type { DealtMeans } from '@slytherin/protocol/testing'

const kernel = await loadKernel()

export class DealtEpoch extends Dealt {
  constructor(options: Omit<DealtEpochOptions, 'kernel'>) {
    super({ kernel, ...options })
  }
}
