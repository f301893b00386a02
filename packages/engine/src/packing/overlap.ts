/** Two values that are combined slot by slot. */
import type { Layout } from './layout.js'

/**
 * The layout of a product of two values, slot by slot: a feature where both have it. Undefined where that leaves out a feature, or has some more often than others, so that
 * what reads it would not know which to count.
 */
export function commonLayout(left: Layout, right: Layout, features: number): Layout | undefined {
  const { width } = left
  if (left === right) return left
  if (right.width !== width || right.blocks.length !== left.blocks.length) return undefined
  const seen = new Int32Array(features)
  let same = true
  const blocks = left.blocks.map((block, index) => {
    const other = right.blocks[index]!
    return block.map((feature, position) => {
      const common = feature === other[position] ? feature : -1
      if (common >= 0) seen[common]!++
      if (common !== feature) same = false
      return common
    })
  })
  if (seen.some(count => count === 0 || count !== seen[0])) return undefined
  const period = Math.max(left.period, right.period)
  // what repeats within the larger period would be counted as often
  if (!same && seen[0]! > width / period) return undefined
  return { width, period, blocks }
}
