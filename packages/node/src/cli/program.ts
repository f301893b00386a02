/** The `slytherin` command: its subcommands, help and exit codes. */
import { BindingRefusedError } from '@slytherin/gateway'
import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../configuration/errors.js'
import { CommandFailedError, ControlProtocolError, NoPartyError } from '../control/errors.js'
import { VERSION } from '../version.js'
import { auditCommand } from './audit.js'
import { cohortCommand } from './cohort.js'
import { ExitError, type Streams, UsageError } from './console.js'
import { doctorCommand } from './doctor.js'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit-codes.js'
import { grantCommand } from './grant.js'
import { initCommand } from './init.js'
import { modelCommand } from './model.js'
import { newCommand } from './new.js'
import { partyCommand } from './party.js'
import { planCommand } from './plan.js'
import { queryCommand } from './query.js'
import { rosterCommand } from './roster.js'
import { serveCommand } from './serve.js'
import { statusCommand } from './status.js'
import { tokenCommand } from './token.js'
import { workerCommand } from './worker.js'

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
  const commands = [
    newCommand,
    initCommand,
    partyCommand,
    rosterCommand,
    cohortCommand,
    modelCommand,
    grantCommand,
    queryCommand,
    statusCommand,
    serveCommand,
    tokenCommand,
    workerCommand,
    doctorCommand,
    planCommand,
    auditCommand
  ]
  for (const command of commands) program.addCommand(command(streams))
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
    if (error instanceof ConfigurationError || error instanceof BindingRefusedError || error instanceof UsageError) {
      streams.err(`${error.message}\n`)
      return EXIT_USAGE
    }
    streams.err(`${failure(error, parameters.includes('--json'))}\n`)
    return EXIT_FAILURE
  }
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
