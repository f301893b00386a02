/**
 * What deploy/ describes, tried as far as this system allows: the steps of the Containerfile in a directory, and the topology of the compose file as processes in network
 * namespaces, on lines of 40 ms and 100 Mbit/s, with the files that the image has.
 *
 *   npm run test:deploy                     both
 *   npm run test:deploy -- --no-image       the processes run what is built here
 *   npm run test:deploy -- --require        fails where the system does not allow something, instead of saying so
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parse } from 'yaml'
import { Cohort } from './cohort.mjs'
import { buildImage } from './image.mjs'
import { Namespaces } from './links.mjs'
import { EVALUATOR, PORT, prepareCohort, ROLES } from './prepare.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const { values } = parseArgs({
  options: { image: { type: 'boolean', default: true }, require: { type: 'boolean', default: false } },
  allowNegative: true
})
const missing = []
const tell = text => console.log(text)
const lacks = text => {
  missing.push(text)
  tell(`not tried: ${text}`)
}

const directory = await mkdtemp(join(tmpdir(), 'slytherin-deploy-'))
const namespaces = new Namespaces()
let cohort
try {
  let installed = ROOT
  if (values.image) {
    const started = performance.now()
    const image = await buildImage(ROOT, join(directory, 'image'), step => tell(`  ${step}`))
    installed = join(image, 'opt/slytherin')
    tell(`the Containerfile's steps: ${((performance.now() - started) / 1000).toFixed(0)} s`)
  }
  const command = [process.execPath, join(installed, 'packages/node/bin/slytherin.js')]
  const unavailable = await Namespaces.unavailable()
  if (unavailable === undefined) {
    const { services } = parse(await readFile(join(ROOT, 'deploy/compose/compose.yaml'), 'utf8'), { merge: true })
    if (Object.keys(services).join() !== Object.keys(ROLES).join())
      throw new Error('compose.yaml and prepare.mjs do not have the same parties')
    const lines = services[EVALUATOR].networks.map(network => [
      Object.keys(services).find(name => name !== EVALUATOR && services[name].networks.includes(network)),
      EVALUATOR
    ])
    const addresses = await namespaces.connect(Object.keys(services), lines)
    if (!namespaces.slow) lacks(namespaces.why)
    await prepareCohort({
      directory,
      evaluatorAt: party => `/ip4/${addresses[party] ?? '0.0.0.0'}/tcp/${PORT}`,
      command,
      insecureLogN: 8
    })
    cohort = new Cohort({ directory, command, within: party => namespaces.within(party), probe: join(installed, 'deploy/probe.mjs'), tell })
    await cohort.play(ROOT)
  } else lacks(unavailable)
} finally {
  await cohort?.stop()
  await namespaces.remove()
  await rm(directory, { recursive: true, force: true })
}
if (values.require && missing.length > 0) process.exit(1)
