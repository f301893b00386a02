/**
 * The `slytherin` command: its subcommands, help and exit codes. A subcommand is loaded when it is asked for: most of what all of them need takes seconds to load, and a
 * worker that is started for a query needs little of it.
 */
import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../configuration/errors.js'
import { CommandFailedError, ControlProtocolError, NoPartyError } from '../control/errors.js'
import { VERSION } from '../version.js'
import { ExitError, type Streams, UsageError } from './console.js'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit-codes.js'

type Made = (streams: Streams) => Command

/** By name, as help lists them. */
const COMMANDS: Readonly<Record<string, () => Promise<Made>>> = {
  new: async () => (await import('./new.js')).newCommand,
  init: async () => (await import('./init.js')).initCommand,
  party: async () => (await import('./party.js')).partyCommand,
  roster: async () => (await import('./roster.js')).rosterCommand,
  cohort: async () => (await import('./cohort.js')).cohortCommand,
  model: async () => (await import('./model.js')).modelCommand,
  grant: async () => (await import('./grant.js')).grantCommand,
  query: async () => (await import('./query.js')).queryCommand,
  status: async () => (await import('./status.js')).statusCommand,
  serve: async () => (await import('./serve.js')).serveCommand,
  token: async () => (await import('./token.js')).tokenCommand,
  worker: async () => (await import('./worker.js')).workerCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  plan: async () => (await import('./plan.js')).planCommand,
  audit: async () => (await import('./audit.js')).auditCommand
}

/**
 * @param parameters without `node` and script name
 * @returns the exit code
 */
export async function runProgram(parameters: readonly string[], streams: Streams): Promise<number> {
  const program = new Command('slytherin')
    .description('Encrypted prediction between parties who do not trust each other: one process per party.')
    .version(VERSION)
    .showSuggestionAfterError()
    .showHelpAfterError('(run with --help for usage)')
    .addHelpText('after', EXAMPLES)
  const [first = ''] = parameters
  // Help, and what to say of a name that there is not, take all of them.
  const wanted = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]!] : Object.values(COMMANDS)
  for (const command of await Promise.all(wanted.map(async load => await load()))) program.addCommand(command(streams))
  configure(program, streams)
  try {
    if (parameters.length === 0) {
      program.outputHelp()
      return EXIT_OK
    }
    await program.parseAsync([...parameters], { from: 'user' })
    return EXIT_OK
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE
    if (error instanceof ExitError) return error.exitCode
    if (error instanceof ConfigurationError || error instanceof UsageError || (await isBindingRefused(error))) {
      streams.err(`${(error as Error).message}\n`)
      return EXIT_USAGE
    }
    streams.err(`${failure(error, parameters.includes('--json'))}\n`)
    return EXIT_FAILURE
  }
}

/** Only a gateway throws it, which is loaded by then. */
async function isBindingRefused(error: unknown): Promise<boolean> {
  if (!(error instanceof Error && error.name === 'BindingRefusedError')) return false
  const { BindingRefusedError } = await import('@slytherin/gateway')
  return error instanceof BindingRefusedError
}

/** What comes from a running party has its code, and what to do, in it: a line of JSON where JSON was asked for. */
function failure(error: unknown, json: boolean): string {
  if (!(error instanceof CommandFailedError || error instanceof NoPartyError || error instanceof ControlProtocolError)) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  }
  const { code, message } = error
  const remedy = 'remedy' in error ? error.remedy : undefined
  if (json) return JSON.stringify({ error: { code, message, ...(remedy === undefined ? {} : { remedy }) } })
  return `${code}: ${message}${remedy === undefined || message.includes(remedy) ? '' : `\n${remedy}`}`
}

function configure(command: Command, streams: Streams): void {
  command.exitOverride().configureOutput({ writeOut: streams.out, writeErr: streams.err })
  for (const inner of command.commands) configure(inner, streams)
}

const EXAMPLES = `
Examples:
  slytherin new tumours --model tumours.onnx --data rows.csv --label-column diagnosis --secret both
  slytherin init --directory ./state --name hospital-a --key-file ./party.key
  slytherin roster check --config party.yaml --connect
  slytherin party --config party.yaml
  slytherin cohort create hospitals --for lenet.onnx
  slytherin model publish lenet.onnx
  slytherin query lenet --samples scans.npy --follow
  slytherin status
  slytherin serve --config clinic.yaml
  slytherin worker --config worker.yaml
  slytherin doctor
  slytherin plan model.onnx --batch 64 --parties 3
  slytherin audit --evidence ./state/evidence

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`
