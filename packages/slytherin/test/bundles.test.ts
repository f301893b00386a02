import { readFile } from 'node:fs/promises'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { evaluate } from '@slytherin/engine'
import { describe, expect, it, vi } from 'vitest'
import { type Bundle, bundleByEsbuild, bundleByVite } from './support/bundle.js'
import type { PageReport } from './support/page/cohort.js'
import type { predict } from './support/page/model.js'

type Page = {
  computeTogether?: (threads?: number) => Promise<PageReport>
  predict?: typeof predict
}

/** Of 4096 slots the worst is beyond six standard deviations once in 10^5 runs. */
const DEVIATIONS = 6.5

const kilobytes = ({ size }: Bundle): string => `${Math.round(size.raw / 1000)} kB, ${Math.round(size.gzip / 1000)} kB compressed`

/** What of the web's interfaces Node has, and nothing of Node's. */
function webPage(): Page {
  const {
    atob,
    Blob,
    Response,
    DecompressionStream,
    crypto,
    performance,
    navigator,
    TextEncoder,
    TextDecoder,
    setTimeout,
    MessageChannel
  } = globalThis
  return createContext({
    atob,
    Blob,
    Response,
    DecompressionStream,
    crypto,
    performance,
    navigator,
    TextEncoder,
    TextDecoder,
    setTimeout,
    MessageChannel
  })
}

describe('ring, ckks and mhe in a page', () => {
  it("esbuild's defaults bundle them, and the bundle computes without anything of Node's", async () => {
    await using bundle = await bundleByEsbuild()
    console.log(`esbuild: ${kilobytes(bundle)}`)
    expect(bundle.warnings).toEqual([])
    const page = webPage()
    runInContext(await readFile(bundle.script, 'utf8'), page)
    const { error, deviation, variant, threads } = await page.computeTogether!()
    expect(error).toBeLessThan(DEVIATIONS * deviation)
    expect(error).toBeGreaterThan(deviation)
    expect(['simd', 'fallback']).toContain(variant)
    expect(threads).toBe(1)
    expect(bundle.size.raw).toBeLessThan(250_000)
  })

  it('a model, too: its predictions in a page are those of its file', async () => {
    await using bundle = await bundleByEsbuild(fileURLToPath(new URL('./support/page/model.ts', import.meta.url)))
    console.log(`a model, by esbuild: ${kilobytes(bundle)}`)
    expect(bundle.warnings).toEqual([])
    const page = webPage()
    runInContext(await readFile(bundle.script, 'utf8'), page)
    const onnx = await readFile(new URL('../../../models/onnx/breast-cancer-wdbc-mlp-square.onnx', import.meta.url))
    const rows = Array.from({ length: 3 }, (_, seed) => Array.from({ length: 30 }, (_, k) => Math.sin(seed + k)))
    const { graph, outputs, deviation } = await page.predict!(onnx, rows)
    for (const [k, row] of rows.entries()) expect(Math.abs(outputs[k]! - evaluate(graph, row)[0]!)).toBeLessThan(6 * deviation)
    expect(bundle.size.raw).toBeLessThan(700_000)
  })

  it("Vite's defaults bundle them, and the bundle computes", async () => {
    await using bundle = await bundleByVite()
    console.log(`Vite: ${kilobytes(bundle)}`)
    expect(bundle.warnings).toEqual([])
    // Vite's own first lines ask the document whether it knows of module preloads.
    vi.stubGlobal('document', { createElement: () => ({ relList: { supports: () => true } }) })
    await import(/* @vite-ignore */ pathToFileURL(bundle.script).href)
    vi.unstubAllGlobals()
    const { error, deviation, variant } = await (globalThis as Page).computeTogether!()
    expect(error).toBeLessThan(DEVIATIONS * deviation)
    expect(error).toBeGreaterThan(deviation)
    expect(variant).not.toBe('revectorised')
    expect(bundle.size.raw).toBeLessThan(250_000)
  })
})
