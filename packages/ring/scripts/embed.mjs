/**
 * What is generated from the built kernels, into src/generated/: their hashes, and, for browsers, the kernels themselves and the code of a thread as JavaScript.
 * Files are written when they change.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { deflateRawSync } from 'node:zlib'
import { build as bundle } from 'esbuild'

const generated = new URL('../src/generated/', import.meta.url)
const THREAD = fileURLToPath(new URL('../src/kernel/platform/web-worker.ts', import.meta.url))
/** Browsers have no use for the variant that needs a flag of V8. */
const EMBEDDED = ['simd', 'fallback']

/** @param {URL} build folder of the kernels @param {readonly string[]} variants all of them */
export async function embed(build, variants) {
  const kernel = name => readFile(new URL(`kernel-${name}.wasm`, build))
  await mkdir(generated, { recursive: true })
  const files = await Promise.all(variants.flatMap(variant => [variant, `${variant}-shared`]).map(kernel))
  const hashes = files.map(bytes => createHash('sha256').update(bytes).digest('hex'))
  await write('kernel-hashes.ts', [
    '/** SHA-256, hexadecimal, of every compiled kernel: what computes ciphertexts, to the byte. The same list on every platform. */',
    `export const KERNEL_HASHES: readonly string[] = ${JSON.stringify(hashes)}`
  ])
  for (const name of EMBEDDED) {
    const text = deflateRawSync(await kernel(name), { level: 9 }).toString('base64')
    // One file each: a page that loads code in pieces loads the one that it runs.
    await write(`kernel-${name}.ts`, [
      `/** The kernel ${name} for ordinary memory, compressed by DEFLATE, base64. */`,
      `export const KERNEL = ${JSON.stringify(text)}`
    ])
  }
  const { outputFiles } = await bundle({
    entryPoints: [THREAD],
    bundle: true,
    minify: true,
    format: 'iife',
    target: 'es2022',
    write: false
  })
  await write('thread-source.ts', [
    '/** Code of a thread, for a worker that is not a module. */',
    `export const THREAD_SOURCE = ${JSON.stringify(outputFiles[0].text)}`
  ])
}

async function write(name, lines) {
  const url = new URL(name, generated)
  const text = `${lines.join('\n')}\n`
  if ((await readFile(url, 'utf8').catch(() => '')) !== text) await writeFile(url, text)
}
