/** Bundles of a page by what people use, as it is set up when nothing is set. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import * as esbuild from 'esbuild'
import { build } from 'vite'

const PAGE = fileURLToPath(new URL('./page/', import.meta.url))

export interface Bundle extends AsyncDisposable {
  /** What the bundler wrote. */
  readonly folder: string
  /** The script of the page. */
  readonly script: string
  /** What the bundler warned of. */
  readonly warnings: readonly string[]
  /** Of all JavaScript, bytes: as it is, and compressed by gzip. */
  readonly size: { readonly raw: number; readonly gzip: number }
}

/** With what is set when nothing is set, but minified, as people serve it. @param entry file of the page's script */
export async function bundleByEsbuild(entry: string = join(PAGE, 'main.ts')): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'slytherin-esbuild-'))
  const script = join(folder, 'page.js')
  const { warnings } = await esbuild.build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    outfile: script,
    logLevel: 'silent'
  })
  return await described(
    folder,
    script,
    warnings.map(({ text }) => text)
  )
}

export async function bundleByVite(): Promise<Bundle> {
  const folder = await mkdtemp(join(tmpdir(), 'slytherin-vite-'))
  const warnings: string[] = []
  await build({
    configFile: false,
    root: PAGE,
    logLevel: 'warn',
    customLogger: {
      hasWarned: false,
      info: () => undefined,
      warn: text => void warnings.push(text),
      warnOnce: text => void warnings.push(text),
      error: text => void warnings.push(text),
      clearScreen: () => undefined,
      hasErrorLogged: () => false
    },
    build: { outDir: folder, emptyOutDir: true }
  })
  const html = await readFile(join(folder, 'index.html'), 'utf8')
  const script = /<script [^>]*src="([^"]+)"/.exec(html)?.[1]
  if (script === undefined) throw new Error(`the page that Vite wrote has no script: ${html}`)
  return await described(folder, join(folder, script), warnings)
}

async function described(folder: string, script: string, warnings: readonly string[]): Promise<Bundle> {
  const names = (await readdir(folder, { recursive: true })).filter(name => name.endsWith('.js'))
  const files = await Promise.all(names.map(async name => await readFile(join(folder, name))))
  const sum = (lengths: readonly number[]): number => lengths.reduce((total, length) => total + length, 0)
  return {
    folder,
    script,
    warnings,
    size: { raw: sum(files.map(({ length }) => length)), gzip: sum(files.map(file => gzipSync(file, { level: 9 }).length)) },
    [Symbol.asyncDispose]: async () => await rm(folder, { recursive: true, force: true })
  }
}
