/**
 * The memory through which the caller hands work to its threads: calls of kernel functions, grouped into items. One SharedArrayBuffer, beside the
 * kernel's memory.
 *
 * The caller writes calls and items, sets COMPLETED to 0 and then COUNTDOWN to their number, and changes SEQUENCE to wake the threads. Whoever
 * lowers COUNTDOWN from a positive value owns one item: items and calls were written before COUNTDOWN was, and are not rewritten until every item is
 * counted in COMPLETED, so a thread that comes late can only claim work that is there.
 */

/** Positions among the 32-bit words, a cache line apart. */
export const SEQUENCE = 0
/** Items not claimed yet; negative when threads have looked in vain. */
export const COUNTDOWN = 16
/** Items done by threads other than the caller. */
export const COMPLETED = 32
/** Threads that wait for SEQUENCE in the operating system and need to be notified. */
export const SLEEPING = 48
/** 1 while the caller waits for COMPLETED in the operating system. */
export const CALLER_SLEEPS = 64
/** 0, or 1 + the thread that failed first; the reason is text. */
export const FAILED = 80
/** 1 when the threads are to end. */
export const STOP = 96
/** Items of the present operation. */
export const TOTAL = 112
const WORDS = 128

/** Doubles of a call: the function's position among the exports, and up to nine arguments. */
export const CALL_LENGTH = 10
export const MAXIMUM_CALLS = 32768
export const MAXIMUM_ITEMS = 2048
const REASON_BYTES = 512

/** An argument from here on is an address in the executing thread's own scratch memory: this plus an offset. No argument is that large otherwise. */
export const OWN_SCRATCH = 2 ** 52

export interface ControlArea {
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array<SharedArrayBuffer>
  /** Position of the first call of each item, and the number of calls. */
  readonly items: Int32Array<SharedArrayBuffer>
  readonly calls: Float64Array<SharedArrayBuffer>
  /** Address of the scratch memory of thread 0, distance to that of the next. */
  readonly scratch: Float64Array<SharedArrayBuffer>
  readonly reason: Uint8Array<SharedArrayBuffer>
}

const ITEMS_AT = WORDS * 4
const CALLS_AT = ITEMS_AT + 8 * Math.ceil((MAXIMUM_ITEMS + 1) / 2)
const SCRATCH_AT = CALLS_AT + 8 * CALL_LENGTH * MAXIMUM_CALLS
const REASON_AT = SCRATCH_AT + 16

export function createControlArea(): ControlArea {
  return controlAreaOf(new SharedArrayBuffer(REASON_AT + REASON_BYTES))
}

export function controlAreaOf(buffer: SharedArrayBuffer): ControlArea {
  return {
    buffer,
    words: new Int32Array(buffer, 0, WORDS),
    items: new Int32Array(buffer, ITEMS_AT, MAXIMUM_ITEMS + 1),
    calls: new Float64Array(buffer, CALLS_AT, CALL_LENGTH * MAXIMUM_CALLS),
    scratch: new Float64Array(buffer, SCRATCH_AT, 2),
    reason: new Uint8Array(buffer, REASON_AT, REASON_BYTES)
  }
}

/** Notes the first failure. */
export function noteFailure({ words, reason }: ControlArea, thread: number, error: unknown): void {
  if (Atomics.load(words, FAILED) !== 0) return
  const text = new TextEncoder().encode(error instanceof Error ? error.message : String(error)).subarray(0, REASON_BYTES)
  reason.fill(0)
  reason.set(text)
  Atomics.store(words, FAILED, thread + 1)
}

export function failureReason({ reason }: ControlArea): string {
  const end = reason.indexOf(0)
  return new TextDecoder().decode(Uint8Array.from(end < 0 ? reason : reason.subarray(0, end)))
}
