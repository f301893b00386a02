/** What the steps of a trial cost, key by key and level by level, and what they hold in memory. */
import { conjugationElement, galoisElementOf } from '@slytherin/ckks'
import { readersOf, readsOf } from '../architecture/values.js'
import { KeyCosts } from '../costs/key-costs.js'
import type { OperationCosts } from '../costs/operation-costs.js'
import { Sizes } from '../costs/sizes.js'
import { samplesPerSlot } from '../packing/slots.js'
import { bothEncrypted, factorsOf, publicCoins } from '../steps/operands.js'
import { inputCount, isSlotwise, vectorBytes, weightCount } from '../steps/packed.js'
import { readingSeconds, SENDING_WEIGHT, stepSeconds } from '../steps/price.js'
import { blocksPerPass, type Reading, readingOf } from './reading.js'
import type { Schedule } from './schedule.js'
import type { Trial } from './trial.js'

/** Keys that a layer needs. */
interface KeyUse {
  /** elements */
  readonly galois: readonly number[]
  readonly relinearization: boolean
}

interface KeyUses {
  /** by layer */
  readonly all: readonly KeyUse[]
  /** by layer: the keys that no layer before it needs */
  readonly first: readonly KeyUse[]
}

/** By packing of all layers, which chains of one ring share. */
const knownKeyUses = new WeakMap<Trial['packed'], KeyUses>()

function keyUsesOf({ chain, settings, architecture, packings, parameters: { N } }: Trial): KeyUses {
  const stride = chain.batchBlock / samplesPerSlot(chain.packing)
  const all = packings.map((packing, layer): KeyUse => {
    const factors = factorsOf(settings, readsOf(architecture.layers[layer]!, layer))
    const rotations = packing.kind === 'diagonals' ? packing.rotations(factors.input) : []
    const conjugated = isSlotwise(packing) && packing.slots === 'complex'
    return {
      galois: conjugated ? [conjugationElement(N)] : rotations.map(rotation => galoisElementOf(rotation * stride, N)),
      relinearization: isSlotwise(packing) || bothEncrypted(factors)
    }
  })
  const before = new Set<number>()
  let relinearized = false
  const first = all.map(({ galois, relinearization }): KeyUse => {
    const use = { galois: galois.filter(key => !before.has(key)), relinearization: relinearization && !relinearized }
    for (const key of galois) before.add(key)
    relinearized ||= relinearization
    return use
  })
  return { all, first }
}

export class RunningCosts {
  private readonly sizes: Sizes
  private readonly keys: KeyCosts
  private readonly reading: Reading
  private readonly keyUses: KeyUses['all']
  private readonly firstKeyUses: KeyUses['first']
  /** seconds by layer, level and number of rescalings, as far as they have been asked for */
  private readonly known: number[][][] = []
  private inputs: number | undefined

  constructor(
    private readonly trial: Trial,
    private readonly costs: OperationCosts
  ) {
    const { chain, settings, packed, turns, parameters } = trial
    this.sizes = new Sizes(chain.logN, new Array<number>(chain.primes).fill(chain.primeBits), chain.specialPrimeBits, chain.specialPrimes)
    this.keys = new KeyCosts(costs, this.sizes, settings.threshold)
    const uses = knownKeyUses.get(packed) ?? keyUsesOf(trial)
    knownKeyUses.set(packed, uses)
    this.keyUses = uses.all
    this.firstKeyUses = uses.first
    this.reading = readingOf(packed, turns, settings, { level: chain.primes >> 1, N: parameters.N })
  }

  inputCost(level: number): number {
    const { costs } = this
    const { settings, batchBlocks, turns } = this.trial
    if (settings.data === 'clear') return batchBlocks * this.inputCount * costs.encoding(level)
    const { seededInputs } = settings
    const inputs = batchBlocks * this.inputCount
    const sending =
      inputs * (costs.inputEncryption(level, seededInputs) + costs.transfer(this.sizes.input(level, seededInputs))) +
      (seededInputs ? 0 : costs.proofs(level, inputs))
    const coins = publicCoins(settings.threshold, settings) ? inputs * costs.coinedRerandomization(level) : 0
    return SENDING_WEIGHT * sending + coins + this.inputCount * turns * this.reading.inputs * costs.loading(level)
  }

  /** Clear inputs come for every step that reads them. */
  private get inputCount(): number {
    this.inputs ??= this.countInputs()
    return this.inputs
  }

  private countInputs(): number {
    const { architecture, packings, settings } = this.trial
    const [first, ...others] = readersOf(architecture.layers)[0]!
    const again = settings.data === 'clear' ? others.reduce((sum, layer) => sum + inputCount(packings[layer]!, 'clear'), 0) : 0
    return inputCount(packings[first!]!, settings.data) + again
  }

  operationCost(index: number, level: number, rescalings: number): number {
    this.known[index] ??= []
    this.known[index][level] ??= []
    this.known[index][level][rescalings] ??= this.findOperationCost(index, level, rescalings)
    return this.known[index][level][rescalings]
  }

  private findOperationCost(index: number, level: number, rescalings: number): number {
    const { costs, sizes } = this
    const { settings, turns } = this.trial
    const packing = this.trial.packings[index]!
    const factors = factorsOf(settings, readsOf(this.trial.architecture.layers[index]!, index))
    const making = factors.weights === 'encrypted' ? costs.encryption(level) + costs.transfer(sizes.ciphertext(level)) : 0
    const weights =
      readingSeconds(packing, this.reading.weights[index]!, costs, level, factors) + weightCount(packing) * costs.model.preparation * making
    return weights + this.keyCost(index, level) + turns * stepSeconds(packing, costs, level, rescalings, factors)
  }

  /** Refreshing a value at this level. */
  refreshCost(value: number, level: number): number {
    const { packings, batchBlocks, chain, settings } = this.trial
    const count = packings[value - 1]!.outputBlocks * batchBlocks
    return this.costs.refresh(level, chain.primes - 1, count, settings.threshold, count * this.sizes.refresh(level, settings.threshold))
  }

  /** Cost of the keys that layer `index` is the first to need, when it runs at this level. */
  private keyCost(index: number, level: number): number {
    const { galois, relinearization } = this.firstKeyUses[index]!
    const rotating = galois.reduce((sum, element) => sum + this.galoisKey(element, level), 0)
    return this.trial.settings.keyShare * (rotating + (relinearization ? this.relinearizationKey(level) : 0))
  }

  /** Seconds until there is a key; none where the epoch has one. */
  private galoisKey(element: number, level: number): number {
    return level <= (this.trial.settings.epoch?.galoisLevel(element) ?? -1) ? 0 : this.keys.galois(level)
  }

  private relinearizationKey(level: number): number {
    return level <= (this.trial.settings.epoch?.relinearizationLevel ?? -1) ? 0 : this.keys.relinearization(level)
  }

  /** What keys cost beyond `keyCost`: after a refresh a layer may run at a higher level than the first one that needs the same key. */
  raisedKeyCost({ steps }: Schedule): number {
    const { keyUses, firstKeyUses } = this
    // by key, the highest level at which a layer needs it
    const highest = new Map<number, number>()
    let relinearizing = 0
    for (const [layer, { level }] of steps.entries()) {
      const { galois, relinearization } = keyUses[layer]!
      for (const key of galois) highest.set(key, Math.max(level, highest.get(key) ?? 0))
      if (relinearization) relinearizing = Math.max(level, relinearizing)
    }
    let sum = 0
    for (const [layer, first] of firstKeyUses.entries()) {
      const { level } = steps[layer]!
      for (const key of first.galois) sum += this.galoisKey(key, highest.get(key)!) - this.galoisKey(key, level)
      if (first.relinearization) sum += this.relinearizationKey(relinearizing) - this.relinearizationKey(level)
    }
    return this.trial.settings.keyShare * sum
  }

  /** Bytes that one batch block needs in the evaluator. */
  passBytes(found: Schedule): number {
    const { packed, parameters } = this.trial
    return Math.max(...found.steps.map(({ level }, index) => packed[index]!.held * vectorBytes('encrypted', level, parameters.N)))
  }

  blocksPerPass(found: Schedule): number {
    const { packings, settings, parameters, batchBlocks } = this.trial
    const bytes = packings.map(
      (packing, layer) => weightCount(packing) * vectorBytes(settings.weights, found.steps[layer]!.level, parameters.N)
    )
    const weights = bytes.reduce((sum, layer) => sum + layer, 0)
    return blocksPerPass(batchBlocks, this.passBytes(found), weights, settings.evaluatorMemory)
  }
}
