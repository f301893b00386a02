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

/** The compiled kernels, all variants in one order. @throws KernelUnavailableError */
export async function kernelBytes(): Promise<Uint8Array[]> {
  const variants = Object.keys(FILES) as KernelVariant[]
  return await Promise.all(variants.flatMap(variant => FILES[variant].map(async url => await read(variant, url))))
}

/** Compiles a variant from its file (Node) or URL (browser). @throws KernelUnavailableError */
export async function compileKernel(variant: KernelVariant, shared: boolean): Promise<WebAssembly.Module> {
  const bytes = await read(variant, FILES[variant][shared ? 1 : 0])
  try {
    return await WebAssembly.compile(bytes)
  } catch (error) {
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

async function read(variant: KernelVariant, url: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    if (url.protocol === 'file:') {
      const { readFile } = await import('node:fs/promises')
      return new Uint8Array(await readFile(url))
    }
    const response = await fetch(url)
    if (!response.ok) throw new Error(`HTTP status ${response.status}`)
    return new Uint8Array(await response.arrayBuffer())
  } catch (error) {
    throw new KernelUnavailableError(variant, error instanceof Error ? error.message : String(error), { cause: error })
  }
}
