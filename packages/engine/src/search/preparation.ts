/** What planners of one network share whatever flooding, precision or ring is asked for: packings, and costs by ring. */
import { galoisElementOf } from '@slytherin/ckks'
import { type Architecture, isMap, partsOf } from '../architecture/architecture.js'
import { KeyCosts } from '../costs/key-costs.js'
import { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import { type SlotPacking, samplesPerSlot } from '../packing/slots.js'
import { packLayers, patternsOf } from './choose-packing.js'
import type { Settings } from './options.js'
import { type KeyPrices, KnownPackings, type PackedLayer, type Patterns } from './packer.js'
import { TYPICAL_LEVEL, typicalSizes } from './typical.js'

export class Preparation {
  private readonly patterns: Patterns
  private readonly costs = new Map<string, OperationCosts>()
  private readonly known = new KnownPackings()
  private readonly packed = new Map<string, readonly PackedLayer[]>()

  /** @param settings of which what packings depend on is read: every planner of this preparation has the same */
  constructor(
    readonly architecture: Architecture,
    private readonly settings: Pick<
      Settings,
      | 'data'
      | 'weights'
      | 'seededInputs'
      | 'costModel'
      | 'searched'
      | 'keyShare'
      | 'evaluatorMemory'
      | 'batch'
      | 'threshold'
      | 'epoch'
      | 'workers'
    >
  ) {
    this.patterns = patternsOf(architecture)
  }

  /** Entries of all matrices that may hold a weight. */
  get entries(): number {
    const layers = this.architecture.layers.map((layer, index) =>
      isMap(layer) ? partsOf(layer).map(({ inputs }, part) => this.patterns[index]![part]?.entries ?? inputs * layer.outputs) : []
    )
    return layers.flat().reduce((sum, entries) => sum + entries, 0)
  }

  /** The same for another network. */
  of(architecture: Architecture): Preparation {
    return architecture === this.architecture ? this : new Preparation(architecture, this.settings)
  }

  /** The same for one worker. */
  forOneWorker(): Preparation {
    return this.settings.workers === 1 ? this : new Preparation(this.architecture, { ...this.settings, workers: 1 })
  }

  costsOf(logN: number, specialPrimes: number): OperationCosts {
    return remembered(this.costs, `${logN} ${specialPrimes}`, () => new OperationCosts(this.settings.searched, logN, specialPrimes))
  }

  /** The same whatever the number of special primes: the search looks for that when it has found a packing. */
  packedLayers(logN: number, packing: SlotPacking, batchBlock: number): readonly PackedLayer[] {
    const { architecture, patterns, settings } = this
    const stride = batchBlock / samplesPerSlot(packing)
    const width = 2 ** (logN - 1) / stride
    const costs = this.costsOf(logN, this.settings.epoch?.chain.specialPrimes ?? 1)
    const batchBlocks = Math.ceil(settings.batch / batchBlock)
    const turns = Math.ceil(batchBlocks / settings.workers)
    return remembered(this.packed, `${logN} ${packing} ${batchBlock}`, () => {
      const key = settings.keyShare * new KeyCosts(costs, typicalSizes(costs), settings.threshold).galois(TYPICAL_LEVEL)
      const keys = (): KeyPrices => this.keyPrices(costs, stride, turns)
      return packLayers(
        architecture,
        patterns,
        width,
        costs,
        settings,
        packing,
        { batchBlocks, turns, reading: settings, key },
        this.known,
        keys
      )
    })
  }

  /** Those of an epoch cost nothing; outside one no level is known yet, and a typical one stands for it. */
  private keyPrices(costs: OperationCosts, stride: number, turns: number): KeyPrices {
    const { epoch, threshold, keyShare } = this.settings
    const sizes = epoch
      ? new Sizes(
          epoch.chain.logN,
          new Array(epoch.chain.primes).fill(epoch.chain.primeBits),
          epoch.chain.specialPrimeBits,
          epoch.chain.specialPrimes
        )
      : typicalSizes(costs)
    const keys = new KeyCosts(costs, sizes, threshold)
    const highest = epoch?.parameters.maxLevel ?? TYPICAL_LEVEL
    const held = (element: number): number => epoch?.galoisLevel(element) ?? -1
    // different rotations of fewer positions than there are have different elements
    const added = new Set<number>()
    const missing = (rotation: number, level: number): boolean =>
      !added.has(rotation) && (!epoch || held(galoisElementOf(rotation * stride, 2 ** costs.logN)) < level)
    return {
      seconds: (rotations, level) => {
        let making = 0
        for (const rotation of rotations) if (missing(rotation, level)) making++
        return (keyShare * making * keys.galois(Math.min(level, highest))) / turns
      },
      add: rotations => {
        for (const rotation of rotations) added.add(rotation)
      }
    }
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
