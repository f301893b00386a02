/**
 * A WebAssembly kernel instance with its memory: the functions that work on residues, and the allocator they share.
 *
 * `simd` needs relaxed SIMD whose multiply-add rounds once; `fallback` runs wherever WebAssembly SIMD does, about three times slower;
 * `revectorised` is `simd` laid out for V8's experimental 256-bit revectorisation. All of them give the same residues.
 */

import { Arena } from './arena.js'
import type { KernelCalls, KernelExports } from './exports.js'
import { OWN_SCRATCH } from './pool/control.js'
import { KernelPool } from './pool/pool.js'
import type { KernelVariant } from './variant.js'

/** How a kernel divides work among threads. */
export interface ThreadOptions {
  /** How long a worker may take over its share of an operation, milliseconds, before the operation throws KernelThreadError. Default 30,000. */
  threadDeadline?: number
  /** Operations estimated below this, nanoseconds on one thread, stay on the caller's. Default 25,000; 0 divides all, also while other threads are slow. */
  parallelThreshold?: number
  /**
   * Browsers: makes the worker of a thread. By default its code comes as a `blob:` address, which a strict content security policy refuses; then serve
   * `@slytherin/ring/worker` as a file: `() => new Worker(new URL('./kernel-worker.js', import.meta.url), { type: 'module' })`, where that file imports it.
   */
  createWorker?: () => Worker
}

/** An operation's temporary memory. */
export interface Scratch {
  /** Bytes each thread needs for itself. */
  readonly bytes: number
  /** Wipe it afterwards. */
  readonly secret?: boolean
}

const NO_SCRATCH: Scratch = { bytes: 0 }
/** An odd number of cache lines between the scratch memories of two threads. */
const SCRATCH_GAP = 192
/** Measured: dividing costs 1 to 2 µs while the workers are awake, and 20 µs and more when they have to be woken. */
const PARALLEL_THRESHOLD = 25_000
/** From here on an operation is divided even while other threads are slow: to wait for the last item of a suspended one, some milliseconds, is a small part of it. */
const ALWAYS_DIVIDED = 30_000_000

/** A WebAssembly instance with its memory, its allocator and, where there are any, its threads. `loadKernel` makes one. */
export class Kernel {
  readonly exports: KernelExports
  readonly arena: Arena
  #bytes: Uint8Array<ArrayBufferLike>
  #pool: KernelPool | undefined
  #parallelThreshold = Number.POSITIVE_INFINITY

  constructor(
    readonly variant: KernelVariant,
    /** The compiled module, for further instances in worker threads. */
    readonly module: WebAssembly.Module,
    readonly memory: WebAssembly.Memory,
    maximumBytes: number
  ) {
    const instance = new WebAssembly.Instance(module, { env: { memory, abort: unreachable } })
    this.exports = instance.exports as unknown as KernelExports
    this.arena = new Arena(memory, this.exports.heapBase(), maximumBytes)
    this.#bytes = new Uint8Array(memory.buffer)
  }

  /** Bytes allocated and not yet disposed. */
  get bytesInUse(): number {
    return this.arena.bytesInUse
  }

  /** Bytes that may still be allocated, in pieces that fit between what is in use. */
  get bytesFree(): number {
    return this.arena.bytesFree
  }

  /** The whole memory. Do not keep it: growing the memory detaches it. */
  get bytes(): Uint8Array<ArrayBufferLike> {
    if (this.#bytes.length === 0 || this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer)
    return this.#bytes
  }

  /** A view of `length` doubles. Do not keep it across an allocation. */
  doubles(address: number, length: number): Float64Array<ArrayBufferLike> {
    return new Float64Array(this.memory.buffer, address, length)
  }

  /** @internal The worker threads, if there are any. */
  get pool(): KernelPool | undefined {
    return this.#pool
  }

  /** Threads that work on an operation, the caller's included. */
  get threads(): number {
    return this.#pool?.threads ?? 1
  }

  /** Starts workers. Call it once, on a kernel with shared memory. @throws KernelThreadError */
  async startThreads(threads: number, options: ThreadOptions = {}): Promise<void> {
    this.#pool = await KernelPool.create(this, threads, {
      ...(options.threadDeadline === undefined ? {} : { deadlineMilliseconds: options.threadDeadline }),
      ...(options.createWorker === undefined ? {} : { createWorker: options.createWorker })
    })
    this.#parallelThreshold = options.parallelThreshold ?? PARALLEL_THRESHOLD
  }

  /** Ends the worker threads, if there are any; the kernel remains usable on the caller's thread. */
  async dispose(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    this.#parallelThreshold = Number.POSITIVE_INFINITY
    await pool?.dispose()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose()
  }

  /** Whether an operation of this many nanoseconds is divided among threads. */
  isParallel(nanoseconds: number): boolean {
    return nanoseconds >= this.#parallelThreshold
  }

  /**
   * Does `count` items of work that do not depend on each other, on all threads when there is enough of it. `body` makes an item's calls, in order, through
   * `calls`: with threads they are only noted and made later, so `body` must not read what they compute.
   *
   * @param nanoseconds estimate of the whole work on one thread
   * @param body the third argument is the address of `scratch.bytes` bytes for the item's use
   * @throws KernelThreadError
   */
  forEach(
    count: number,
    nanoseconds: number,
    body: (calls: KernelCalls, item: number, scratch: number) => void,
    scratch: Scratch = NO_SCRATCH
  ): void {
    const pool = count > 1 && this.isParallel(nanoseconds) && this.#isWorthwhile(nanoseconds) ? this.#pool : undefined
    const stride = Math.ceil(scratch.bytes / 128) * 128 + SCRATCH_GAP
    const work = (address: number): void => {
      if (pool) pool.run(count, { address, stride }, (calls, item) => body(calls, item, OWN_SCRATCH))
      else for (let item = 0; item < count; item++) body(this.exports, item, address)
    }
    if (scratch.bytes === 0) work(0)
    else this.withScratch(pool ? stride * pool.threads : scratch.bytes, work, scratch.secret)
  }

  #isWorthwhile(nanoseconds: number): boolean {
    return this.#parallelThreshold === 0 || nanoseconds >= ALWAYS_DIVIDED || this.#pool!.isWorthwhile()
  }

  /** Runs `body` with temporary memory of unspecified content, released afterwards; wiped as well when `secret`. */
  withScratch<T>(bytes: number, body: (address: number) => T, secret = false): T {
    const address = this.arena.allocate(bytes)
    try {
      return body(address)
    } finally {
      if (secret) this.exports.zero(address, bytes)
      this.arena.release(address)
    }
  }
}

function unreachable(): never {
  throw new Error('the kernel stopped')
}
