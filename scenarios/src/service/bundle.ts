/**
 * The `slytherin` command as a few files. Most of what a process takes to start is finding and loading two thousand modules, most of them of its dependencies, once for
 * the network and once more for the thread of cryptography; a run that starts hundreds of processes does that once.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Plugin, stop } from 'esbuild'

const NODE = fileURLToPath(new URL('.', import.meta.resolve('@slytherin/node')))
/** The command, and what its threads are started with; they find each other beside each other. */
const ENTRIES = ['cli/main', 'worker/entry', 'worker/local-cryptography', 'worker/service-cryptography', 'worker/contents-module']
const BESIDE = [
  join(NODE, 'worker', 'cryptography-worker.js'),
  join(NODE, 'service', 'core.js'),
  join(NODE, 'service', 'contents-thread.js')
]

/** Everything else that is found from where a module lies (kernels, versions) stays where it is. */
const inPlace: Plugin = {
  name: 'in place',
  setup(build) {
    build.onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      if (BESIDE.includes(path)) return undefined
      const text = await readFile(path, 'utf8')
      if (!text.includes('import.meta.url')) return undefined
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'js' }
    })
  }
}

/** Loaded by who has a fleet, from where they are: nobody else waits for them. */
const lazily: Plugin = {
  name: 'lazily',
  setup(build) {
    build.onResolve({ filter: /^(bullmq|ioredis|@aws-sdk\/client-s3)$/ }, ({ path }) => {
      return { path: import.meta.resolve(path), external: true }
    })
  }
}

/** What CommonJS modules ask Node for. */
const BANNER = "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);"

/**
 * @param directory the files go to one below it
 * @param beside further processes by name, and modules that their threads load: they share files with the command, and lie beside it
 * @returns path of the command
 */
export async function bundleCommand(directory: string, beside: Readonly<Record<string, string>> = {}): Promise<string> {
  // The second module of worker/ is named from its folder: `../worker/service-cryptography.js`.
  const worker = join(directory, 'slytherin', 'worker')
  await build({
    entryPoints: {
      ...Object.fromEntries(ENTRIES.map(entry => [entry.split('/')[1]!, `${join(NODE, ...entry.split('/'))}.js`])),
      ...beside
    },
    outdir: worker,
    outExtension: { '.js': '.js' },
    bundle: true,
    // Names stay: errors are told with them. What is less to read is read sooner, by every process.
    minifyWhitespace: true,
    minifySyntax: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    banner: { js: BANNER },
    plugins: [inPlace, lazily],
    logLevel: 'error'
  })
  // Its process would stay as long as this one.
  await stop()
  await writeFile(join(directory, 'slytherin', 'package.json'), JSON.stringify({ type: 'module' }))
  return join(worker, 'main.js')
}
