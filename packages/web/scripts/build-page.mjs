/**
 * The page as files to be served, in dist/assets: its script, its worker, the kernels that the worker loads one of, its style. Says how large they are, compressed by
 * gzip as servers do, and warns when a page loads more than it should; test:browser demands it.
 */
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'
import { onceEach, withoutUnused } from './page-plugins.mjs'

/** Scripts and one kernel, compressed, bytes. */
const MOST = 202_000

const at = path => fileURLToPath(new URL(`../${path}`, import.meta.url))
const out = at('dist/assets')
const common = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2024',
  outdir: out,
  metafile: true,
  logLevel: 'warning',
  legalComments: 'none'
}

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
const pages = await esbuild.build({ ...common, entryPoints: { page: at('dist/page/main.js') } })
const workers = await esbuild.build({
  ...common,
  entryPoints: { querier: at('dist/querier/worker.js') },
  splitting: true,
  chunkNames: '[name]-[hash]',
  plugins: [onceEach(at('../..')), withoutUnused()]
})
await esbuild.build({ ...common, entryPoints: [at('page/page.css')] })
for (const name of ['index.html', 'icon.svg']) await copyFile(at(`page/${name}`), `${out}/${name}`)

const sizes = new Map()
for (const path of [...Object.keys(pages.metafile.outputs), ...Object.keys(workers.metafile.outputs)]) {
  const name = basename(path)
  sizes.set(name, gzipSync(await readFile(`${out}/${name}`), { level: 9 }).length)
}
// Of the kernels a page loads one; code of threads none that has no threads.
const loaded = [...sizes].filter(([name]) => !name.startsWith('kernel-fallback') && !name.startsWith('thread-source'))
const total = loaded.reduce((sum, [, size]) => sum + size, 0)
const kilobytes = size => `${(size / 1000).toFixed(1)} kB`
console.log(
  `page: ${loaded.map(([name, size]) => `${name} ${kilobytes(size)}`).join(', ')}; script and kernel ${kilobytes(total)} compressed by gzip`
)
await writeFile(`${out}/sizes.json`, `${JSON.stringify({ loaded: Object.fromEntries(loaded), total })}\n`)
if (total > MOST) console.warn(`the page loads ${kilobytes(total)} of script and kernel, ${kilobytes(MOST)} are allowed`)
