/** `slytherin roster add|remove|list`: who is in the roster; a running party is told at once. */
import { stat } from 'node:fs/promises'
import { Command } from 'commander'
import { ConfigurationError, type ConfigurationIssue } from '../configuration/errors.js'
import { loadPartyConfiguration, parsePartyConfiguration } from '../configuration/load.js'
import { readText } from '../configuration/read.js'
import { addToRoster, type EditedRoster, removeFromRoster } from '../configuration/roster-file.js'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { askParty } from '../control/client.js'
import { NoPartyError } from '../control/errors.js'
import type { RosterReport } from '../control/reports.js'
import { writeAtomically } from '../storage/atomic-file.js'
import type { Streams } from './console.js'
import { type PartyOptions, tell, toParty } from './party-socket.js'

export function rosterEditCommands(streams: Streams): Command[] {
  const add = toParty(
    new Command('add')
      .description('Add a party to the roster of party.yaml, or change its line; a running party lets it in at once.')
      .argument('<line>', 'what "slytherin init" printed at that party')
      // The line begins with a dash.
      .allowUnknownOption(),
    "slytherin roster add '- { name: clinic, peerId: 12D3KooW…, roles: [querier], addresses: [] }'"
  ).action(async (line: string, options: PartyOptions) => {
    await change(options, streams, text => addToRoster(text, line, options.config))
  })
  const remove = toParty(
    new Command('remove')
      .description('Take a party out of the roster of party.yaml; a running party ends its connection and lets it in no more.')
      .argument('<party>', 'its name or peer id'),
    'slytherin roster remove clinic'
  ).action(async (party: string, options: PartyOptions) => {
    await change(options, streams, text => removeFromRoster(text, party, options.config))
  })
  const list = toParty(new Command('list').description('The parties of party.yaml.'), 'slytherin roster list').action(
    async (options: PartyOptions) => {
      const { roster } = (await loadPartyConfiguration(options.config)).configuration
      tell(roster, options, streams, entries =>
        entries
          .map(({ name, peerId, roles, addresses }) =>
            `${name.padEnd(20)} ${peerId}  ${roles.join(', ')}  ${addresses.join(', ')}`.trimEnd()
          )
          .map(line => `${line}\n`)
          .join('')
      )
    }
  )
  return [add, remove, list]
}

/** Edits the file unless that makes it worse, and tells a running party. What is still missing in it is said. */
async function change(options: PartyOptions, streams: Streams, edit: (text: string) => EditedRoster): Promise<void> {
  const { config: file } = options
  const before = await readText(file)
  const edited = edit(before)
  const [old, checked] = [check(before, file), check(edited.text, file)]
  const added = checked.issues.filter(({ key }) => !old.issues.some(issue => issue.key === key))
  if (added.length > 0) throw new ConfigurationError(file, added)
  await writeAtomically(file, edited.text, (await stat(file)).mode & 0o777)
  const told = checked.service === undefined ? undefined : await reload(checked.service.state, file)
  const missing = checked.issues.length === 0 ? undefined : new ConfigurationError(file, checked.issues).message
  const result = { name: edited.name, file, running: told !== undefined, ...(missing === undefined ? {} : { missing }), ...told }
  tell(result, options, streams, ({ name, running }) => {
    if (missing !== undefined) return `${file} changed: ${name}; not yet complete: ${missing}\n`
    if (checked.service === undefined) return `${file} changed: ${name}; sessions that begin from now on have it\n`
    return `${file} changed: ${name}; ${running ? 'the running party knows' : 'no party is running here, it will know when it starts'}\n`
  })
}

interface Checked {
  readonly issues: readonly ConfigurationIssue[]
  readonly service?: ServiceConfiguration
}

function check(text: string, file: string): Checked {
  try {
    const party = parsePartyConfiguration(text, file)
    return { issues: [], ...(party.kind === 'service' ? { service: party.configuration } : {}) }
  } catch (error) {
    if (error instanceof ConfigurationError) return { issues: error.issues }
    throw error
  }
}

async function reload(state: string, file: string): Promise<RosterReport | undefined> {
  try {
    return await askParty('roster.reload', {}, { state, file })
  } catch (error) {
    if (error instanceof NoPartyError) return undefined
    throw error
  }
}
