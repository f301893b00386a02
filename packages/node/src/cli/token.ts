/** `slytherin token`: who may ask through this party's gateway. The file of tokens is the gateway's; it reads it again when it changes. */
import { Command } from 'commander'
import { loadServiceConfiguration } from '../configuration/load.js'
import { askParty } from '../control/client.js'
import { onlyOne } from '../service/lookup.js'
import type { Streams } from './console.js'
import { finite, type PartyOptions, tell, toParty } from './party-socket.js'
import { tokensOf } from './serve.js'

const DAY = 86_400_000

interface CreateOptions extends PartyOptions {
  grant?: string
  days?: number
}

export function tokenCommand(streams: Streams): Command {
  const create = toParty(
    new Command('create')
      .description('Make a token for a program that asks through the gateway; it is shown once.')
      .argument('<name>', 'what the log calls whoever has it')
      .option('--grant <id>', 'the only grant that it is good for (or the beginning of its id; default: all of this party)')
      .option('--days <number>', 'how long it is good (default: until it is revoked)', finite),
    'slytherin token create dashboard --grant 90ab12cd --days 90'
  ).action(async (name: string, options: CreateOptions) => {
    const { grant, days } = options
    const { state } = await loadServiceConfiguration(options.config)
    const bound = grant === undefined ? null : await grantOf(grant, state, options)
    const expires = days === undefined ? null : Date.now() + Math.round(days * DAY)
    const token = await tokensOf(state).create({ name, grant: bound, expires })
    tell({ name, token, grant: bound, expires }, options, streams, () => `${token}\n`)
  })
  const list = toParty(new Command('list').description('Tokens by name; never the tokens themselves.'), 'slytherin token list').action(
    async (options: PartyOptions) => {
      const { state } = await loadServiceConfiguration(options.config)
      const entries = (await tokensOf(state).list()).map(({ hash: _hash, ...entry }) => entry)
      tell(entries, options, streams, all => {
        const lines = all.map(({ name, grant, expires }) => {
          const until = expires === null ? 'until it is revoked' : `until ${new Date(expires).toISOString().slice(0, 16)}Z`
          return `${name}  ${grant === null ? 'all grants' : `grant ${grant.slice(0, 12)}`}  ${until}\n`
        })
        return lines.join('') || 'no token: slytherin token create NAME\n'
      })
    }
  )
  const revoke = toParty(
    new Command('revoke').description('Make a token good for nothing; a running gateway follows within a second.').argument('<name>'),
    'slytherin token revoke dashboard'
  ).action(async (name: string, options: PartyOptions) => {
    const { state } = await loadServiceConfiguration(options.config)
    await tokensOf(state).revoke(name)
    tell({ name, revoked: true }, options, streams, () => `${name} is revoked\n`)
  })
  const command = new Command('token').description("Tokens for programs that ask through this party's gateway (slytherin serve).")
  for (const inner of [create, list, revoke]) command.addCommand(inner)
  return command
}

async function grantOf(beginning: string, state: string, { config }: PartyOptions): Promise<string> {
  const grants = await askParty('grant.list', {}, { state, file: config })
  return onlyOne(grants, beginning, ({ grant }) => grant, 'grant', 'slytherin grant list').grant
}
