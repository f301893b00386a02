/** Commands about models: put up, listed, taken back. */
import { WITHDRAWAL } from '@slytherin/protocol/service'
import type { CommandHandlers } from '../control/commands.js'
import type { ServiceContext } from './context.js'
import { epochInForce, releaseOf, releasesOf } from './lookup.js'
import { modelOptions } from './model-files.js'
import { modelReport, modelReports } from './status-report.js'

/** Kind of record: which revision of a model is being put up, by epoch and name; one that was cut short goes on with it. */
const BEGUN = 'publishing'

export function modelCommands(party: ServiceContext): Pick<CommandHandlers, 'model.publish' | 'model.list' | 'model.withdraw'> {
  return {
    'model.publish': async (
      { name, revision: given, cohort, batch, expectedQueries, workers, movable = false, ...file },
      { signal, progress }
    ) => {
      const { node, cryptography } = await party.core.get()
      const { records } = party.database
      const { epoch, record } = await epochInForce(node, cohort)
      const { holders, threshold, parameters, floodingBits, maximumDecryptions } = record.proposal
      const place = `${epoch} ${name}`
      const revision = given ?? ((await records.get(BEGUN, place)) as string | undefined) ?? (await nextRevision(party, name))
      const model = `${name} ${revision}`
      const wishes = {
        batch,
        parties: holders.length,
        threshold,
        minimumRefreshes: 0,
        floodingBits,
        maximumDecryptions,
        data: 'encrypted',
        weights: 'encrypted',
        ...(expectedQueries === undefined ? {} : { expectedQueries }),
        ...(workers === undefined ? {} : { workers })
      } as const
      await party.core.setModel(model, await modelOptions(file, wishes))
      await records.put(BEGUN, place, revision)
      progress({ text: `planning ${name}, revision ${revision}` })
      const release = await node.publisher.publish({
        epoch,
        model,
        name,
        revision,
        movable,
        planner: async (architecture, { keys }) =>
          await cryptography.planInto(architecture, wishes, { parameters, floodingBits, maximumDecryptions, ...keys }),
        onProgress: ({ done, total, what }) =>
          progress({ text: what === 'parts' ? 'encrypted parts' : 'evaluation keys', phase: what, done, total }),
        signal
      })
      await records.delete(BEGUN, place)
      const known = (await releasesOf(node)).find(one => one.release === release)!
      return modelReport(party, node, known)
    },
    'model.list': async () => await modelReports(party, (await party.core.get()).node),
    'model.withdraw': async ({ name, revision }) => {
      const { node } = await party.core.get()
      const known = await releaseOf(node, name, { owner: party.self, ...(revision === undefined ? {} : { revision }) })
      const { release, document } = known
      await node.issue(WITHDRAWAL, {
        kind: 'withdrawal',
        version: 1,
        epoch: document.epoch,
        release,
        owner: party.self,
        created: Date.now()
      })
      return modelReport(party, node, { ...known, withdrawn: true })
    }
  }
}

/** One more than the highest number so far. */
async function nextRevision(party: ServiceContext, name: string): Promise<string> {
  const { node } = await party.core.get()
  const own = (await releasesOf(node)).filter(({ document }) => document.owner === party.self && document.name === name)
  return String(Math.max(0, ...own.map(({ document }) => Number(document.revision)).filter(Number.isSafeInteger)) + 1)
}
