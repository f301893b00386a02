/** Commands about grants: given, listed, revoked. */
import { randomBytes } from 'node:crypto'
import { GRANT, type Grant, identify, REVOCATION } from '@slytherin/protocol/service'
import type { CommandHandlers } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import type { ServiceContext } from './context.js'
import { epochInForce, epochsOf, type KnownEpoch, onlyOne, peerOf, releasesOf } from './lookup.js'
import { grantReport, grantReports } from './status-report.js'

const DAY = 86_400_000
/** Result ciphertexts of a query of a model that is not known yet. */
const USUAL_RESULTS = 16
/** A lost holder costs another attempt, which counts. */
const ATTEMPTS = 2

export function grantCommands(party: ServiceContext): Pick<CommandHandlers, 'grant.create' | 'grant.list' | 'grant.revoke'> {
  return {
    'grant.create': async ({ querier, senders, models, queries, decryptions, days, cohort }) => {
      const { configuration, roles } = party
      const { node } = await party.core.get()
      if (!roles.includes('model-owner')) {
        throw new CommandRefusedError('not-permitted', 'grants are given by the owners of models', 'This party is none in its roster.')
      }
      const { epoch } = await epochOfModels(party, models, cohort)
      const peer = peerOf(configuration, querier)
      const created = Date.now()
      const grant: Grant = {
        kind: 'grant',
        version: 1,
        epoch,
        issuer: party.self,
        querier: peer,
        senders: [...new Set([peer, ...senders.map(sender => peerOf(configuration, sender))])],
        models,
        nonce: randomBytes(16).toString('hex'),
        created,
        // It goes with models that are moved to the keys that follow.
        expires: created + Math.round(days * DAY),
        queries,
        decryptions: decryptions ?? queries * ATTEMPTS * (await resultsOf(party, models))
      }
      const identifier = await node.issue(GRANT, grant)
      return await grantReport(party, node, identifier, grant)
    },
    'grant.list': async () => await grantReports(party, (await party.core.get()).node),
    'grant.revoke': async ({ grant: beginning }) => {
      const { node } = await party.core.get()
      const own = (await node.all(GRANT)).map(({ document }) => document).filter(({ issuer }) => issuer === party.self)
      const grant = onlyOne(own, beginning, one => identify(GRANT, one), 'grant of this party', 'slytherin grant list')
      const identifier = identify(GRANT, grant)
      if (!(await node.books.isRevoked(grant.epoch, identifier))) {
        await node.issue(REVOCATION, {
          kind: 'revocation',
          version: 1,
          epoch: grant.epoch,
          grant: identifier,
          issuer: party.self,
          created: Date.now()
        })
      }
      return await grantReport(party, node, identifier, grant)
    }
  }
}

/** The epoch in which these models are: their latest revisions may lag behind the newest keys. @throws CommandRefusedError for models of several */
async function epochOfModels(
  party: ServiceContext,
  models: readonly string[],
  cohort: string | undefined
): Promise<Pick<KnownEpoch, 'epoch'>> {
  const { node } = await party.core.get()
  const inForce = await epochInForce(node, cohort)
  const own = (await releasesOf(node)).filter(({ withdrawn, document: { owner } }) => !withdrawn && owner === party.self)
  const latest = models.flatMap(name => own.find(({ document }) => document.name === name) ?? [])
  const epochs = new Set(latest.map(({ document }) => document.epoch))
  if (epochs.size > 1) {
    const remedy = 'Give one grant for each, or publish them into the same keys.'
    throw new CommandRefusedError('ambiguous', `${models.join(', ')} are under different keys`, remedy)
  }
  const [epoch = inForce.epoch] = epochs
  const known = (await epochsOf(node)).find(one => one.epoch === epoch)
  return known !== undefined && known.record.proposal.cohort === inForce.record.proposal.cohort ? known : inForce
}

/** Result ciphertexts that a query of these models has at most. */
async function resultsOf(party: ServiceContext, models: readonly string[]): Promise<number> {
  const { node } = await party.core.get()
  const meant = (await releasesOf(node)).filter(
    ({ document }) => document.owner === party.self && (models.includes('*') || models.includes(document.name))
  )
  const counts = meant.map(({ document: { plan } }) => plan.output.ciphertextsPerBlock * plan.batchBlocks)
  return Math.max(...(counts.length === 0 ? [USUAL_RESULTS] : counts))
}
