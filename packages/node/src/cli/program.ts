/** The `slytherin` command: its subcommands, help and exit codes. */
import { Command, CommanderError } from 'commander'
import { ConfigurationError } from '../configuration/errors.js'
import { VERSION } from '../version.js'
import { auditCommand } from './audit.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit-codes.js'
import { initCommand } from './init.js'
import { partyCommand } from './party.js'
import { planCommand } from './plan.js'
import { rosterCommand } from './roster.js'

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
  const commands = [initCommand(streams), partyCommand(streams), rosterCommand(streams), planCommand(streams), auditCommand(streams)]
  for (const command of commands) program.addCommand(command)
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
    if (error instanceof ConfigurationError) {
      streams.err(`${error.message}\n`)
      return EXIT_USAGE
    }
    streams.err(`${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}\n`)
    return EXIT_FAILURE
  }
}

function configure(command: Command, streams: Streams): void {
  command.exitOverride().configureOutput({ writeOut: streams.out, writeErr: streams.err })
  for (const inner of command.commands) configure(inner, streams)
}

const EXAMPLES = `
Examples:
  slytherin init --directory ./state --name hospital-a --key-file ./party.key
  slytherin roster check --config party.yaml --connect
  slytherin party --config party.yaml
  slytherin plan model.onnx --batch 64 --parties 3
  slytherin audit --evidence ./state/evidence

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.`
