/** `slytherin grant`: who may ask which models, how often and until when. */
import { Command } from 'commander'
import type { Streams } from './console.js'
import { ask, finite, list, type PartyOptions, positive, tell, toParty } from './party-socket.js'
import { describeGrants } from './report-lines.js'

interface CreateOptions extends PartyOptions {
  models: string[]
  queries: number
  decryptions?: number
  days: number
  senders: string[]
  cohort?: string
}

export function grantCommand(streams: Streams): Command {
  const create = toParty(
    new Command('create')
      .description('Allow a querier to ask models of this party.')
      .argument('<querier>', 'its name in the roster')
      .requiredOption('-m, --models <names>', 'which models, with commas between them; * for all', list)
      .option('-q, --queries <number>', 'how many queries', positive, 100)
      .option('--decryptions <number>', 'how many ciphertexts may be decrypted for it (default: what these queries take)', positive)
      .option('--days <number>', 'for how long', finite, 30)
      .option('--senders <parties>', 'who else may send samples for it: owners of data', list, [])
      .option('--cohort <name>', 'in which cohort (default: the only one)'),
    'slytherin grant create clinic --models lenet,cryptonet --queries 100 --days 30'
  ).action(async (querier: string, options: CreateOptions) => {
    const { models, queries, decryptions, days, senders, cohort } = options
    const parameters = {
      querier,
      models,
      queries,
      days,
      senders,
      ...(decryptions === undefined ? {} : { decryptions }),
      ...(cohort === undefined ? {} : { cohort })
    }
    tell(await ask('grant.create', parameters, options, streams), options, streams, grant => describeGrants([grant]))
  })
  const listed = toParty(
    new Command('list').description('Grants that this party gave or was given, and what is left of them.'),
    'slytherin grant list'
  ).action(async (options: PartyOptions) => {
    const grants = await ask('grant.list', {}, options, streams)
    tell(grants, options, streams, all => describeGrants(all) || 'no grant yet: slytherin grant create QUERIER --models NAME\n')
  })
  const revoke = toParty(
    new Command('revoke')
      .description('End a grant of this party before its time.')
      .argument('<grant>', 'its identifier, or the beginning of it'),
    'slytherin grant revoke 5f2c91ab'
  ).action(async (grant: string, options: PartyOptions) => {
    tell(await ask('grant.revoke', { grant }, options, streams), options, streams, revoked => describeGrants([revoked]))
  })
  const command = new Command('grant').description('Who may ask which models, how often and until when.')
  for (const inner of [create, listed, revoke]) command.addCommand(inner)
  return command
}
