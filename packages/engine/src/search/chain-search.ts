/** The search for plans over rings, chains, packings and batch blocks; in a key epoch over packings and batch blocks alone. */
import { MAXIMUM_PRIME_BITS, maximumLogQP } from '@slytherin/ckks'
import { nextPowerOfTwo } from '../packing/layout.js'
import { SLOT_PACKINGS, type SlotPacking, samplesPerSlot, smallestBlock } from '../packing/slots.js'
import { derivePlan } from '../plan/derive.js'
import type { Plan } from '../plan/plan.js'
import { type Candidate, Search } from './candidate.js'
import { type Chain, parametersFor } from './chain.js'
import { isCloser } from './diagnosis.js'
import type { Settings } from './options.js'
import type { Preparation } from './preparation.js'
import type { Blockage } from './schedule.js'

export const RING_DEGREES = [13, 14, 15, 16] as const
const MINIMUM_PRIME_BITS = 30
const MINIMUM_PRIMES = 2
export const MAXIMUM_PRIMES = 34
/** A block may have room for so many times the batch, when it is the only one. */
const MAXIMUM_PADDING = 16
/** Weights of a plan, one product for each: plans list them, and whoever owns the model encodes each. Layouts that must have more are not tried. */
const MOST_WEIGHTS = 2 ** 22
/** A search stops when this many more primes have brought nothing better. */
const PATIENCE = 4
/** How many fewer primes, and how much narrower ones, are tried with the ring and packing found. */
const FEWER_PRIMES = 3
const NARROWER_BITS = 14
/** Costs of the same program with and without primes that it does not use differ by no more. */
const TRIMMING_TOLERANCE = 1.05
/**
 * How many times the work of the plan for one worker a plan may take of several workers together. One that takes many times as much may answer a single query sooner, since less is sent, but every worker is then busy for
 * longer than one of them would have been with the whole query.
 */
const MOST_DIVIDED_WORK = 1.5

export class ChainSearch {
  private best: Candidate | undefined
  private closest: Blockage | undefined
  /** any plan will do */
  private anyPlan = false
  /** chains whose cheapest plan must be looked for to know whether they have one */
  private readonly doubtful: Chain[] = []
  /** seconds of evaluation, of all workers together, that a plan may take */
  private mostWork = Number.POSITIVE_INFINITY

  constructor(
    private readonly preparation: Preparation,
    private readonly settings: Settings
  ) {}

  /** What blocks where candidates get furthest; undefined when none was tried. */
  get blockage(): Blockage | undefined {
    return this.closest
  }

  /** The cheapest plan; undefined when there is none. */
  run(): Plan | undefined {
    const alone = this.settings.workers > 1 ? this.forOneWorker() : undefined
    const undivided = this.best
    this.search(RING_DEGREES)
    if (!this.best) return undefined
    if (alone && this.best === undivided) return alone
    if (!this.settings.epoch) {
      this.chooseSpecialPrimes()
      this.chooseWidth()
    }
    return this.derived(this.best)
  }

  /** What one worker would be given, which is left as it is where nothing of about its work is done sooner: a worker that has no block is free for another query. */
  private forOneWorker(): Plan | undefined {
    const alone = new ChainSearch(this.preparation.forOneWorker(), { ...this.settings, workers: 1 })
    const made = alone.run()
    if (made) this.mostWork = MOST_DIVIDED_WORK * workOf(made)
    this.best = alone.best
    return made
  }

  private derived({ core, chain }: Candidate): Plan {
    const { epoch, costModel, insecure: allowInsecure } = this.settings
    const parameters = epoch?.parameters ?? parametersFor(chain, allowInsecure)
    return derivePlan(core, costModel, { allowInsecure, parameters, ...(epoch ? { held: epoch.keys } : {}) })
  }

  /** Seconds by which plans are compared: preparation, as far as it counts, and evaluation. Infinite without a plan. */
  get total(): number {
    return this.best?.total ?? Number.POSITIVE_INFINITY
  }

  /** log2 of the degree of the ring of the plan that has been found. */
  get ring(): number | undefined {
    return this.best?.chain.logN
  }

  /** Whether there is a plan at all. @param likely log2 of the degree to begin with */
  feasible(likely?: number): boolean {
    this.anyPlan = true
    // large rings have most levels
    const rings = [...RING_DEGREES].reverse()
    this.search(likely === undefined ? rings : [likely, ...rings.filter(logN => logN !== likely)])
    for (const chain of this.doubtful) {
      if (this.satisfied) break
      this.take(new Search(this.preparation, this.settings, chain).run(Number.POSITIVE_INFINITY))
    }
    return this.best !== undefined
  }

  private search(rings: readonly number[]): void {
    const { settings } = this
    const packings = this.slotPackings
    for (const logN of settings.logN === undefined ? rings : [settings.logN]) {
      for (const packing of packings) {
        this.searchPacking(logN, packing)
        if (this.satisfied) return
      }
    }
  }

  /** How samples may share slots: the product of two values is one of slots, too. */
  private get slotPackings(): readonly SlotPacking[] {
    const { packing } = this.settings
    const wanted = packing === undefined ? SLOT_PACKINGS : [packing]
    const multiplies = this.preparation.architecture.layers.some(({ kind }) => kind === 'product')
    return multiplies ? wanted.filter(slots => slots === 'real') : wanted
  }

  private get satisfied(): boolean {
    return this.anyPlan && this.best !== undefined
  }

  private searchPacking(logN: number, packing: SlotPacking): void {
    const blocks = this.batchBlocks(logN, packing)
    // how many primes it takes hardly depends on the batch block: the widest and the narrowest tell for all
    const extremes = [...new Set(blocks.length > 0 ? [blocks[0]!, blocks.at(-1)!] : [])]
    const fewest = Math.min(...extremes.map(block => this.searchChains(logN, packing, block, MINIMUM_PRIMES)))
    if (fewest === Number.POSITIVE_INFINITY) return
    for (const block of blocks) {
      if (!extremes.includes(block) && !this.satisfied) this.searchChains(logN, packing, block, Math.max(MINIMUM_PRIMES, fewest - 1))
    }
  }

  /** Powers of two from the whole batch down; for a large batch also one position to a block, padded, where weights are then mere numbers. */
  private batchBlocks(logN: number, packing: SlotPacking): number[] {
    const { batch, costModel, data, weights } = this.settings
    const full = 2 ** (logN - 1) * samplesPerSlot(packing)
    const widest = Math.min(nextPowerOfTwo(batch), full)
    const numbers = costModel.combining && data === 'encrypted' && weights === 'clear'
    const blocks = numbers && widest < full && widest * MAXIMUM_PADDING >= full ? [full] : []
    for (let block = widest; block >= smallestBlock(packing); block /= 2) blocks.push(block)
    // one position of a block is in one product with every weight that it is multiplied by
    return blocks.filter(block => block === smallestBlock(packing) || this.preparation.entries * (block / full) <= MOST_WEIGHTS)
  }

  /** @returns the fewest primes that can do it, infinity when none can */
  private searchChains(logN: number, packing: SlotPacking, batchBlock: number, from: number): number {
    const { epoch } = this.settings
    if (epoch) return this.consider({ ...epoch.chain, packing, batchBlock }) === 'impossible' ? Number.POSITIVE_INFINITY : MINIMUM_PRIMES
    let fewest = Number.POSITIVE_INFINITY
    let worse = 0
    for (let primes = from; primes <= MAXIMUM_PRIMES && worse <= PATIENCE && !this.satisfied; primes++) {
      const primeBits = widestPrimes(logN, primes, this.settings.insecure)
      if (primeBits === undefined) break
      const outcome = this.consider({
        logN,
        primes,
        primeBits,
        specialPrimeBits: MAXIMUM_PRIME_BITS,
        specialPrimes: 1,
        packing,
        batchBlock
      })
      if (outcome === 'impossible') continue
      fewest = Math.min(fewest, primes)
      if (outcome === 'better') worse = 0
      else worse++
    }
    return fewest
  }

  private consider(chain: Chain): 'better' | 'worse' | 'impossible' {
    const search = new Search(this.preparation, this.settings, chain)
    if (!this.anyPlan) return this.take(search.run(this.best?.total ?? Number.POSITIVE_INFINITY))
    const found = search.any()
    if (found !== undefined) return this.take(found)
    this.doubtful.push(chain)
    return 'impossible'
  }

  private take(found: Candidate | 'worse' | Blockage): 'better' | 'worse' | 'impossible' {
    if (found === 'worse') return found
    if ('needed' in found) {
      if (!this.closest || isCloser(found, this.closest)) this.closest = found
      return 'impossible'
    }
    if (this.mostWork < Number.POSITIVE_INFINITY && workOf(this.derived(found)) > this.mostWork) return 'worse'
    this.best = found
    return 'better'
  }

  /**
   * More special primes for the ring, packing and batch block found: digits of several primes make keys smaller and key switches faster, as long as the security table
   * leaves room for them. An evaluator that shares no decomposition is stock SEAL, which takes one.
   */
  private chooseSpecialPrimes(): void {
    const { insecure, costModel } = this.settings
    if (insecure || !costModel.hoisting) return
    const { primes } = this.best!.chain
    for (let specialPrimes = 2; specialPrimes <= primes; specialPrimes++) {
      const { chain } = this.best!
      const widest = widestPrimes(chain.logN, primes, insecure, specialPrimes)
      if (widest === undefined) break
      this.consider({ ...chain, primes, primeBits: Math.min(widest, chain.primeBits), specialPrimes })
    }
  }

  /**
   * Other widths of the primes for the ring, packing and batch block found: narrower ones make smaller ciphertexts, and where a rescaling drops no more than it must,
   * fewer of them do.
   */
  private chooseWidth(): void {
    const { logN, primes: most, specialPrimes } = this.best!.chain
    for (let primes = most; primes >= Math.max(MINIMUM_PRIMES, most - FEWER_PRIMES); primes--) {
      const widest = widestPrimes(logN, primes, this.settings.insecure, specialPrimes)!
      for (let primeBits = widest; primeBits >= Math.max(MINIMUM_PRIME_BITS, widest - NARROWER_BITS); primeBits--) {
        this.consider({ ...this.best!.chain, primes, primeBits })
      }
    }
    this.dropUnused()
  }

  /** Primes above every level that is used cost nothing in the search, but are carried along in every key and encryption. */
  private dropUnused(): void {
    const { core, chain, total } = this.best!
    if (core.steps.some(step => step.kind === 'refresh')) return
    const primes = Math.max(core.inputLevel, ...core.steps.map(step => step.level)) + 1
    if (primes === chain.primes) return
    const trimmed = new Search(this.preparation, this.settings, { ...chain, primes }).run(total * TRIMMING_TOLERANCE)
    if (typeof trimmed === 'object' && 'core' in trimmed) this.best = trimmed
  }
}

/** Seconds of evaluation, without what key holders do. */
const workOf = ({ costs: { seconds } }: Plan): number => seconds.evaluation - seconds.refresh - seconds.result

/** Bits of the ciphertext primes when `primes` of them share what the security table leaves beside the special primes; undefined when that is too few. */
export function widestPrimes(logN: number, primes: number, insecure: boolean, specialPrimes = 1): number | undefined {
  if (insecure) return MAXIMUM_PRIME_BITS - 1
  const bits = Math.min(MAXIMUM_PRIME_BITS, Math.floor((maximumLogQP(logN) - specialPrimes * MAXIMUM_PRIME_BITS) / primes))
  return bits >= MINIMUM_PRIME_BITS ? bits : undefined
}
