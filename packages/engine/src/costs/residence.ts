/**
 * What an evaluator keeps in memory, ready to be computed with, from one query to the next or from a query's arrival to its evaluation: only what does not fit is read or
 * encoded while it evaluates. The protocol's evaluator keeps to these figures, the planner counts with them.
 */

/** Products that are summed with one reduction. */
export const PRODUCTS_AT_ONCE = 8
/** Giant steps whose sums take their products together, where data and weights are encrypted: rotated inputs are then read from memory once for all of them. */
export const GIANT_STEPS_AT_ONCE = 4
/** Weights that a runner holds at a time: those of products to be summed, and the next one. */
export const WEIGHTS_HELD = GIANT_STEPS_AT_ONCE * PRODUCTS_AT_ONCE + 1

/** Bytes of weights that are kept, encrypted or encoded, as far as there is room. */
export const RESIDENT_WEIGHT_BYTES = 1.75 * 2 ** 30
/** The same of encoded clear weights, of which a session's or a release's evaluator has its kernel's memory almost to itself. */
export const RESIDENT_CLEAR_WEIGHT_BYTES = 2.5 * 2 ** 30
/** Bytes of encoded clear weights that wait outside the kernel's memory when there is no more room in it. */
export const STORED_WEIGHT_BYTES = 2 ** 32
/** Bytes of inputs that wait in memory for their evaluation, as far as there is room. */
export const RESIDENT_INPUT_BYTES = 2 ** 31
/** What the kernel's memory can grow to. */
const KERNEL_BYTES = 2 ** 32
/** Bytes of keys that stay in the kernel's memory. */
const KEY_BYTES = 1.5 * 2 ** 30
/** Room that is left to the evaluation, as a multiple of what the plan says it needs, and at least. */
const WORKING_FACTOR = 1.5
const LEAST_WORKING_BYTES = 2 ** 29

/** What several blocks together may need, as the plan reckons it: with its working factor and all keys it fits into the kernel's memory. */
export const SHARED_PASS_BYTES = (KERNEL_BYTES - KEY_BYTES) / WORKING_FACTOR

/** @param evaluatorMemory of the plan, bytes */
const workingBytes = (evaluatorMemory: number): number => Math.max(LEAST_WORKING_BYTES, WORKING_FACTOR * evaluatorMemory)

/** Whether `bytes` more have room in an evaluator's memory, of which `bytesFree` are left, beside the evaluation of a plan. */
export const hasRoom = (bytesFree: number, bytes: number, evaluatorMemory: number): boolean =>
  workingBytes(evaluatorMemory) + bytes <= bytesFree

/** What is kept in memory, each kind within its own bound. */
export type Resident = 'encrypted weights' | 'clear weights' | 'inputs'

/** Counts weights and inputs into memory, in the order in which they come, until it is full. */
export class Residence {
  private room: number
  private readonly left: Record<Resident, number>
  private storage = STORED_WEIGHT_BYTES

  /** @param keyBytes of evaluation keys */
  constructor(evaluatorMemory: number, keyBytes: number) {
    this.room = Math.max(0, KERNEL_BYTES - workingBytes(evaluatorMemory) - Math.min(keyBytes, KEY_BYTES))
    this.left = { 'encrypted weights': RESIDENT_WEIGHT_BYTES, 'clear weights': RESIDENT_CLEAR_WEIGHT_BYTES, inputs: RESIDENT_INPUT_BYTES }
  }

  /** @returns how many of `count` vectors of `bytes` each must be read or encoded every time they are used */
  outside(kind: Resident, count: number, bytes: number): number {
    const kept = Math.min(count, Math.floor(Math.min(this.room, this.left[kind]) / bytes))
    this.room -= kept * bytes
    this.left[kind] -= kept * bytes
    return count - kept
  }

  /** @returns how many of `count` encoded weights that are not kept in the kernel's memory wait outside it */
  stored(count: number, bytes: number): number {
    const kept = Math.min(count, Math.floor(this.storage / bytes))
    this.storage -= kept * bytes
    return kept
  }
}
