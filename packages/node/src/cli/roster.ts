/** `slytherin roster`: edits (roster-edit.ts), and `check`: is the configuration usable, is this party in its roster, do the others answer? */
import { Command } from 'commander'
import { ConfigurationError } from '../configuration/errors.js'
import { loadPartyConfiguration } from '../configuration/load.js'
import { meet } from '../doctor/meeting.js'
import { peekPeer } from '../storage/identity.js'
import { statePaths } from '../storage/state-directory.js'
import { ExitError, type Streams } from './console.js'
import { EXIT_FAILURE } from './exit-codes.js'
import { rosterEditCommands } from './roster-edit.js'

interface Options {
  config: string
  connect?: boolean
  seconds: number
}

export function rosterCommand(streams: Streams): Command {
  const check = new Command('check')
    .description('Check a configuration and its roster; with --connect, whether the others can be reached.')
    .requiredOption('-c, --config <path>', 'party.yaml')
    .option('--connect', 'say hello to every party that has an address')
    .option('--seconds <number>', 'how long to try', Number, 10)
    .action(async (options: Options) => {
      const { configuration } = await loadPartyConfiguration(options.config)
      const self = await peekPeer(statePaths(configuration.state).identity)
      if (!configuration.roster.some(entry => entry.peerId === self)) {
        const remedy = 'Add the line that "slytherin init" printed.'
        throw new ConfigurationError(options.config, [
          { key: 'roster', expected: `this party's own peer id ${self}`, got: 'a roster without it', remedy }
        ])
      }
      const reached = options.connect === true ? (await meet(configuration, options.seconds)).met : undefined
      for (const { name, peerId, roles } of configuration.roster) {
        const state = peerId === self ? 'this party' : reached === undefined ? '' : reached.has(peerId) ? 'answers' : 'DOES NOT ANSWER'
        streams.out(`${name.padEnd(20)} ${peerId}  ${roles.join(', ')}${state === '' ? '' : `  ${state}`}\n`)
      }
      const missing = reached === undefined ? [] : configuration.roster.filter(entry => entry.peerId !== self && !reached.has(entry.peerId))
      if (missing.length > 0) throw new ExitError(EXIT_FAILURE)
    })
  const command = new Command('roster').description('The list of parties.')
  for (const inner of [...rosterEditCommands(streams), check]) command.addCommand(inner)
  return command
}
