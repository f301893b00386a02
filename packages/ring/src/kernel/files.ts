/** The compiled kernels. Where their bytes are is the platform's affair. */
import { platform } from '#platform'
import { KernelUnavailableError } from '../errors.js'
import type { KernelVariant } from './variant.js'

/** Compiles a variant. @throws KernelUnavailableError */
export async function compileKernel(variant: KernelVariant, shared: boolean): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(await platform.kernelBytes(variant, shared))
  } catch (error) {
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
}
