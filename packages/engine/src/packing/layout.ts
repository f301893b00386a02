/**
 * Which feature stands where. Slots are feature-major with the batch innermost: slot p·b + i of a ciphertext block holds position p of sample i, b the batch block,
 * and there are `width` = n/b positions. A layout says which feature each position holds, or -1 where a value is meaningless (it may be anything bounded).
 *
 * `period` P divides the width: position p and position p + P hold the same feature. Rotations by multiples of b are cyclic over positions.
 */
export interface Layout {
  readonly width: number
  readonly period: number
  /** one array of `width` features per ciphertext block */
  readonly blocks: readonly Int32Array[]
}

export const nextPowerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(Math.max(1, value)))

/** r: rows rounded up to a power of two, at most the width. */
export const rowPeriod = (outputs: number, width: number): number => Math.min(width, nextPowerOfTwo(outputs))

/** What is remembered at a time. */
const MOST_KNOWN = 1024
const known = new Map<string, WeakRef<object>>()

/** What has this name, as long as somebody has it: a planner lays the same values out many times. Not to be changed. */
export function once<T extends object>(name: string, make: () => T): T {
  const found = known.get(name)?.deref() as T | undefined
  if (found) return found
  const made = make()
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(name, new WeakRef(made))
  return made
}

/** A plain loop: planning makes thousands of these, and `Int32Array.from` takes ten times as long. */
function blockOf(width: number, feature: (position: number) => number): Int32Array {
  const block = new Int32Array(width)
  for (let position = 0; position < width; position++) block[position] = feature(position)
  return block
}

/** Features in order, `width` to a block. */
export function sequentialLayout(features: number, width: number): Layout {
  return once(`s ${features} ${width}`, () => {
    const blocks = Array.from({ length: Math.ceil(features / width) }, (_, block) =>
      blockOf(width, position => (block * width + position < features ? block * width + position : -1))
    )
    return { width, period: width, blocks }
  })
}

/** Feature p mod period at position p, in one block. */
export function periodicLayout(features: number, width: number, period: number): Layout {
  return once(`p ${features} ${width} ${period}`, () => {
    const block = blockOf(width, position => (position % period < features ? position % period : -1))
    return { width, period, blocks: [block] }
  })
}

/**
 * One block in which a product with `rows` (a power of two) rows needs only `diagonals` diagonals, for whoever may choose the layout freely (the data owner):
 * position m·rows + t holds feature m·diagonals + (t mod diagonals). Every window of `diagonals` neighbours that starts at position ≡ i modulo rows, taken over
 * all m, meets each feature once.
 */
export function chunkedLayout(features: number, width: number, rows: number, diagonals: number): Layout {
  const block = blockOf(width, position => {
    const feature = Math.floor(position / rows) * diagonals + (position % diagonals)
    return feature < features ? feature : -1
  })
  return { width, period: width, blocks: [block] }
}

/** The fewest diagonals (a power of two, at most `rows`) of a chunked layout that holds all features, or undefined when one block cannot. */
export function chunkDiagonals(features: number, width: number, rows: number): number | undefined {
  const diagonals = nextPowerOfTwo(Math.ceil((features * rows) / width))
  return diagonals <= rows && rows <= width ? diagonals : undefined
}

/** First block and position of every feature. */
export function locate(layout: Layout, features: number): { block: Int32Array; position: Int32Array } {
  const block = new Int32Array(features).fill(-1)
  const position = new Int32Array(features).fill(-1)
  layout.blocks.forEach((held, index) => {
    held.forEach((feature, place) => {
      if (feature >= 0 && block[feature] === -1) {
        block[feature] = index
        position[feature] = place
      }
    })
  })
  return { block, position }
}

/** Spreads one value per position over the batch: slot p·b + i = values[p]. For a batch of one they are the slots. */
export function repeatOverBatch(values: Float64Array, batchBlock: number): Float64Array {
  if (batchBlock === 1) return values
  const out = new Float64Array(values.length * batchBlock)
  for (let position = 0; position < values.length; position++)
    out.fill(values[position]!, position * batchBlock, (position + 1) * batchBlock)
  return out
}
