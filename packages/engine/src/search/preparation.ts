/** What planners of one network share whatever flooding, precision or ring is asked for: packings, and costs by ring. */
import type { Architecture } from '../architecture/architecture.js'
import { OperationCosts } from '../costs/operation-costs.js'
import type { SparseMatrix } from '../numeric/sparse.js'
import { type SlotPacking, samplesPerSlot } from '../packing/slots.js'
import { type PackedLayer, packLayers, patternsOf } from './choose-packing.js'
import type { Settings } from './options.js'

export class Preparation {
  private readonly patterns: readonly (SparseMatrix | undefined)[]
  private readonly costs = new Map<number, OperationCosts>()
  private readonly packed = new Map<string, readonly PackedLayer[]>()

  /** @param settings of which who encrypts what and the cost model are read: every planner of this preparation has the same */
  constructor(
    readonly architecture: Architecture,
    private readonly settings: Pick<Settings, 'data' | 'weights' | 'costModel'>
  ) {
    this.patterns = patternsOf(architecture)
  }

  /** The same for another network. */
  of(architecture: Architecture): Preparation {
    return architecture === this.architecture ? this : new Preparation(architecture, this.settings)
  }

  costsOf(logN: number): OperationCosts {
    return remembered(this.costs, logN, () => new OperationCosts(this.settings.costModel, logN))
  }

  packedLayers(logN: number, packing: SlotPacking, batchBlock: number): readonly PackedLayer[] {
    const width = (2 ** (logN - 1) * samplesPerSlot(packing)) / batchBlock
    return remembered(this.packed, `${logN} ${packing} ${batchBlock}`, () =>
      packLayers(this.architecture, this.patterns, width, this.costsOf(logN), this.settings, packing)
    )
  }
}

function remembered<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  let value = known.get(key)
  if (value === undefined) {
    value = make()
    known.set(key, value)
  }
  return value
}
