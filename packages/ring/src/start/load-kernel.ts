/**
 * Choosing, starting and checking a kernel.
 *
 * Under Node the choice is by trial: both are started, made to compute the same things (self-test.ts), and `revectorised` is taken when it gives the same bytes in less
 * time. The flag is on only during that trial, so the code that came out of the experimental pass is the code that has been compared. Further kernels of a process have
 * that same code, and are not tried again. Browsers take `simd`.
 */

import { InvalidArgumentError, KernelSelfTestError, KernelUnavailableError } from '../errors.js'
import { EngineFlags, type Flag, OPTIMISED, REVECTORISED } from '../kernel/engine-flags.js'
import { compileKernel } from '../kernel/files.js'
import { Kernel, type ThreadOptions } from '../kernel/kernel.js'
import { automaticThreads, memoryCanBeShared } from '../kernel/pool/host.js'
import type { KernelVariant } from '../kernel/variant.js'
import { Ring } from '../ring.js'
import { exercise, sameBytes, transformTime } from './self-test.js'

/** How a kernel is chosen, how much memory it may take, and how many threads it has. */
export interface KernelOptions extends ThreadOptions {
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
}

const LARGEST_THREAD_COUNT = 64
const PAGE = 65536
const LARGEST_MEMORY = 2 ** 32

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
  const engine = new EngineFlags()
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

/** Modules whose code has been compared with that of `simd`. */
const compared = new WeakSet<WebAssembly.Module>()
/** What was taken, by whether the memory is shared. */
const fastest = new Map<boolean, KernelVariant>()

const REVECTORISED_FLAGS = [OPTIMISED, REVECTORISED]

/** @throws KernelUnavailableError KernelSelfTestError unless it computes what `simd` has computed, in less than `within` milliseconds */
async function startRevectorised(options: KernelOptions, reference: Trial, within = Number.POSITIVE_INFINITY): Promise<Kernel> {
  const { kernel, result } = await startVariant('revectorised', options, REVECTORISED_FLAGS, tryOut)
  if (!sameBytes(result.outputs, reference.outputs)) throw new KernelSelfTestError('revectorised', null, 'comparison with simd')
  compared.add(kernel.module)
  if (result.milliseconds > within) throw new KernelUnavailableError('revectorised', 'it is not faster than simd here')
  return kernel
}

/** `revectorised`, tried unless this process has tried it. */
async function startCompared(options: KernelOptions): Promise<Kernel> {
  if (!compared.has(await compileKernel('revectorised', options.shared ?? false))) return startRevectorised(options, await startReference())
  return (await startVariant('revectorised', options, REVECTORISED_FLAGS, () => undefined)).kernel
}

/** The fastest that works here. */
async function startFastest(options: KernelOptions, start: (variant: KernelVariant) => Promise<Kernel>): Promise<Kernel> {
  const unlessMisused = (error: unknown): void => {
    if (error instanceof InvalidArgumentError) throw error
  }
  const take = (kernel: Kernel): Kernel => {
    fastest.set(options.shared ?? false, kernel.variant)
    return kernel
  }
  try {
    const known = fastest.get(options.shared ?? false)
    if (known === 'revectorised') return await startCompared(options)
    if (known === 'simd' || !new EngineFlags().available) return await start('simd')
    const reference = await startReference()
    try {
      return take(await startRevectorised(options, reference, WORTH_TAKING * reference.milliseconds))
    } catch (error) {
      unlessMisused(error)
      return take(await start('simd'))
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
  if (variant === 'revectorised') return startCompared(options)
  return start(variant)
}
