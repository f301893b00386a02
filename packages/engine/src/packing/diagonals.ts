/**
 * A matrix times packed features by generalised diagonals with baby and giant steps.
 *
 * Let r be the rows rounded up to a power of two (at most the width c), x one input block, P the period of its layout. With
 *
 *   diag_d[j] = A[row(j mod r), feature((j + d) mod c)],    0 ≤ d < D
 *   z[j]      = Σ_d diag_d[j]·x[(j + d) mod c]
 *   y[i]      = Σ_m z[i + m·r],                             0 ≤ m < max(P, r)/r
 *
 * y is A·x, repeated with period r. D = r when the block holds more features than rows (wide to narrow, the sum over m by rotate-and-add folds),
 * D = P when it holds fewer (then there is nothing to fold), and less than r in a chunked layout. With d = G·s + t,
 *
 *   z = Σ_G rot_{G·s}( Σ_t rot_{-G·s}(diag_{G·s+t}) ⊙ rot_t(x) )
 *
 * so the baby rotations rot_t(x) are shared by all G, by all output blocks, and hoisted from one decomposition; diagonals come rotated already. The outer sum is
 * evaluated by Horner's rule, which needs the Galois key of one giant rotation only:  z = rot_s(… rot_s(Z_{g-1}) + Z_{g-2} …) + Z_0.
 * With encrypted diagonals Z_G is relinearised once, after the sum over all input blocks and baby steps.
 */
import type { AffineLayer } from '../network/network.js'
import type { SparseMatrix } from '../numeric/sparse.js'
import type { OperandKind } from '../steps/operands.js'
import { type Layout, nextPowerOfTwo, periodicLayout, sequentialLayout } from './layout.js'

export interface DiagonalItem {
  readonly kind: 'diagonal'
  readonly outputBlock: number
  readonly giant: number
  readonly inputBlock: number
  readonly baby: number
}

export type DiagonalsItem = DiagonalItem | { readonly kind: 'bias'; readonly outputBlock: number }

export interface DiagonalsShape {
  /** rows of the matrix */
  readonly outputs: number
  readonly input: Layout
  /** D */
  readonly diagonals: number
  /** s */
  readonly babySteps: number
  /** structurally non-zero diagonals; undefined when every one may hold a weight */
  readonly present: DiagonalMask | undefined
}

export class DiagonalsPacking {
  readonly kind = 'diagonals'
  readonly width: number
  /** r */
  readonly rows: number
  readonly diagonals: number
  readonly babySteps: number
  readonly giantSteps: number
  readonly input: Layout
  readonly outputBlocks: number
  readonly outputs: number
  /** rotations, in positions, of the rotate-and-add folds */
  readonly folds: readonly number[]
  private readonly present: DiagonalMask | undefined
  private readonly babiesOf: (readonly number[])[] = []
  private ordered: readonly DiagonalsItem[] | undefined

  private laidOut: Layout | undefined

  constructor(shape: DiagonalsShape) {
    const { outputs, input, diagonals, babySteps } = shape
    this.input = input
    this.width = input.width
    this.rows = rowPeriod(outputs, input.width)
    this.diagonals = diagonals
    this.babySteps = Math.min(babySteps, diagonals)
    this.giantSteps = Math.ceil(diagonals / this.babySteps)
    this.outputs = outputs
    this.outputBlocks = Math.ceil(outputs / this.width)
    const folds: number[] = []
    for (let step = this.rows; step < input.period; step *= 2) folds.push(step)
    this.folds = folds
    this.present = shape.present
  }

  /** Order in which weights are used: for every output block its giant steps from the last, their input blocks, their baby steps, then the bias. */
  get items(): readonly DiagonalsItem[] {
    this.ordered ??= this.order()
    return this.ordered
  }

  private order(): DiagonalsItem[] {
    const items: DiagonalsItem[] = []
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++) {
      for (let giant = this.giantSteps - 1; giant >= 0; giant--) {
        for (let inputBlock = 0; inputBlock < this.inputBlocks; inputBlock++) {
          for (let baby = 0; baby < this.babySteps; baby++) {
            const diagonal = giant * this.babySteps + baby
            if (this.holds(outputBlock, inputBlock, diagonal)) items.push({ kind: 'diagonal', outputBlock, giant, inputBlock, baby })
          }
        }
      }
      items.push({ kind: 'bias', outputBlock })
    }
    return items
  }

  private holds(outputBlock: number, inputBlock: number, diagonal: number): boolean {
    return diagonal < this.diagonals && (!this.present || this.present.has(outputBlock, inputBlock, diagonal))
  }

  /** Number of diagonals that are multiplied. */
  get products(): number {
    return this.present ? this.present.size : this.outputBlocks * this.inputBlocks * this.diagonals
  }

  /** For every input block the index of the last item that uses it, -1 when none does. */
  lastUses(): Int32Array {
    const last = new Int32Array(this.inputBlocks).fill(-1)
    this.items.forEach((item, index) => {
      if (item.kind === 'diagonal') last[item.inputBlock] = index
    })
    return last
  }

  /** Most slot vectors of rotated input that are alive at a time when each is made at its first use and dropped after its last. */
  get peakInputs(): number {
    if (!this.present) return this.inputBlocks * this.babySteps
    const last = this.lastUses()
    const seen = new Set<number>()
    let alive = 0
    let peak = 0
    this.items.forEach((item, index) => {
      if (item.kind === 'bias') return
      const size = this.babies(item.inputBlock).length
      if (!seen.has(item.inputBlock)) {
        seen.add(item.inputBlock)
        alive += size
        peak = Math.max(peak, alive)
      }
      if (last[item.inputBlock] === index) alive -= size
    })
    return peak
  }

  get output(): Layout {
    this.laidOut ??=
      this.outputs <= this.width ? periodicLayout(this.outputs, this.width, this.rows) : sequentialLayout(this.outputs, this.width)
    return this.laidOut
  }

  get inputBlocks(): number {
    return this.input.blocks.length
  }

  /** Baby rotations, in positions, that input block `inputBlock` needs; ascending. */
  babies(inputBlock: number): readonly number[] {
    const known = this.babiesOf[inputBlock]
    if (known) return known
    const needed: number[] = []
    for (let baby = 0; baby < this.babySteps; baby++) {
      if (this.anyHolds(inputBlock, baby)) needed.push(baby)
    }
    this.babiesOf[inputBlock] = needed
    return needed
  }

  private anyHolds(inputBlock: number, baby: number): boolean {
    if (!this.present) return true
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++) {
      for (let giant = 0; giant < this.giantSteps; giant++) {
        if (this.holds(outputBlock, inputBlock, giant * this.babySteps + baby)) return true
      }
    }
    return false
  }

  /**
   * All rotations, in positions, that need a Galois key; ascending.
   * @param input clear inputs come rotated already
   */
  rotations(input: OperandKind = 'encrypted'): number[] {
    const needed = new Set<number>(this.folds)
    if (this.giantSteps > 1) needed.add(this.babySteps)
    if (input === 'clear') return [...needed].sort((a, b) => a - b)
    for (let inputBlock = 0; inputBlock < this.inputBlocks; inputBlock++) {
      for (const baby of this.babies(inputBlock)) if (baby > 0) needed.add(baby)
    }
    return [...needed].sort((a, b) => a - b)
  }

  /** Every input block with every baby rotation it needs, in order: what the owner of clear data prepares. */
  turns(): { readonly inputBlock: number; readonly baby: number }[] {
    return this.input.blocks.flatMap((_, inputBlock) => this.babies(inputBlock).map(baby => ({ inputBlock, baby })))
  }

  /** Features of an input block after a rotation. */
  turnedFeatures(inputBlock: number, baby: number): Int32Array {
    const features = this.input.blocks[inputBlock]!
    return features.map((_, position) => features[(position + baby) % this.width]!)
  }

  /** Value of a weight item at every position. */
  weight(item: DiagonalsItem, layer: AffineLayer): Float64Array {
    const { width, rows } = this
    const { matrix, bias } = layer
    const rowAt = (outputBlock: number, position: number): number => {
      const row = outputBlock * width + (position % rows)
      return row < matrix.rows ? row : -1
    }
    if (item.kind === 'bias') {
      return Float64Array.from({ length: width }, (_, position) => {
        const row = rowAt(item.outputBlock, position)
        return row < 0 ? 0 : bias[row]!
      })
    }
    const shift = item.giant * this.babySteps
    const features = this.input.blocks[item.inputBlock]!
    return Float64Array.from({ length: width }, (_, position) => {
      const row = rowAt(item.outputBlock, (position - shift + width) % width)
      const feature = features[(position + item.baby) % width]!
      return row < 0 || feature < 0 ? 0 : matrix.at(row, feature)
    })
  }
}

/** r: rows rounded up to a power of two, at most the width. */
export const rowPeriod = (outputs: number, width: number): number => Math.min(width, nextPowerOfTwo(outputs))

/** D of a layout that the layer before, or nobody, has chunked: all diagonals of the shorter side. */
export const fullDiagonals = (outputs: number, input: Layout): number => Math.min(rowPeriod(outputs, input.width), input.period)

/** Which diagonals of which pairs of blocks may hold a weight. */
export class DiagonalMask {
  private readonly bits: Uint8Array
  private count = 0

  constructor(
    outputBlocks: number,
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

  /** Whether an output block has no diagonal at all. */
  empty(outputBlock: number): boolean {
    const size = this.inputBlocks * this.diagonals
    return this.bits.subarray(outputBlock * size, (outputBlock + 1) * size).every(bit => bit === 0)
  }
}

interface KnownMask {
  readonly input: Layout
  readonly diagonals: number
  readonly mask: DiagonalMask
}

const masks = new WeakMap<SparseMatrix, KnownMask[]>()

const sameLayout = (a: Layout, b: Layout): boolean =>
  a.width === b.width &&
  a.blocks.length === b.blocks.length &&
  a.blocks.every((features, block) => features.every((feature, position) => feature === b.blocks[block]![position]))

/** The same as `presentDiagonals`, found once for every pattern and layout: a planner packs the same layers many times. */
export function presentOnce(pattern: SparseMatrix, input: Layout, diagonals: number): DiagonalMask {
  const known = masks.get(pattern) ?? []
  const found = known.find(entry => entry.diagonals === diagonals && sameLayout(entry.input, input))
  if (found) return found.mask
  const mask = presentDiagonals(pattern, input, diagonals)
  masks.set(pattern, [...known, { input, diagonals, mask }])
  return mask
}

/** The diagonals that hold at least one entry of the pattern, and one for every output block that would have none. */
export function presentDiagonals(pattern: SparseMatrix, input: Layout, diagonals: number): DiagonalMask {
  const { width } = input
  const rows = rowPeriod(pattern.rows, width)
  const places: number[][] = Array.from({ length: pattern.columns }, () => [])
  input.blocks.forEach((features, block) => {
    features.forEach((feature, position) => {
      if (feature >= 0) places[feature]!.push(block * width + position)
    })
  })
  const outputBlocks = Math.ceil(pattern.rows / width)
  const present = new DiagonalMask(outputBlocks, input.blocks.length, diagonals)
  for (let row = 0; row < pattern.rows; row++) {
    const outputBlock = Math.floor(row / width)
    const shift = row % rows
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
