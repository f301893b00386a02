/**
 * The protocol's fake cryptography as a module that a worker hosts, with a planner, and with model parts that do something else. Runs with type stripping
 * alone.
 */
import { basename } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { resourceLimits, threadId } from 'node:worker_threads'
import { plan } from '@slytherin/engine'
import { MalformedShareError } from '@slytherin/mhe'
import type { CryptographyOptions, HostedCryptography, PlanRequest } from '@slytherin/node'
import type { Plan } from '@slytherin/protocol'
import { FakeCryptography, TINY_ARCHITECTURE } from '@slytherin/protocol/testing'

/** Numbers of `modelPart` that do something else, for the tests of the worker itself. */
export const PART_CRASHES = 1001
export const PART_THROWS = 1002
export const PART_IS_A_VIEW = 1003
export const PART_THREAD = 1004
export const PART_IS_LARGE = 1005
/** How many MiB the thread's heap has for new objects, at most. */
export const PART_YOUNG_GENERATION = 1006
export const LARGE_BYTES = 1 << 24

export async function createCryptography(options: CryptographyOptions): Promise<HostedCryptography> {
  if (options.model?.path === 'unreadable.onnx') throw new MalformedShareError('refresh', 'file', 'a model', 'nothing')
  return new HostedFake(basename(options.state), basename(options.model?.path ?? ''))
}

/** How long the models `slow.onnx` and `late-failure.onnx` are measured, in ms. */
export const SLOW_MILLISECONDS = 12_000

class HostedFake extends FakeCryptography implements HostedCryptography {
  private measuring: Promise<void> | undefined

  private readonly model: string

  constructor(name: string, model: string) {
    super(name)
    this.model = model
  }

  override async architecture(): ReturnType<FakeCryptography['architecture']> {
    if (this.model === 'slow.onnx' || this.model === 'late-failure.onnx') {
      this.measuring ??= delay(SLOW_MILLISECONDS)
      await this.measuring
    }
    if (this.model === 'late-failure.onnx') throw new MalformedShareError('refresh', 'calibration', 'finite values', 'NaN')
    return await super.architecture()
  }

  async dispose(): Promise<void> {
    await this.close()
  }

  async plan(_: unknown, request: PlanRequest): Promise<Plan> {
    return plan(TINY_ARCHITECTURE, request)
  }

  override async modelPart(index: number): Promise<Uint8Array> {
    if (index === PART_CRASHES) setTimeout(() => queueMicrotask(() => crash()), 0)
    if (index === PART_CRASHES) return await new Promise<Uint8Array>(() => {})
    if (index === PART_THROWS) throw new MalformedShareError('refresh', 'residue', 'below its prime', '12 of row 3')
    if (index === PART_IS_A_VIEW) return new Uint8Array(new SharedArrayBuffer(1 << 20), 100, 50).fill(9)
    if (index === PART_THREAD) return Uint8Array.of(threadId)
    if (index === PART_IS_LARGE) return new Uint8Array(LARGE_BYTES).fill(1)
    if (index === PART_YOUNG_GENERATION) return Uint8Array.of(resourceLimits.maxYoungGenerationSizeMb ?? 0)
    return await super.modelPart(index)
  }
}

function crash(): never {
  throw new RangeError('out of memory, say')
}
