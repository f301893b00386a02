/** The compiled kernels. Where their bytes are is the platform's affair. */
import { platform } from '#platform'
import { KernelUnavailableError } from '../errors.js'
import type { KernelVariant } from './variant.js'

const modules = new Map<string, Promise<WebAssembly.Module>>()

/** Compiles a variant, once: its instances share the module, and with it the code that the engine has made of what was called. @throws KernelUnavailableError */
export async function compileKernel(variant: KernelVariant, shared: boolean): Promise<WebAssembly.Module> {
  const name = `${variant} ${shared}`
  const module = modules.get(name) ?? compile(variant, shared)
  modules.set(name, module)
  try {
    return await module
  } catch (error) {
    modules.delete(name)
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function compile(variant: KernelVariant, shared: boolean): Promise<WebAssembly.Module> {
  return await WebAssembly.compile(await platform.kernelBytes(variant, shared))
}
