/**
 * What more cores than were measured make of a cost model: each operation is divided among them until together they ask for as much memory as there is bandwidth (a roofline:
 * Williams, Waterman & Patterson 2009). What a machine really does `packages/ring/bench/bandwidth.mjs` measures.
 */
import type { CostModel } from './cost-model.js'

/** Bytes of one pass over one residue at N = 2^14. */
const RESIDUE_BYTES = 8 * 2 ** 14

/** Residues that one unit of a cost reads from memory or writes to it, caches holding what is used again at once: a transform reads and writes its row; a product reads a weight, and two of them share a ciphertext; of ciphertexts that several sums share less is read than is computed; a key is read once. */
const RESIDUES = { transform: 2, product: 1.5, ciphertextProduct: 0.5, scalarProduct: 1, keyProduct: 1, rescaling: 2, load: 2 } as const

type Divided = keyof typeof RESIDUES

/** Two channels of DDR4, bytes per second. */
export const ASSUMED_MEMORY_BANDWIDTH = 4e10

/** How many cores an evaluation is planned for, and what their memory gives. */
export interface Cores {
  readonly threads: number
  /** bytes per second */
  readonly bandwidth: number
}

/**
 * How many times as fast so many cores do what one does in `seconds`.
 * @param bytes that one run moves
 * @returns from 1 to `threads`
 */
export function speedupOf(seconds: number, bytes: number, { threads, bandwidth }: Cores): number {
  return Math.max(1, Math.min(threads, (bandwidth * seconds) / bytes))
}

/**
 * The evaluator's costs with another number of threads. Encoding one vector, and what key holders and queriers do, stays as it is.
 * @param measured how many threads the model was measured with; they are taken to have been so many times as fast as one
 */
export function withThreads(model: CostModel, measured: number, cores: Cores): CostModel {
  const units = Object.entries(RESIDUES).flatMap(([unit, residues]) => {
    const seconds = model[unit as Divided]
    if (seconds === undefined) return []
    const one = seconds * measured
    return [[unit, one / speedupOf(one, residues * RESIDUE_BYTES, cores)] as const]
  })
  return { ...model, ...Object.fromEntries(units), name: `${model.name.slice(0, 40)}, as ${cores.threads} threads` }
}
