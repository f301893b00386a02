/**
 * A model that is clear at its evaluator, as byte strings that other machines of the same operator may have: the values of the plan's weight items, some together, as
 * float64 little-endian, one item after the other. Nothing but the plan is needed to make slot vectors of them.
 */
import { itemValues, itemWidths, type Network, type WeightItems } from '@slytherin/engine'
import { MissingPartError } from '../../local/part-store.js'
import type { Plan } from '../../terms/plan.js'

/** Of a byte string, about: what is fetched at once, and kept in a cache as a whole. */
const PART_BYTES = 2 ** 22
/** Of a float64. */
const VALUE = 8

/** Items first..first+widths.length-1. */
interface PartItems {
  readonly first: number
  /** Values of each. */
  readonly widths: readonly number[]
}

/** Which items are together, by the plan alone. */
function partsOf(plan: Plan): PartItems[] {
  const parts: { first: number; widths: number[] }[] = []
  let values = Number.POSITIVE_INFINITY
  for (const [index, width] of itemWidths(plan).entries()) {
    if ((values + width) * VALUE > PART_BYTES) {
      parts.push({ first: index, widths: [] })
      values = 0
    }
    parts.at(-1)!.widths.push(width)
    values += width
  }
  return parts
}

/** Byte strings of a model, made one by one. @throws the engine's NetworkMismatchError when the network is not the plan's */
export function* clearParts(plan: Plan, network: Network): Generator<Uint8Array> {
  for (const { first, widths } of partsOf(plan)) {
    const bytes = new Uint8Array(widths.reduce((sum, width) => sum + width, 0) * VALUE)
    const view = new DataView(bytes.buffer)
    let offset = 0
    for (let k = 0; k < widths.length; k++) {
      for (const value of itemValues(plan, network, first + k)) {
        view.setFloat64(offset, value, true)
        offset += VALUE
      }
    }
    yield bytes
  }
}

/** Weight items of a clear model, from its byte strings. */
export class ClearParts implements WeightItems {
  readonly #parts: readonly PartItems[]
  readonly #read: (part: number) => Promise<Uint8Array>
  /** Of plans whose blocks have one position: every value. */
  #scalars: Float64Array | undefined

  private constructor(parts: readonly PartItems[], read: (part: number) => Promise<Uint8Array>) {
    this.#parts = parts
    this.#read = read
  }

  /** @param read byte string `part`, in the order of `clearParts` @throws what `read` throws */
  static async open(plan: Plan, read: (part: number) => Promise<Uint8Array>): Promise<ClearParts> {
    const parts = partsOf(plan)
    const opened = new ClearParts(parts, read)
    if (parts.every(({ widths }) => widths.every(width => width === 1))) {
      const scalars = new Float64Array(parts.reduce((sum, { widths }) => sum + widths.length, 0))
      for (const [part, { first, widths }] of parts.entries()) scalars.set(await opened.#values(part, first, widths.length), first)
      opened.#scalars = scalars
    }
    return opened
  }

  async values(index: number): Promise<Float64Array> {
    const part = this.#parts.findLastIndex(({ first }) => first <= index)
    return await this.#values(part, index, 1)
  }

  scalar(index: number): number {
    const value = this.#scalars?.[index]
    if (value === undefined) throw new MissingPartError(`scalar weight ${index}`)
    return value
  }

  /** Of `count` items from `index` on, all of one byte string. */
  async #values(part: number, index: number, count: number): Promise<Float64Array> {
    const { first, widths } = this.#parts[part]!
    const bytes = await this.#read(part)
    const sum = (from: number, to: number): number => widths.slice(from, to).reduce((all, width) => all + width, 0)
    if (bytes.length !== sum(0, widths.length) * VALUE) throw new MissingPartError(`clear part ${part}, of another length than planned`)
    const view = new DataView(bytes.buffer, bytes.byteOffset + sum(0, index - first) * VALUE)
    return Float64Array.from({ length: sum(index - first, index - first + count) }, (_, k) => view.getFloat64(k * VALUE, true))
  }
}
