/** Writes calls of kernel functions into the control area instead of making them. */

import type { KernelCalls } from '../exports.js'
import { CALL_LENGTH, type ControlArea, MAXIMUM_CALLS, MAXIMUM_ITEMS } from './control.js'

/** Calls an item may make. */
const LARGEST_ITEM = 8192

export class Recorder {
  /** Same functions as the kernel's exports. */
  readonly calls: KernelCalls
  readonly #area: ControlArea
  #calls = 0
  #items = 0

  /** @param names the kernel's functions in the order in which threads know them */
  constructor(area: ControlArea, names: readonly string[]) {
    this.#area = area
    this.calls = Object.fromEntries(names.map((name, position) => [name, this.#recording(position)])) as unknown as KernelCalls
  }

  get items(): number {
    return this.#items
  }

  /** No room for certain for another item. */
  get full(): boolean {
    return this.#items === MAXIMUM_ITEMS || this.#calls + LARGEST_ITEM > MAXIMUM_CALLS
  }

  /** Ends an item. */
  endItem(): void {
    this.#items++
    this.#area.items[this.#items] = this.#calls
  }

  /** Forgets everything recorded. */
  clear(): void {
    this.#calls = 0
    this.#items = 0
    this.#area.items[0] = 0
  }

  #recording(position: number) {
    const { calls } = this.#area
    return (a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0): void => {
      if (this.#calls === MAXIMUM_CALLS) throw new RangeError(`an item makes more than ${LARGEST_ITEM} calls`)
      const at = this.#calls++ * CALL_LENGTH
      calls[at] = position
      calls[at + 1] = a
      calls[at + 2] = b
      calls[at + 3] = c
      calls[at + 4] = d
      calls[at + 5] = e
      calls[at + 6] = f
      calls[at + 7] = g
      calls[at + 8] = h
      calls[at + 9] = i
    }
  }
}
