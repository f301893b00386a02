/**
 * Several values as the input of one matrix [A_1 A_2 …]: their blocks one after another, features counted through. Each value keeps its layout; nothing is moved.
 *
 * A block of period p has min(r, p) diagonals, r the rows rounded up. Where others repeat less often, the sum is folded over the largest period P: products of the block
 * then count in the first max(p, r) of every P positions alone, or they would be counted once for every time that the block repeats (`DiagonalsPacking.counts`).
 */
import type { SparseMatrix } from '../numeric/sparse.js'
import { DiagonalMask, presentOnce } from './diagonal-mask.js'
import { type Layout, rowPeriod } from './layout.js'

export interface JointPart {
  readonly layout: Layout
  /** elements of the value */
  readonly features: number
  /** structural pattern of its matrix; undefined where every entry may be a weight */
  readonly pattern: SparseMatrix | undefined
  /** whether the evaluator has it in the clear, as input */
  readonly clear: boolean
}

/** What is known of a block beside its layout. */
export interface JointBlock {
  readonly part: number
  /** elements of the values before it: what features of the block are counted from */
  readonly before: number
  readonly period: number
  readonly clear: boolean
}

export interface JointInput {
  readonly layout: Layout
  readonly blocks: readonly JointBlock[]
  readonly diagonals: number
  readonly present: DiagonalMask
}

/**
 * @param outputs rows of the matrix, empty ones among them included
 * @param order row at every position, where rows do not stand as they come
 */
export function joint(parts: readonly JointPart[], outputs: number, order?: Int32Array): JointInput {
  const { width } = parts[0]!.layout
  const rows = rowPeriod(outputs, width)
  const held: Int32Array[] = []
  const blocks: JointBlock[] = []
  let first = 0
  parts.forEach(({ layout, features, clear }, part) => {
    for (const block of layout.blocks) {
      held.push(first === 0 ? block : shifted(block, first))
      blocks.push({ part, before: first, period: layout.period, clear })
    }
    first += features
  })
  const period = Math.max(...parts.map(({ layout }) => layout.period))
  const diagonals = Math.min(rows, period)
  let block = 0
  const masks = parts.map(({ layout, pattern }) => {
    const own = Math.min(rows, layout.period)
    const from = block
    block += layout.blocks.length
    return { from, to: block, own, mask: pattern && presentOnce(pattern, layout, own, order) }
  })
  const present = DiagonalMask.build(Math.ceil(outputs / width), blocks.length, diagonals, (outputBlock, put) => {
    for (const { from, to, own, mask } of masks) {
      if (mask) mask.each(outputBlock, (inputBlock, diagonal) => put((from + inputBlock) * diagonals + diagonal))
      else
        for (let inputBlock = from; inputBlock < to; inputBlock++)
          for (let diagonal = 0; diagonal < own; diagonal++) put(inputBlock * diagonals + diagonal)
    }
  })
  return { layout: { width, period, blocks: held }, blocks, diagonals, present }
}

function shifted(block: Int32Array, by: number): Int32Array {
  const out = new Int32Array(block.length)
  for (let position = 0; position < block.length; position++) out[position] = block[position]! < 0 ? -1 : block[position]! + by
  return out
}
