/** `slytherin party`: runs a party of a session until that has ended (or for ever with keepServing), or a party of a service until it is stopped. */
import { plainText } from '@slytherin/protocol'
import { Command } from 'commander'
import { readCommands } from '../commands.js'
import { loadPartyConfiguration } from '../configuration/load.js'
import type { Configuration } from '../configuration/schema.js'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import type { PartyEvent } from '../events.js'
import { createLogger } from '../logging.js'
import { RotatingFile } from '../monitoring/rotating-file.js'
import { Party } from '../party/party.js'
import { ServiceParty } from '../service/service-party.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE, EXIT_OK } from './exit-codes.js'
import { countBuffersWithHeap } from './external-memory.js'
import { ProgressLines } from './progress-lines.js'

interface Options {
  config: string
  jsonEvents?: boolean
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

export function partyCommand(streams: Streams): Command {
  return new Command('party')
    .description('Run a party: play its roles in a session, or, where its configuration has "cohort", in a service until it is stopped.')
    .requiredOption('-c, --config <path>', 'party.yaml')
    .option(
      '--json-events',
      'one JSON event per line on standard output; a querier without configured samples reads commands from standard input'
    )
    .action(async (options: Options) => {
      const party = await loadPartyConfiguration(options.config)
      if (party.kind === 'service') return await serve(options, party.configuration, streams)
      countBuffersWithHeap()
      const { configuration } = party
      const json = options.jsonEvents === true
      const logger = createLogger(configuration.name, { level: configuration.log.level, readable: !json && process.stderr.isTTY })
      const lines = new ProgressLines(configuration, streams)
      const emit = (event: PartyEvent): void => {
        if (json) streams.out(`${JSON.stringify({ time: Date.now(), ...event })}\n`)
        else lines.show(event)
      }
      const exitCode = await runParty(options, emit, logger, configuration)
      emit({ event: 'stopped', exitCode })
      if (exitCode !== EXIT_OK) throw new ExitError(exitCode)
    })
}

/** Until SIGINT or SIGTERM; the second of them does not wait. */
async function serve(options: Options, configuration: ServiceConfiguration, streams: Streams): Promise<void> {
  const { level, file, fileBytes: bytes, files } = configuration.log
  const onFailure = (error: Error): void => streams.err(`the log cannot be written: ${plainText(error.message)}\n`)
  const destination = file === undefined ? undefined : new RotatingFile({ path: file, bytes, files, onFailure })
  const logger = createLogger(configuration.name, {
    level,
    readable: destination === undefined && process.stderr.isTTY,
    ...(destination === undefined ? {} : { destination })
  })
  const onLine = (text: string): void => streams.out(`${new Date().toISOString().slice(0, 19)}Z  ${plainText(text)}\n`)
  const stopping = Promise.withResolvers<NodeJS.Signals>()
  let interrupted = false
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interrupted) process.exit(EXIT_FAILURE)
    interrupted = true
    stopping.resolve(signal)
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  try {
    const party = await ServiceParty.open(configuration, { file: options.config, logger, onLine })
    onLine(`ready for commands: slytherin status --config ${options.config}`)
    await Promise.race([party.run(), stopping.promise])
    await party.stop(await stopping.promise)
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt)
    await destination?.close()
  }
}

async function runParty(
  options: Options,
  emit: (event: PartyEvent) => void,
  logger: ReturnType<typeof createLogger>,
  configuration: Configuration
): Promise<number> {
  let interrupted: NodeJS.Signals | undefined
  let party: Party | undefined
  const interrupt = (signal: NodeJS.Signals): void => {
    // The second signal does not wait.
    if (interrupted !== undefined) process.exit(EXIT_FAILURE)
    interrupted = signal
    void party?.stop(signal)
  }
  for (const signal of SIGNALS) process.on(signal, interrupt)
  try {
    const commands = options.jsonEvents === true ? { commands: readCommands(process.stdin) } : {}
    party = await Party.open(configuration, { file: options.config, logger, onEvent: emit, ...commands })
    if (interrupted !== undefined) return EXIT_FAILURE
    await party.run()
    return EXIT_OK
  } catch (error) {
    // Whoever serves for ever ends this way; whoever was in a session has not finished it.
    if (interrupted !== undefined) return configuration.keepServing ? EXIT_OK : EXIT_FAILURE
    if (party === undefined) throw error
    party.logger.error({ error }, 'the session has ended')
    emit({ event: 'error', error: party.report(error) })
    return EXIT_FAILURE
  } finally {
    await party?.stop(interrupted ?? 'done')
    // An unread standard input would keep the process.
    process.stdin.unref?.()
    for (const signal of SIGNALS) process.off(signal, interrupt)
  }
}
