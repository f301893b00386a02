/** Where the compiled kernels are. The URLs are literal so that bundlers see them. */

import { KernelUnavailableError } from '../errors.js'
import type { KernelVariant } from './variant.js'

const FILES: Record<KernelVariant, readonly [ordinary: URL, shared: URL]> = {
  simd: [new URL('../../build/kernel-simd.wasm', import.meta.url), new URL('../../build/kernel-simd-shared.wasm', import.meta.url)],
  revectorised: [
    new URL('../../build/kernel-revectorised.wasm', import.meta.url),
    new URL('../../build/kernel-revectorised-shared.wasm', import.meta.url)
  ],
  fallback: [
    new URL('../../build/kernel-fallback.wasm', import.meta.url),
    new URL('../../build/kernel-fallback-shared.wasm', import.meta.url)
  ]
}

/** Compiles a variant from its file (Node) or URL (browser). @throws KernelUnavailableError */
export async function compileKernel(variant: KernelVariant, shared: boolean): Promise<WebAssembly.Module> {
  const url = FILES[variant][shared ? 1 : 0]
  try {
    if (url.protocol === 'file:') {
      const { readFile } = await import('node:fs/promises')
      return await WebAssembly.compile(await readFile(url))
    }
    const response = await fetch(url)
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return await WebAssembly.compile(await response.arrayBuffer())
  } catch (error) {
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
}
