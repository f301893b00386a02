/**
 * Makes the parties of deploy/compose/compose.yaml, by the commands that people give: identities, keys, party.yaml, everybody in everybody's roster. All of it lies in
 * one place, which is for trying and testing: parties that do not trust each other make their own, each on its own machine (docs/service.md).
 *
 *   node scripts/deploy/prepare.mjs deploy/compose/cohort            # --fleet: and workers, for deploy/compose/fleet.yaml
 */

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export const PORT = 4001
export const METRICS_PORT = 9464
export const EVALUATOR = 'carol'
export const ROLES = {
  carol: ['evaluator'],
  a: ['key-holder'],
  b: ['key-holder'],
  c: ['key-holder'],
  owner: ['model-owner'],
  clinic: ['querier', 'data-owner']
}

/**
 * @param directory gets `NAME/NAME.yaml`, `NAME/key` and `NAME/state` of each party
 * @param evaluatorAt multiaddr of the evaluator as a party sees it
 * @param command words of the command `slytherin`
 * @param insecureLogN rings that are small, for tests
 */
export async function prepareCohort({ directory, evaluatorAt, command, insecureLogN }) {
  const slytherin = async (...words) => (await run(command[0], [...command.slice(1), ...words])).stdout
  const entries = {}
  for (const [name, roles] of Object.entries(ROLES)) {
    const own = join(directory, name)
    await mkdir(own, { recursive: true, mode: 0o700 })
    const address = name === EVALUATOR ? ['--address', evaluatorAt(name)] : []
    const files = ['--directory', join(own, 'state'), '--key-file', join(own, 'key'), '--config', join(own, `${name}.yaml`)]
    const as = ['--name', name, '--cohort', EVALUATOR, ...roles.flatMap(role => ['--role', role])]
    entries[name] = JSON.parse(await slytherin('init', ...files, ...as, ...address, '--json'))
  }
  for (const name of Object.keys(ROLES)) {
    const config = join(directory, name, `${name}.yaml`)
    for (const other of [EVALUATOR, ...Object.keys(ROLES)]) {
      if (other === name) continue
      const { peerId, roles } = entries[other]
      const addresses = other === EVALUATOR ? [evaluatorAt(name)] : []
      await slytherin('roster', 'add', `- ${JSON.stringify({ name: other, peerId, roles, addresses })}`, '--config', config)
    }
    const text = await readFile(config, 'utf8')
    const small = insecureLogN === undefined ? text : text.replace('  policy:\n', `  policy:\n    insecureLogN: ${insecureLogN}\n`)
    await writeFile(config, `${small.replace('#costs: measured', 'costs: reference')}metrics: { port: ${METRICS_PORT} }\n`, { mode: 0o600 })
  }
}

/** Bytes that parts may take at a worker of fleet.yaml: what its memory leaves beside keys, weights and what it fetches. */
const WORKER = { memoryBytes: 2.5e9, weightBytes: 2 ** 29, threads: 2 }

/** What deploy/compose/fleet.yaml mounts, by its place beside the parties' directories; and what the evaluator's configuration gets. @param password of the queue */
export function fleetFiles(password) {
  const fleet = of => ({ redis: 'redis://queue:6379', redisPasswordFile: of, store: { directory: '/store' } })
  return {
    section: `fleet: ${JSON.stringify(fleet('/cohort/queue.password'))}\n`,
    files: {
      [`${EVALUATOR}/queue.password`]: password,
      'worker/queue.password': password,
      // JSON is YAML.
      'worker/worker.yaml': `${JSON.stringify({ fleet: fleet('/worker/queue.password'), ...WORKER })}\n`,
      'queue/valkey.conf': `requirepass ${password}\nsave ""\nappendonly no\nmaxmemory-policy noeviction\n`
    }
  }
}

async function prepareFleet(directory) {
  const { section, files } = fleetFiles(randomBytes(24).toString('hex'))
  for (const name of ['store', 'queue', 'worker']) await mkdir(join(directory, name), { recursive: true, mode: 0o700 })
  for (const [path, text] of Object.entries(files)) await writeFile(join(directory, path), text, { mode: 0o600 })
  const config = join(directory, EVALUATOR, `${EVALUATOR}.yaml`)
  await writeFile(config, `${await readFile(config, 'utf8')}${section}`, { mode: 0o600 })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [directory, ...options] = process.argv.slice(2)
  if (directory === undefined || options.some(option => option !== '--fleet')) {
    console.error('usage: node scripts/deploy/prepare.mjs DIRECTORY [--fleet]')
    process.exit(2)
  }
  const command = [process.execPath, join(ROOT, 'packages/node/bin/slytherin.js')]
  await prepareCohort({ directory: resolve(directory), evaluatorAt: () => `/dns4/${EVALUATOR}/tcp/${PORT}`, command })
  if (options.includes('--fleet')) await prepareFleet(resolve(directory))
  console.log(`${Object.keys(ROLES).join(', ')} are in ${directory}. Whoever has that directory has all of their secrets.`)
}
