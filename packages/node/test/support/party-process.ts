/** A party with fake cryptography in a process of its own: `node party-process.ts party.yaml`. Prints its events as JSON lines. */
import { extname } from 'node:path'
import { createLogger, loadConfiguration, Party, type PartyEvent, readCommands } from '@slytherin/node'

const file = process.argv[2]!
const emit = (event: PartyEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const configuration = await loadConfiguration(file)
const party = await Party.open(configuration, {
  file,
  logger: createLogger(configuration.name, { level: 'silent', readable: false }),
  onEvent: emit,
  commands: readCommands(process.stdin),
  worker: { module: new URL(`./fake-cryptography${extname(import.meta.url)}`, import.meta.url).href }
})
let exitCode = 0
try {
  await party.run()
} catch (error) {
  exitCode = 1
  emit({ event: 'error', error: party.report(error) })
}
await party.stop('done')
process.exit(exitCode)
