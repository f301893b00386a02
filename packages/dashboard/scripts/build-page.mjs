/** Bundles src/page/ into strings of src/generated/page.ts, written when it changes: whatever serves the page needs no files beside its code. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const source = new URL('../src/page/', import.meta.url)
const generated = new URL('../src/generated/', import.meta.url)
const path = name => fileURLToPath(new URL(name, source))

const { outputFiles } = await build({
  entryPoints: { dashboard: path('main.tsx'), style: path('style.css') },
  bundle: true,
  minify: true,
  write: false,
  outdir: 'page',
  format: 'esm',
  target: ['chrome123', 'firefox120', 'safari17.5'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none'
})
const bundled = extension => outputFiles.find(({ path: file }) => file.endsWith(extension)).text
const file = async name => (await readFile(path(name), 'utf8')).replace(/>\s+</g, '><').trim()
const contents = { HTML: await file('index.html'), SCRIPT: bundled('.js'), STYLE: bundled('.css'), FAVICON: await file('favicon.svg') }
const text = `/** Made from src/page/ by scripts/build-page.mjs. */\n${Object.entries(contents)
  .map(([name, content]) => `export const ${name} =\n  ${JSON.stringify(content.trim())}\n`)
  .join('')}`
await mkdir(generated, { recursive: true })
const target = new URL('page.ts', generated)
if ((await readFile(target, 'utf8').catch(() => '')) !== text) await writeFile(target, text)
