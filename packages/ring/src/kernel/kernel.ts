/**
 * A WebAssembly kernel instance with its memory: the functions that work on residues, and the allocator they share.
 *
 * `simd` needs relaxed SIMD whose multiply-add rounds once; `fallback` runs wherever WebAssembly SIMD does, about three times slower;
 * `revectorised` is `simd` laid out for V8's experimental 256-bit revectorisation. All of them give the same residues.
 *
 * Under Node the choice is by trial: both are started, made to compute the same things (self-test.ts), and `revectorised` is taken when it gives the same bytes in less
 * time. The flag is on only during that trial, so the code that came out of the experimental pass is the code that has been compared. Browsers take `simd`.
 */

import { InvalidArgumentError, KernelSelfTestError, KernelUnavailableError } from '../errors.js'
import { Ring } from '../ring.js'
import { exercise, sameBytes, transformTime } from '../start/self-test.js'
import { warmUp } from '../start/warm-up.js'
import { Arena } from './arena.js'
import { EngineFlags, type Flag, OPTIMISED, REVECTORISED } from './engine-flags.js'
import type { KernelCalls, KernelExports } from './exports.js'
import { compileKernel } from './files.js'
import { OWN_SCRATCH } from './pool/control.js'
import { automaticThreads, memoryCanBeShared } from './pool/host.js'
import { KernelPool } from './pool/pool.js'

export type KernelVariant = 'simd' | 'revectorised' | 'fallback'

export interface KernelOptions {
  /** Default 'auto': the fastest that passes its probe and self-test. */
  variant?: KernelVariant | 'auto'
  /** Memory to start with, bytes. Default 16 MiB. */
  initialBytes?: number
  /** Memory never grows beyond, bytes, at most 4 GiB (default). */
  maximumBytes?: number
  /** Use a shared WebAssembly.Memory. Browsers need cross-origin isolation for it. Default: when there are threads. */
  shared?: boolean
  /**
   * Threads that work on the operations of a ring, the caller's included; 'auto': one per processor. Default 1: no workers, no shared memory. Where memory cannot be
   * shared (a browser page without cross-origin isolation) there is one. Results do not depend on it. End the workers with `Kernel.dispose`.
   */
  threads?: number | 'auto'
  /** How long a worker may take over its share of an operation, milliseconds, before the operation throws KernelThreadError. Default 30,000. */
  threadDeadline?: number
  /** Operations estimated below this, nanoseconds on one thread, stay on the caller's. Default 25,000; 0 divides all, also while other threads are slow. */
  parallelThreshold?: number
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
const LARGEST_THREAD_COUNT = 64
/** Measured: dividing costs 1 to 2 µs while the workers are awake, and 20 µs and more when they have to be woken. */
const PARALLEL_THRESHOLD = 25_000
/** From here on an operation is divided even while other threads are slow: to wait for the last item of a suspended one, some milliseconds, is a small part of it. */
const ALWAYS_DIVIDED = 30_000_000

const PAGE = 65536
const LARGEST_MEMORY = 2 ** 32

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
  async startThreads(threads: number, options: KernelOptions = {}): Promise<void> {
    this.#pool = await KernelPool.create(this, threads, { deadlineMilliseconds: options.threadDeadline })
    this.#parallelThreshold = options.parallelThreshold ?? PARALLEL_THRESHOLD
  }

  /**
   * Makes the engine compile every function well now, so that nothing is slow the first time: 0.1 to 0.3 s. For hosts that measure, or that serve requests.
   */
  warmUp(): Promise<void> {
    return warmUp(this)
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

function createMemory(options: KernelOptions): { memory: WebAssembly.Memory; maximumBytes: number } {
  const { initialBytes = 16 * 2 ** 20, maximumBytes = LARGEST_MEMORY, shared = false } = options
  if (!(maximumBytes >= PAGE && maximumBytes <= LARGEST_MEMORY)) {
    throw new InvalidArgumentError('maximumBytes', `from ${PAGE} to ${LARGEST_MEMORY}`, maximumBytes)
  }
  if (!(initialBytes >= 0 && initialBytes <= maximumBytes)) {
    throw new InvalidArgumentError('initialBytes', `from 0 to maximumBytes (${maximumBytes})`, initialBytes)
  }
  const maximum = Math.floor(maximumBytes / PAGE)
  const initial = Math.min(maximum, Math.max(1, Math.ceil(initialBytes / PAGE)))
  return { memory: new WebAssembly.Memory({ initial, maximum, shared }), maximumBytes: maximum * PAGE }
}

/** fma(1+2^-30, 1+2^-30, -1-2^-29) is 2^-60 exactly when the multiply-add rounds once. */
function isFused(kernel: Kernel): boolean {
  const x = 1 + 2 ** -30
  return kernel.exports.probeFusedMultiplyAdd(x, x, -1 - 2 ** -29) === 2 ** -60
}

/** Starts a variant and runs its first transforms, and then `trial`, under these engine flags. */
async function startVariant<T>(
  variant: KernelVariant,
  options: KernelOptions,
  flags: readonly Flag[],
  trial: (kernel: Kernel) => T
): Promise<{ kernel: Kernel; result: T }> {
  const module = await compileKernel(variant, options.shared ?? false)
  const engine = await EngineFlags.find()
  const { memory, maximumBytes } = createMemory(options)
  let kernel: Kernel
  try {
    kernel = new Kernel(variant, module, memory, maximumBytes)
  } catch (error) {
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
  return engine.during(flags, () => {
    if (variant !== 'fallback' && !isFused(kernel)) {
      throw new KernelUnavailableError(variant, 'relaxed multiply-add is not fused on this machine')
    }
    // Constructing a ring runs one transform per prime against known values.
    for (const [logN, modulus] of SELF_TEST_RINGS) new Ring(kernel, { logN, moduli: [modulus] }).dispose()
    return { kernel, result: trial(kernel) }
  })
}

/** The largest primes below 2^49 and 2^30 that are 1 mod 2^12. */
const SELF_TEST_RINGS: readonly (readonly [logN: number, modulus: bigint])[] = [
  [11, 562949953392641n],
  [10, 1073692673n]
]

interface Trial {
  readonly outputs: readonly Uint8Array[]
  readonly milliseconds: number
}

const tryOut = (kernel: Kernel): Trial => ({ outputs: exercise(kernel), milliseconds: transformTime(kernel) })

/** The reference of a trial computes on small polynomials and is dropped afterwards. */
const TRIAL_OPTIONS: KernelOptions = { initialBytes: 2 ** 20, maximumBytes: 2 ** 26 }
/** Share of the time of `simd` below which `revectorised` is worth taking. */
const WORTH_TAKING = 0.9

const startReference = async (): Promise<Trial> => (await startVariant('simd', TRIAL_OPTIONS, [OPTIMISED], tryOut)).result

/** @throws KernelUnavailableError KernelSelfTestError unless it computes what `simd` has computed, in less than `within` milliseconds */
async function startRevectorised(options: KernelOptions, reference: Trial, within = Number.POSITIVE_INFINITY): Promise<Kernel> {
  const { kernel, result } = await startVariant('revectorised', options, [OPTIMISED, REVECTORISED], tryOut)
  if (!sameBytes(result.outputs, reference.outputs)) throw new KernelSelfTestError('revectorised', null, 'comparison with simd')
  if (result.milliseconds > within) throw new KernelUnavailableError('revectorised', 'it is not faster than simd here')
  return kernel
}

/** The fastest that works here. */
async function startFastest(options: KernelOptions, start: (variant: KernelVariant) => Promise<Kernel>): Promise<Kernel> {
  const unlessMisused = (error: unknown): void => {
    if (error instanceof InvalidArgumentError) throw error
  }
  try {
    if (!(await EngineFlags.find()).available) return await start('simd')
    const reference = await startReference()
    try {
      return await startRevectorised(options, reference, WORTH_TAKING * reference.milliseconds)
    } catch (error) {
      unlessMisused(error)
      return await start('simd')
    }
  } catch (error) {
    unlessMisused(error)
    return start('fallback')
  }
}

/**
 * Compiles, instantiates and checks a kernel.
 *
 * @throws KernelUnavailableError when the variant asked for (or, for 'auto', every variant) does not run here
 * @throws KernelSelfTestError when the variant asked for computes wrongly here
 * @throws KernelThreadError when a worker thread does not start
 */
export async function loadKernel(options: KernelOptions = {}): Promise<Kernel> {
  const threads = await threadCount(options.threads ?? 1)
  const kernel = await loadVariant(threads > 1 ? { ...options, shared: true } : options)
  if (threads > 1) await kernel.startThreads(threads, options)
  return kernel
}

async function threadCount(wished: number | 'auto'): Promise<number> {
  if (wished !== 'auto' && !(Number.isInteger(wished) && wished >= 1 && wished <= LARGEST_THREAD_COUNT)) {
    throw new InvalidArgumentError('threads', `'auto' or an integer from 1 to ${LARGEST_THREAD_COUNT}`, wished)
  }
  if (!memoryCanBeShared()) return 1
  return wished === 'auto' ? automaticThreads() : wished
}

async function loadVariant(options: KernelOptions): Promise<Kernel> {
  const variant = options.variant ?? 'auto'
  const start = async (chosen: KernelVariant) => (await startVariant(chosen, options, [OPTIMISED], () => undefined)).kernel
  if (variant === 'auto') return startFastest(options, start)
  if (variant === 'revectorised') return startRevectorised(options, await startReference())
  return start(variant)
}
