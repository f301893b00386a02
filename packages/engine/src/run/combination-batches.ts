/**
 * Layers of large batches, whose outputs are linear combinations of ciphertexts with numbers: in which order they are computed, and how many at a time. Together they are
 * faster, since inputs are shared; few at a time keep memory small and leave time for others.
 */
import type { LinearCombination } from '@slytherin/ckks'
import type { DiagonalsPacking } from '../packing/diagonals.js'

/** Outputs computed at a time, and products: about half a second's work at N = 2^14. */
const MOST_OUTPUTS = 128
const MOST_TERMS = 45_000

export interface CombinationBatch {
  /** Output blocks, as many as rows. */
  readonly outputs: readonly number[]
  /** Input blocks that the rows combine; rows name them by position. */
  readonly inputs: readonly number[]
  readonly rows: readonly LinearCombination[]
  /** Weights used, biases included. */
  readonly weights: number
  /** Input blocks that no later batch needs. */
  readonly last: readonly number[]
}

interface Row {
  readonly output: number
  readonly inputs: readonly number[]
  readonly coefficients: Float64Array
  readonly constant: number
}

/**
 * Outputs in the order of the last input they need, so that inputs can be fetched late and dropped early.
 * @param scalar the number that weight item `offset` of the packing is
 */
export function combinationBatches(packing: DiagonalsPacking, scalar: (offset: number) => number): CombinationBatch[] {
  const rows = rowsOf(packing, scalar).sort((a, b) => Math.max(...a.inputs) - Math.max(...b.inputs) || a.output - b.output)
  const batches: Row[][] = []
  let terms = 0
  for (const row of rows) {
    const batch = batches.at(-1)
    terms += row.inputs.length
    if (batch !== undefined && batch.length < MOST_OUTPUTS && terms <= MOST_TERMS) batch.push(row)
    else {
      batches.push([row])
      terms = row.inputs.length
    }
  }
  const lastUse = new Map<number, number>()
  batches.forEach((batch, index) => {
    for (const { inputs } of batch) for (const input of inputs) lastUse.set(input, index)
  })
  return batches.map((batch, index) => {
    const inputs = [...new Set(batch.flatMap(row => row.inputs))].sort((a, b) => a - b)
    const positions = new Map(inputs.map((input, position) => [input, position]))
    return {
      outputs: batch.map(row => row.output),
      inputs,
      rows: batch.map(row => ({
        inputs: Uint32Array.from(row.inputs, input => positions.get(input)!),
        coefficients: row.coefficients,
        constant: row.constant
      })),
      weights: batch.reduce((sum, row) => sum + row.inputs.length + 1, 0),
      last: inputs.filter(input => lastUse.get(input) === index)
    }
  })
}

function rowsOf({ items }: DiagonalsPacking, scalar: (offset: number) => number): Row[] {
  const rows: Row[] = []
  let first = 0
  for (const [offset, item] of items.entries()) {
    if (item.kind !== 'bias') continue
    const inputs = items.slice(first, offset).map(term => (term.kind === 'diagonal' ? term.inputBlock : 0))
    const begin = first
    rows.push({
      output: item.outputBlock,
      inputs,
      coefficients: Float64Array.from(inputs, (_, k) => scalar(begin + k)),
      constant: scalar(offset)
    })
    first = offset + 1
  }
  return rows
}
