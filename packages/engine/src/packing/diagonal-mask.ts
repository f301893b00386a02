/** Which diagonals of a packed matrix may hold a weight at all, found from the pattern that everybody knows. */
import type { SparseMatrix } from '../numeric/sparse.js'
import { type Layout, rowPeriod } from './layout.js'

/** Which diagonals of which pairs of blocks may hold a weight. */
export class DiagonalMask {
  private readonly bits: Uint8Array
  private count = 0

  constructor(
    private readonly outputBlocks: number,
    private readonly inputBlocks: number,
    private readonly diagonals: number
  ) {
    this.bits = new Uint8Array(outputBlocks * inputBlocks * diagonals)
  }

  get size(): number {
    return this.count
  }

  has(outputBlock: number, inputBlock: number, diagonal: number): boolean {
    return this.bits[(outputBlock * this.inputBlocks + inputBlock) * this.diagonals + diagonal] === 1
  }

  add(outputBlock: number, inputBlock: number, diagonal: number): void {
    const index = (outputBlock * this.inputBlocks + inputBlock) * this.diagonals + diagonal
    this.count += 1 - this.bits[index]!
    this.bits[index] = 1
  }

  /** The diagonals of `blocks` input blocks from `first` on, as another mask has them; the first `diagonals` of them where there is none. */
  include(first: number, blocks: number, diagonals: number, mask: DiagonalMask | undefined): void {
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++) {
      for (let block = 0; block < blocks; block++) {
        for (let diagonal = 0; diagonal < diagonals; diagonal++) {
          if (!mask || mask.has(outputBlock, block, diagonal)) this.add(outputBlock, first + block, diagonal)
        }
      }
    }
  }

  /** Whether an output block has no diagonal at all. */
  empty(outputBlock: number): boolean {
    const size = this.inputBlocks * this.diagonals
    return this.bits.subarray(outputBlock * size, (outputBlock + 1) * size).every(bit => bit === 0)
  }
}

interface KnownMask {
  readonly input: Layout
  readonly diagonals: number
  readonly order: Int32Array | undefined
  readonly mask: DiagonalMask
}

const masks = new WeakMap<SparseMatrix, KnownMask[]>()

const sameLayout = (a: Layout, b: Layout): boolean =>
  a.width === b.width &&
  a.blocks.length === b.blocks.length &&
  a.blocks.every((features, block) => features.every((feature, position) => feature === b.blocks[block]![position]))

const sameOrder = (a: Int32Array | undefined, b: Int32Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && a.length === b.length && a.every((row, place) => row === b[place]))

/** The same as `presentDiagonals`, found once for every pattern and layout: a planner packs the same layers many times. */
export function presentOnce(pattern: SparseMatrix, input: Layout, diagonals: number, order?: Int32Array): DiagonalMask {
  const known = masks.get(pattern) ?? []
  const found = known.find(entry => entry.diagonals === diagonals && sameOrder(entry.order, order) && sameLayout(entry.input, input))
  if (found) return found.mask
  const mask = presentDiagonals(pattern, input, diagonals, order)
  masks.set(pattern, [...known, { input, diagonals, order, mask }])
  return mask
}

/**
 * The diagonals that hold at least one entry of the pattern, and one for every output block that would have none.
 * @param order row at every position, where rows do not stand as they come
 */
export function presentDiagonals(pattern: SparseMatrix, input: Layout, diagonals: number, order?: Int32Array): DiagonalMask {
  const { width } = input
  const outputs = order?.length ?? pattern.rows
  const rows = rowPeriod(outputs, width)
  // what stands further on repeats, and gives the same diagonals
  const repeating = Math.max(input.period, rows)
  const places: number[][] = Array.from({ length: pattern.columns }, () => [])
  input.blocks.forEach((features, block) => {
    for (let position = 0; position < repeating; position++) {
      const feature = features[position]!
      if (feature >= 0) places[feature]!.push(block * width + position)
    }
  })
  const outputBlocks = Math.ceil(outputs / width)
  const present = new DiagonalMask(outputBlocks, input.blocks.length, diagonals)
  for (let position = 0; position < outputs; position++) {
    const row = order ? order[position]! : position
    if (row < 0) continue
    const outputBlock = Math.floor(position / width)
    const shift = position % rows
    for (let k = pattern.start[row]!; k < pattern.start[row + 1]!; k++) {
      for (const place of places[pattern.index[k]!]!) {
        // the width is a multiple of the rows, so the block does not matter
        const diagonal = (place - shift + width) % rows
        if (diagonal < diagonals) present.add(outputBlock, Math.floor(place / width), diagonal)
      }
    }
  }
  for (let outputBlock = 0; outputBlock < outputBlocks; outputBlock++) if (present.empty(outputBlock)) present.add(outputBlock, 0, 0)
  return present
}
