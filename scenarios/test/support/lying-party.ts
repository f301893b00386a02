/** `slytherin party --config FILE --json-events`, with lying-cryptography.ts in its worker. */
import { createLogger, loadConfiguration, Party, type PartyEvent } from '@slytherin/node'

const file = process.argv[process.argv.indexOf('--config') + 1]!
const emit = (event: PartyEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`)
const configuration = await loadConfiguration(file)
const party = await Party.open(configuration, {
  file,
  logger: createLogger(configuration.name, { level: 'silent', readable: false }),
  onEvent: emit,
  worker: { module: new URL('./lying-cryptography.ts', import.meta.url).href }
})
process.on('SIGTERM', () => void party.stop('SIGTERM'))
let exitCode = 0
try {
  await party.run()
} catch (error) {
  exitCode = 1
  emit({ event: 'error', error: party.report(error) })
}
await party.stop('done')
process.exit(exitCode)
