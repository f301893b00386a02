/**
 * `npm run docs`: pages by VitePress and the reference by TypeDoc, into site/dist. Nothing is fetched, neither here nor by the pages. An exported symbol without words is an error
 * (typedoc.json says of which kinds), and so are more properties without words than there were (properties.mjs). `npm run docs -- --undocumented` lists both, and writes nothing.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'
import { build } from 'vitepress'
import { preparePages } from './prepare.mjs'
import { checkProperties, undocumentedProperties } from './properties.mjs'

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
  name: `slytherin ${version}`
})
const project = await app.convert()
if (project === undefined) throw new Error('TypeDoc could not read the sources')
app.validate(project)
for (const line of await checkProperties(project)) app.logger.error(line)
if (listing) for (const names of Object.values(undocumentedProperties(project))) for (const name of names) console.log(name)
if (!listing) await app.generateOutputs(project)
if (app.logger.hasErrors() || app.logger.hasWarnings()) process.exitCode = 1
else if (!listing) console.log('site/dist: open it with any web server, for example npx vite preview --outDir site/dist')
