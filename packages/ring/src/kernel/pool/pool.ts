/**
 * Threads that share a kernel's memory and make its calls. The caller records the calls of one operation in items that do not depend on each other, then
 * all threads and the caller itself work on them; `run` returns when every item is done. Which thread does which item is left to chance: results do not
 * depend on it, since an item always does the same to the same memory.
 */

import { platform } from '#platform'
import { DisposedError, KernelThreadError } from '../../errors.js'
import type { KernelCalls, KernelExports } from '../exports.js'
import type { Thread } from '../platform/platform.js'
import {
  CALLER_SLEEPS,
  COMPLETED,
  COUNTDOWN,
  type ControlArea,
  createControlArea,
  FAILED,
  failureReason,
  SEQUENCE,
  SLEEPING,
  STOP,
  TOTAL
} from './control.js'
import { executeItems, functionsOf, type KernelFunction } from './execute.js'
import { mayWait } from './host.js'
import { Recorder } from './recorder.js'

/** How often the caller looks before it waits in the operating system. */
const LOOKS = 50_000
/**
 * When the caller has waited longer than this many of its own items took, and these milliseconds, the machine is busy with other things: for LEAST_UNDIVIDED milliseconds operations
 * are not divided, twice as long every time, up to MOST_UNDIVIDED. A thread that has been suspended with an item in hand costs more than it brings. As many milliseconds of divided
 * work without such a wait shorten the next pause by as much: one interruption in an idle hour costs a few operations, and a busy machine is asked again a few times a second.
 */
const STALL_ITEMS = 3
const STALL_MILLISECONDS = 0.5
const LEAST_UNDIVIDED = 1
const MOST_UNDIVIDED = 64
/** Length of one wait, milliseconds. Only whole waits count against the deadline, so a suspended machine does not use it up. */
const SLICE_MILLISECONDS = 50
/** How long a thread may take for the items it has claimed, milliseconds. Items take fractions of a millisecond. */
export const DEFAULT_DEADLINE_MILLISECONDS = 30_000

export interface PoolOptions {
  readonly deadlineMilliseconds?: number
  /** Makes a browser's worker, whose code is `@slytherin/ring/worker`. */
  readonly createWorker?: () => Worker
}

export class KernelPool {
  readonly #area: ControlArea
  readonly #functions: readonly KernelFunction[]
  readonly #recorder: Recorder
  readonly #deadline: number
  readonly #mayWait = mayWait()
  #threads: Thread[] = []
  #failure: KernelThreadError | undefined
  /** Until when operations are not divided (`performance.now`), and for how many milliseconds it will be after the next stall. */
  #undividedUntil = 0
  #penalty = LEAST_UNDIVIDED
  #disposed = false

  private constructor(module: WebAssembly.Module, exports: KernelExports, options: PoolOptions) {
    this.#area = createControlArea()
    const { names, functions } = functionsOf(module, exports as unknown as WebAssembly.Exports)
    this.#functions = functions
    this.#recorder = new Recorder(this.#area, names)
    this.#deadline = options.deadlineMilliseconds ?? DEFAULT_DEADLINE_MILLISECONDS
  }

  /**
   * Starts `threads - 1` workers on the shared memory of an instance.
   *
   * @throws KernelThreadError when one does not start
   */
  static async create(
    instance: { readonly module: WebAssembly.Module; readonly memory: WebAssembly.Memory; readonly exports: KernelExports },
    threads: number,
    options: PoolOptions = {}
  ): Promise<KernelPool> {
    const { module, memory, exports } = instance
    const pool = new KernelPool(module, exports, options)
    const lost = (error: KernelThreadError): void => {
      if (!pool.#disposed) pool.#failure ??= error
    }
    const started = await Promise.allSettled(
      Array.from({ length: threads - 1 }, (_, k) =>
        platform.startThread({ module, memory, control: pool.#area.buffer, thread: k + 1 }, lost, options.createWorker)
      )
    )
    pool.#threads = started.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
    const failed = started.find(result => result.status === 'rejected')
    if (failed) {
      await pool.dispose()
      throw failed.reason
    }
    return pool
  }

  /** The caller included. */
  get threads(): number {
    return this.#threads.length + 1
  }

  /** Whether to divide the operation at hand; asked once per operation. Not while the machine is known to be busy. */
  isWorthwhile(): boolean {
    return performance.now() >= this.#undividedUntil
  }

  /** @internal The memory shared with the threads, for tests. */
  get control(): SharedArrayBuffer {
    return this.#area.buffer
  }

  /**
   * Records `count` items and has them done.
   *
   * @param scratch address of the scratch memory of the first thread, and distance to that of the next
   * @throws KernelThreadError when a thread has ended, failed or not answered; the results are then unspecified, and the pool is of no more use
   */
  run(count: number, scratch: { address: number; stride: number }, record: (calls: KernelCalls, item: number) => void): void {
    if (this.#disposed) throw new DisposedError('pool')
    if (this.#failure) throw this.#failure
    const recorder = this.#recorder
    recorder.clear()
    this.#area.scratch[0] = scratch.address
    this.#area.scratch[1] = scratch.stride
    for (let item = 0; item < count; item++) {
      record(recorder.calls, item)
      recorder.endItem()
      if (recorder.full) this.#dispatch()
    }
    if (recorder.items > 0) this.#dispatch()
  }

  /** Ends the threads. Does nothing the second time. */
  async dispose(): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    const { words } = this.#area
    Atomics.store(words, STOP, 1)
    Atomics.add(words, SEQUENCE, 1)
    Atomics.notify(words, SEQUENCE)
    await Promise.all(this.#threads.map(thread => thread.terminate()))
  }

  #dispatch(): void {
    const { words } = this.#area
    const total = this.#recorder.items
    words[TOTAL] = total
    Atomics.store(words, COMPLETED, 0)
    Atomics.store(words, COUNTDOWN, total)
    Atomics.add(words, SEQUENCE, 1)
    if (Atomics.load(words, SLEEPING) > 0) Atomics.notify(words, SEQUENCE)
    const started = performance.now()
    const own = executeItems(this.#area, this.#functions, 0)
    const finished = performance.now()
    this.#await(total - own)
    this.#judge(started, finished, performance.now(), own)
    const failed = Atomics.load(words, FAILED)
    if (failed !== 0) throw this.#fail(new KernelThreadError(failed - 1, failureReason(this.#area)))
    this.#recorder.clear()
  }

  /** @param finished when the caller had done its `own` items @param ended when all were done */
  #judge(started: number, finished: number, ended: number, own: number): void {
    const item = (finished - started) / Math.max(1, own)
    if (ended - finished > STALL_ITEMS * item + STALL_MILLISECONDS) {
      this.#undividedUntil = ended + this.#penalty
      this.#penalty = Math.min(MOST_UNDIVIDED, 2 * this.#penalty)
    } else this.#penalty = Math.max(LEAST_UNDIVIDED, this.#penalty - (ended - started))
  }

  /** Waits until the threads have done `expected` items. */
  #await(expected: number): void {
    const { words } = this.#area
    for (let i = 0; i < LOOKS; i++) if (Atomics.load(words, COMPLETED) === expected) return
    Atomics.store(words, CALLER_SLEEPS, 1)
    let slices = 0
    for (let completed = Atomics.load(words, COMPLETED); completed !== expected; completed = Atomics.load(words, COMPLETED)) {
      if (this.#sliceHasPassed(completed)) slices++
      if (slices * SLICE_MILLISECONDS >= this.#deadline) {
        throw this.#fail(new KernelThreadError(-1, `${expected - completed} items were not done within ${this.#deadline} ms`))
      }
    }
    Atomics.store(words, CALLER_SLEEPS, 0)
  }

  /** Waits for COMPLETED to change from `completed`. @returns whether it took a whole slice in vain */
  #sliceHasPassed(completed: number): boolean {
    const { words } = this.#area
    if (this.#mayWait) return Atomics.wait(words, COMPLETED, completed, SLICE_MILLISECONDS) === 'timed-out'
    const end = performance.now() + SLICE_MILLISECONDS
    while (performance.now() < end) if (Atomics.load(words, COMPLETED) !== completed) return false
    return true
  }

  #fail(error: KernelThreadError): KernelThreadError {
    this.#failure ??= error
    return this.#failure
  }
}
