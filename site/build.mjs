/**
 * `npm run docs`: pages by VitePress and the reference by TypeDoc, into site/dist. Nothing is fetched, neither here nor by the pages. `npm run docs -- --undocumented` lists what of the
 * reference has no words, and writes nothing. What typedoc.json requires to have some is refused without.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'
import { build } from 'vitepress'
import { preparePages } from './prepare.mjs'

/** What is listed: more than what is required. */
const EVERYTHING = ['Class', 'Interface', 'Function', 'TypeAlias', 'Variable', 'Enum', 'Method']
const PACKAGES = [
  'slytherin',
  ...['ring', 'ckks', 'mhe', 'engine', 'protocol', 'gateway', 'dashboard', 'node', 'web'].map(name => `@slytherin/${name}`)
]

const here = fileURLToPath(new URL('.', import.meta.url))
process.chdir(here)

const { version } = JSON.parse(await readFile(new URL('../packages/slytherin/package.json', import.meta.url), 'utf8'))
const listing = process.argv.includes('--undocumented')
if (!listing) {
  console.log(`${await preparePages()} pages`)
  await build(here)
}

const app = await Application.bootstrapWithPlugins({
  options: 'typedoc.json',
  name: `slytherin ${version}`,
  ...(listing ? { requiredToBeDocumented: EVERYTHING, packagesRequiringDocumentation: PACKAGES } : {})
})
const project = await app.convert()
if (project === undefined) throw new Error('TypeDoc could not read the sources')
app.validate(project)
if (!listing) await app.generateOutputs(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
else console.log('site/dist: open it with any web server, for example npx vite preview --outDir site/dist')
