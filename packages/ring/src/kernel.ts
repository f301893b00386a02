/**
 * A WebAssembly kernel instance with its memory: the functions that work on residues, and the allocator they share.
 *
 * `simd` needs relaxed SIMD whose multiply-add rounds once; `fallback` runs wherever WebAssembly SIMD does, about three times slower;
 * `revectorised` is `simd` laid out for V8's experimental 256-bit revectorisation. All of them give the same residues.
 *
 * Under Node the choice is by trial: both are started, made to compute the same things (self-test.ts), and `revectorised` is taken when it gives the same bytes in less
 * time. The flag is on only during that trial, so the code that came out of the experimental pass is the code that has been compared. Browsers take `simd`.
 */

import { Arena } from './arena.js'
import { EngineFlags, type Flag, OPTIMISED, REVECTORISED } from './engine-flags.js'
import { InvalidArgumentError, KernelSelfTestError, KernelUnavailableError } from './errors.js'
import type { KernelExports } from './kernel-exports.js'
import { compileKernel } from './kernel-files.js'
import { Ring } from './ring.js'
import { exercise, sameBytes, transformTime } from './self-test.js'

export type KernelVariant = 'simd' | 'revectorised' | 'fallback'

export interface KernelOptions {
  /** Default 'auto': the fastest that passes its probe and self-test. */
  variant?: KernelVariant | 'auto'
  /** Memory to start with, bytes. Default 16 MiB. */
  initialBytes?: number
  /** Memory never grows beyond, bytes, at most 4 GiB (default). */
  maximumBytes?: number
  /** Use a shared WebAssembly.Memory, for worker threads. Browsers need cross-origin isolation for it. Default false. */
  shared?: boolean
}

const PAGE = 65536
const LARGEST_MEMORY = 2 ** 32

export class Kernel {
  readonly exports: KernelExports
  readonly arena: Arena
  #bytes: Uint8Array<ArrayBufferLike>

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
 */
export async function loadKernel(options: KernelOptions = {}): Promise<Kernel> {
  const variant = options.variant ?? 'auto'
  const start = async (chosen: KernelVariant) => (await startVariant(chosen, options, [OPTIMISED], () => undefined)).kernel
  if (variant === 'auto') return startFastest(options, start)
  if (variant === 'revectorised') return startRevectorised(options, await startReference())
  return start(variant)
}
