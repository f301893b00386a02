/** What the party answers over its socket. */
import type { CommandHandlers } from '../control/commands.js'
import { askCommands } from './ask-commands.js'
import { cohortCommands } from './cohort-commands.js'
import type { ServiceContext } from './context.js'
import { grantCommands } from './grant-commands.js'
import { modelCommands } from './model-commands.js'
import { queryCommands } from './query-commands.js'
import { sharingCommands } from './sharing-commands.js'
import { statusReport } from './status-report.js'

export function consoleHandlers(party: ServiceContext): CommandHandlers {
  return {
    status: async () => await statusReport(party),
    'roster.reload': async () => await party.reloadRoster(),
    ...cohortCommands(party),
    ...sharingCommands(party),
    ...modelCommands(party),
    ...grantCommands(party),
    ...askCommands(party),
    ...queryCommands(party)
  }
}
