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
 * evaluated by Horner's rule, which needs the Galois key of one giant rotation only:  z = rot_s(… rot_s(Z_{g-1}) + Z_{g-2} …) + Z_0. Where many Z_G are empty, as between the
 * rows of a multiplexed kernel, it may leap from one that is not to the next, with a key for every distance that occurs.
 * Keys are large, and two other ways take fewer of them. Baby rotations may be made one from the other, rot_t(x) = rot_1(rot_{t-1}(x)), with the key of one position for all of them
 * instead of one each, for a decomposition each instead of one for all. And folds may go by four, y + rot(y + rot(y + rot(y))), three rotations by one key where two folds by two take
 * two keys.
 * With encrypted diagonals Z_G is relinearised once, after the sum over all input blocks and baby steps.
 *
 * The rows of A may be in any order, with empty ones among them: which row stands where is then a list of its own (see map-order.ts).
 */
import type { DiagonalMask } from './diagonal-mask.js'
import type { JointBlock } from './joint.js'
import { type Layout, periodicLayout, rowPeriod, sequentialLayout } from './layout.js'
import { orderedLayout } from './map-order.js'

export interface DiagonalItem {
  readonly kind: 'diagonal'
  readonly outputBlock: number
  readonly giant: number
  readonly inputBlock: number
  readonly baby: number
}

export type DiagonalsItem = DiagonalItem | { readonly kind: 'bias'; readonly outputBlock: number }

/** How rotations are made, where not in the usual way. */
export interface Stepping {
  /** whether giant steps without diagonals are leapt over, by rotations with keys of their own */
  readonly leaps?: boolean
  /** whether baby rotations are made one from the other, with keys of what is between them */
  readonly successive?: boolean
  /** whether folds go by four, as far as there are two to make one of */
  readonly fourfold?: boolean
}

/** A sum is rotated and added to what it began as, so many times: (times + 1) of its parts are then in one. */
export interface Folding {
  /** in positions */
  readonly rotation: number
  readonly times: 1 | 3
}

export interface DiagonalsShape extends Stepping {
  /** rows of the matrix, empty ones among them included */
  readonly outputs: number
  /** row at every position, -1 for an empty one; as they come when undefined */
  readonly order?: Int32Array | undefined
  readonly input: Layout
  /** D */
  readonly diagonals: number
  /** s */
  readonly babySteps: number
  /** structurally non-zero diagonals; undefined when every one may hold a weight */
  readonly present: DiagonalMask | undefined
  /** of every input block, where they are of several values (`joint`) */
  readonly joint?: readonly JointBlock[]
}

/** What follows from products alone, whatever way rotations are made. */
interface FoundOut {
  babies?: readonly (readonly number[])[]
  /** by output block */
  readonly giants: (readonly number[])[]
}

/** An input block, rotated by some positions. */
export interface Turn {
  readonly inputBlock: number
  readonly baby: number
}

/** An affine layer as generalised diagonals of its matrix, in baby and giant steps. */
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
  readonly order: Int32Array | undefined
  readonly leaps: boolean
  readonly successive: boolean
  readonly fourfold: boolean
  /** rotations, in positions, of the rotate-and-add folds by two */
  readonly folds: readonly number[]
  /** of every input block, where they are of several values */
  readonly joint: readonly JointBlock[] | undefined
  private readonly present: DiagonalMask | undefined
  private found: FoundOut = { giants: [] }
  private readonly rotationsOf: { clear?: readonly number[]; encrypted?: readonly number[] } = {}
  private ordered: readonly DiagonalsItem[] | undefined
  private laidOut: Layout | undefined
  private lastRows: { readonly outputBlock: number; readonly rows: Int32Array } | undefined

  constructor(private readonly shape: DiagonalsShape) {
    const { outputs, input, diagonals, babySteps } = shape
    this.input = input
    this.width = input.width
    this.rows = rowPeriod(outputs, input.width)
    this.diagonals = diagonals
    this.babySteps = Math.min(babySteps, diagonals)
    this.giantSteps = Math.ceil(diagonals / this.babySteps)
    this.outputs = outputs
    this.order = shape.order
    this.leaps = shape.leaps ?? false
    this.successive = shape.successive ?? false
    this.fourfold = shape.fourfold ?? false
    this.outputBlocks = Math.ceil(outputs / this.width)
    const folds: number[] = []
    for (let step = this.rows; step < input.period; step *= 2) folds.push(step)
    this.folds = folds
    this.present = shape.present
    this.joint = shape.joint
  }

  /** The same products by other rotations; what has been found out of the products is kept. */
  stepping(stepping: Stepping): DiagonalsPacking {
    const made = new DiagonalsPacking({ ...this.shape, ...stepping })
    made.found = this.found
    return made
  }

  /** The folds as they are made. */
  get foldings(): readonly Folding[] {
    const { folds } = this
    if (!this.fourfold) return folds.map(rotation => ({ rotation, times: 1 }))
    return folds.flatMap((rotation, k): Folding[] => (k % 2 === 1 ? [] : [{ rotation, times: k + 1 < folds.length ? 3 : 1 }]))
  }

  /** Whether products of an input block count at this position of a sum before it is folded: a block that repeats more often than others must not count more often. */
  counts(inputBlock: number, position: number): boolean {
    const { period } = this.joint?.[inputBlock] ?? this.input
    return period === this.input.period || this.input.period <= this.rows || position % this.input.period < Math.max(period, this.rows)
  }

  /** Whether the evaluator has an input block in the clear, given how it has the input of the network. */
  clear(inputBlock: number, input: 'clear' | 'encrypted'): boolean {
    return this.joint?.[inputBlock]?.clear ?? input === 'clear'
  }

  /** Order in which weights are used: for every output block its giant steps from the last, their input blocks, their baby steps, then the bias. */
  get items(): readonly DiagonalsItem[] {
    this.ordered ??= this.listItems()
    return this.ordered
  }

  private listItems(): DiagonalsItem[] {
    const items: DiagonalsItem[] = []
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++) {
      const held: DiagonalItem[] = []
      this.each(outputBlock, (inputBlock, diagonal) => {
        const giant = Math.floor(diagonal / this.babySteps)
        held.push({ kind: 'diagonal', outputBlock, giant, inputBlock, baby: diagonal - giant * this.babySteps })
      })
      // by input block and diagonal already
      for (const item of held.sort((a, b) => b.giant - a.giant)) items.push(item)
      items.push({ kind: 'bias', outputBlock })
    }
    return items
  }

  /** Calls `visit` for all products of an output block, by input block and diagonal. */
  private each(outputBlock: number, visit: (inputBlock: number, diagonal: number) => void): void {
    if (this.present) {
      this.present.each(outputBlock, visit)
      return
    }
    for (let inputBlock = 0; inputBlock < this.inputBlocks; inputBlock++)
      for (let diagonal = 0; diagonal < this.diagonals; diagonal++) visit(inputBlock, diagonal)
  }

  /** Number of diagonals that are multiplied. */
  get products(): number {
    return this.present ? this.present.size : this.outputBlocks * this.inputBlocks * this.diagonals
  }

  /** The same by output block. */
  productsIn(outputBlock: number): number {
    return this.present ? this.present.sizeOf(outputBlock) : this.inputBlocks * this.diagonals
  }

  /** By output block: the giant steps at which anything is multiplied, ascending; there is always one. */
  giants(outputBlock: number): readonly number[] {
    const { babySteps, found, giantSteps, present } = this
    found.giants[outputBlock] ??= present
      ? [...new Set(present.diagonalsOf(outputBlock).map(diagonal => diagonal / babySteps))]
      : Array.from({ length: giantSteps }, (_, giant) => giant)
    return found.giants[outputBlock]
  }

  /** Giant rotations of one output block: from the last giant step that it has down to the first. */
  descentCount(outputBlock: number): number {
    const giants = this.giants(outputBlock)
    return this.leaps ? positives(giants) : giants.at(-1)!
  }

  /** Giant steps from one to the next, all that occur. */
  get distances(): ReadonlySet<number> {
    const found = new Set<number>()
    for (let block = 0; block < this.outputBlocks; block++) {
      const giants = this.giants(block)
      if (this.leaps) for (const [k, giant] of giants.entries()) found.add(giant - (giants[k - 1] ?? 0))
      else found.add(Math.min(1, giants.at(-1)!))
    }
    found.delete(0)
    return found
  }

  /** Whether leaps would save some output block a rotation. */
  get gaps(): boolean {
    for (let block = 0; block < this.outputBlocks; block++) if (this.giants(block).at(-1)! > positives(this.giants(block))) return true
    return false
  }

  /** Giant rotations of one output block at most. */
  get mostGiantRotations(): number {
    let most = 0
    for (let block = 0; block < this.outputBlocks; block++) most = Math.max(most, this.descentCount(block))
    return most
  }

  /** The same of the blocks of one of several values. */
  productsOf(part: number): number {
    let count = 0
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++)
      this.each(outputBlock, inputBlock => {
        if (this.joint?.[inputBlock]?.part === part) count++
      })
    return count
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
    // of every input block, the first and the last run of its products: of one giant step of one output block
    const first = new Int32Array(this.inputBlocks).fill(-1)
    const last = new Int32Array(this.inputBlocks).fill(-1)
    let run = 0
    for (let outputBlock = 0; outputBlock < this.outputBlocks; outputBlock++) {
      for (const inputBlock of this.runs(outputBlock)) {
        if (first[inputBlock] === -1) first[inputBlock] = run
        last[inputBlock] = run++
      }
    }
    const order = (blocks: Int32Array): number[] =>
      [...blocks.keys()].filter(block => last[block]! >= 0).sort((a, b) => blocks[a]! - blocks[b]!)
    const leaving = order(last)
    let alive = 0
    let peak = 0
    let gone = 0
    for (const block of order(first)) {
      for (; last[leaving[gone]!]! < first[block]!; gone++) alive -= this.babies(leaving[gone]!).length
      alive += this.babies(block).length
      peak = Math.max(peak, alive)
    }
    return peak
  }

  /** The input blocks of an output block's products in the order of use, each once for every giant step: without a list of items, which may be millions. */
  private runs(outputBlock: number): number[] {
    const keys: number[] = []
    this.each(outputBlock, (inputBlock, diagonal) => {
      keys.push((this.giantSteps - Math.floor(diagonal / this.babySteps)) * this.inputBlocks + inputBlock)
    })
    const sorted = Float64Array.from(keys).sort()
    const out: number[] = []
    for (let k = 0; k < sorted.length; k++) if (k === 0 || sorted[k] !== sorted[k - 1]) out.push(sorted[k]! % this.inputBlocks)
    return out
  }

  get output(): Layout {
    this.laidOut ??= this.layOut()
    return this.laidOut
  }

  private layOut(): Layout {
    const { outputs, order, width, rows } = this
    if (order) return orderedLayout(order, width)
    return outputs <= width ? periodicLayout(outputs, width, rows) : sequentialLayout(outputs, width)
  }

  /** Row of the matrix that stands at a position of an output block; -1 for none. */
  rowAt(outputBlock: number, position: number): number {
    const place = outputBlock * this.width + (position % this.rows)
    if (place >= this.outputs) return -1
    return this.order ? this.order[place]! : place
  }

  /** The same at every position; what was asked for last is remembered, and is to be read only. */
  rowsOf(outputBlock: number): Int32Array {
    if (this.lastRows?.outputBlock !== outputBlock) {
      const rows = new Int32Array(this.width)
      for (let position = 0; position < rows.length; position++) rows[position] = this.rowAt(outputBlock, position)
      this.lastRows = { outputBlock, rows }
    }
    return this.lastRows.rows
  }

  /** Input blocks, each a ciphertext of a batch block. */
  get inputBlocks(): number {
    return this.input.blocks.length
  }

  /** Baby rotations, in positions, that input block `inputBlock` needs; ascending. */
  babies(inputBlock: number): readonly number[] {
    this.found.babies ??= this.findBabies()
    return this.found.babies[inputBlock]!
  }

  /** How many rotations of an input block there are, by whichever way they are made. */
  turnCount(inputBlock: number): number {
    return positives(this.babies(inputBlock))
  }

  /** Rotations, in positions, by which the baby rotations of an input block are made: of it, or each of the one before. */
  turnsBetween(inputBlock: number): number[] {
    const turns = this.babies(inputBlock).filter(baby => baby > 0)
    return this.successive ? turns.map((baby, k) => baby - (turns[k - 1] ?? 0)) : turns
  }

  private findBabies(): readonly (readonly number[])[] {
    const { babySteps, diagonals, present } = this
    const all = Array.from({ length: babySteps }, (_, baby) => baby)
    if (!present) return this.input.blocks.map(() => all)
    const used = new Uint8Array(babySteps)
    return this.input.blocks.map((_, inputBlock) => {
      used.fill(0)
      for (let diagonal = 0; diagonal < diagonals; diagonal++)
        if (present.used[inputBlock * diagonals + diagonal]) used[diagonal % babySteps] = 1
      return all.filter(baby => used[baby])
    })
  }

  /**
   * All rotations, in positions, that need a Galois key; ascending.
   * @param input clear inputs come rotated already
   */
  rotations(input: 'clear' | 'encrypted' = 'encrypted'): readonly number[] {
    this.rotationsOf[input] ??= this.findRotations(input)
    return this.rotationsOf[input]
  }

  private findRotations(input: 'clear' | 'encrypted'): number[] {
    const needed = new Set<number>(this.foldings.map(({ rotation }) => rotation))
    for (const distance of this.distances) needed.add(distance * this.babySteps)
    for (let inputBlock = 0; inputBlock < this.inputBlocks; inputBlock++) {
      if (this.clear(inputBlock, input)) continue
      for (const turn of this.turnsBetween(inputBlock)) needed.add(turn)
    }
    return [...needed].sort((a, b) => a - b)
  }

  /** Every input block of clear data with every baby rotation it needs, in order: what their owner prepares. */
  turns(): Turn[] {
    return this.input.blocks.flatMap((_, inputBlock) =>
      this.clear(inputBlock, 'clear') ? this.babies(inputBlock).map(baby => ({ inputBlock, baby })) : []
    )
  }

  /** Features of an input block after a rotation, counted in the value that it is of. */
  turnedFeatures(inputBlock: number, baby: number): Int32Array {
    const features = this.input.blocks[inputBlock]!
    const before = this.joint?.[inputBlock]?.before ?? 0
    return features.map((_, position) => {
      const feature = features[(position + baby) % this.width]!
      return feature < 0 ? -1 : feature - before
    })
  }
}

/** How many of ascending numbers, of which none is negative, are not zero. */
const positives = (steps: readonly number[]): number => (steps[0] === 0 ? steps.length - 1 : steps.length)

/** D of a layout that the layer before, or nobody, has chunked: all diagonals of the shorter side. */
export const fullDiagonals = (outputs: number, input: Layout): number => Math.min(rowPeriod(outputs, input.width), input.period)
