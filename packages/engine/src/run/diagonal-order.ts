/** The order in which the products of a matrix by diagonals are computed: giant steps from the last, a few of them together. */
import type { DiagonalItem, DiagonalsItem } from '../packing/diagonals.js'

/** A weight of the step. */
export interface Placed<Item> {
  /** among all weights of the step */
  readonly offset: number
  readonly item: Item
}

/** Products of a few giant steps with a few baby steps of one input block. */
export type ProductGroup = readonly Placed<DiagonalItem>[]

/** Giant steps, descending, whose products are summed side by side. */
export interface GiantSteps {
  readonly giants: readonly number[]
  /** by input block, and baby steps */
  readonly groups: readonly ProductGroup[]
}

export interface BlockOrder {
  readonly steps: readonly GiantSteps[]
  readonly bias: Placed<Extract<DiagonalsItem, { kind: 'bias' }>>
}

/**
 * For every output block.
 * @param giantsAtOnce giant steps together
 * @param babiesAtOnce baby steps of one group at most
 */
export function ordersOf(items: readonly DiagonalsItem[], giantsAtOnce: number, babiesAtOnce: number): BlockOrder[] {
  const orders: BlockOrder[] = []
  let held: Placed<DiagonalItem>[] = []
  for (const [offset, item] of items.entries()) {
    if (item.kind === 'diagonal') held.push({ offset, item })
    else {
      orders.push({ steps: stepsOf(held, giantsAtOnce, babiesAtOnce), bias: { offset, item } })
      held = []
    }
  }
  return orders
}

function stepsOf(held: readonly Placed<DiagonalItem>[], giantsAtOnce: number, babiesAtOnce: number): GiantSteps[] {
  const byGiant = Map.groupBy(held, ({ item }) => item.giant)
  const giants = [...byGiant.keys()].sort((a, b) => b - a)
  return chunks(giants, giantsAtOnce).map(together => {
    const byInput = Map.groupBy(
      together.flatMap(giant => byGiant.get(giant)!),
      ({ item }) => item.inputBlock
    )
    const inputs = [...byInput.keys()].sort((a, b) => a - b)
    return { giants: together, groups: inputs.flatMap(input => groupsOf(byInput.get(input)!, babiesAtOnce)) }
  })
}

function groupsOf(products: readonly Placed<DiagonalItem>[], babiesAtOnce: number): ProductGroup[] {
  const byBaby = Map.groupBy(products, ({ item }) => item.baby)
  const babies = [...byBaby.keys()].sort((a, b) => a - b)
  return chunks(babies, babiesAtOnce).map(some =>
    some.flatMap(baby => byBaby.get(baby)!).sort((a, b) => b.item.giant - a.item.giant || a.item.baby - b.item.baby)
  )
}

const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, k) => all.slice(k * size, (k + 1) * size))
