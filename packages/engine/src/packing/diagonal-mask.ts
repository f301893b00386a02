/** Which diagonals of a packed matrix may hold a weight at all, found from the pattern that everybody knows. */
import type { SparseMatrix } from '../numeric/sparse.js'
import { type Layout, rowPeriod } from './layout.js'

/** Which diagonals of which pairs of blocks may hold a weight. */
export class DiagonalMask {
  readonly size: number
  /** by output block, as far as they have been asked for */
  private readonly among: Int32Array[] = []
  private marks: Uint8Array | undefined

  private constructor(
    private readonly inputBlocks: number,
    private readonly diagonals: number,
    /** by output block: input block · diagonals + diagonal, ascending */
    private readonly held: readonly Int32Array[]
  ) {
    this.size = held.reduce((sum, { length }) => sum + length, 0)
  }

  /**
   * @param mark calls `put` for what an output block has, in any order and as often as it likes: input block · diagonals + diagonal. An output block with nothing gets the
   *   first diagonal of the first input block.
   */
  static build(
    outputBlocks: number,
    inputBlocks: number,
    diagonals: number,
    mark: (outputBlock: number, put: (place: number) => void) => void
  ): DiagonalMask {
    // by place, the last output block that has it, counted from one
    const seen = new Int32Array(inputBlocks * diagonals)
    let found = new Int32Array(1024)
    let count = 0
    let current = 0
    const put = (place: number): void => {
      if (seen[place] === current) return
      seen[place] = current
      if (count === found.length) {
        const longer = new Int32Array(2 * count)
        longer.set(found)
        found = longer
      }
      found[count++] = place
    }
    const held = Array.from({ length: outputBlocks }, (_, outputBlock) => {
      count = 0
      current = outputBlock + 1
      mark(outputBlock, put)
      if (count === 0) put(0)
      return found.slice(0, count).sort()
    })
    return new DiagonalMask(inputBlocks, diagonals, held)
  }

  /** Calls `visit` for all that an output block has, by input block and diagonal. */
  each(outputBlock: number, visit: (inputBlock: number, diagonal: number) => void): void {
    const held = this.held[outputBlock]!
    for (let k = 0; k < held.length; k++) {
      const inputBlock = Math.floor(held[k]! / this.diagonals)
      visit(inputBlock, held[k]! - inputBlock * this.diagonals)
    }
  }

  /** How many an output block has. */
  sizeOf(outputBlock: number): number {
    return this.held[outputBlock]!.length
  }

  /** Diagonals that an output block has of any input block, ascending. */
  diagonalsOf(outputBlock: number): Int32Array {
    this.among[outputBlock] ??= Int32Array.from(new Set(this.held[outputBlock]!.map(place => place % this.diagonals))).sort()
    return this.among[outputBlock]
  }

  /** Whether any output block has a diagonal of an input block, at input block · diagonals + diagonal. */
  get used(): Uint8Array {
    if (!this.marks) {
      this.marks = new Uint8Array(this.inputBlocks * this.diagonals)
      for (const places of this.held) for (const place of places) this.marks[place] = 1
    }
    return this.marks
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
  a === b ||
  (a.width === b.width &&
    a.blocks.length === b.blocks.length &&
    a.blocks.every((features, block) => sameNumbers(features, b.blocks[block]!)))

const sameOrder = (a: Int32Array | undefined, b: Int32Array | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && sameNumbers(a, b))

/** A plain loop, which takes a fraction of the time of `every`. */
function sameNumbers(a: Int32Array, b: Int32Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let k = 0; k < a.length; k++) if (a[k] !== b[k]) return false
  return true
}

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
  // by feature the last place that holds it, and from there the one before
  const last = new Int32Array(pattern.columns).fill(-1)
  const before = new Int32Array(input.blocks.length * repeating)
  input.blocks.forEach((features, block) => {
    for (let position = 0; position < repeating; position++) {
      const feature = features[position]!
      if (feature < 0) continue
      const place = block * repeating + position
      before[place] = last[feature]!
      last[feature] = place
    }
  })
  // of a place: where its block begins among diagonals, and its position modulo the rows
  const first = new Int32Array(before.length)
  const phase = new Int32Array(before.length)
  for (let place = 0; place < before.length; place++) {
    first[place] = Math.floor(place / repeating) * diagonals
    phase[place] = (place % repeating) % rows
  }
  const outputBlocks = Math.ceil(outputs / width)
  const { start, index } = pattern
  return DiagonalMask.build(outputBlocks, input.blocks.length, diagonals, (outputBlock, put) => {
    const end = Math.min(outputs, (outputBlock + 1) * width)
    for (let position = outputBlock * width; position < end; position++) {
      const row = order ? order[position]! : position
      if (row < 0) continue
      const shift = position % rows
      for (let k = start[row]!; k < start[row + 1]!; k++) {
        for (let place = last[index[k]!]!; place >= 0; place = before[place]!) {
          const apart = phase[place]! - shift
          const diagonal = apart < 0 ? apart + rows : apart
          if (diagonal < diagonals) put(first[place]! + diagonal)
        }
      }
    }
  })
}
