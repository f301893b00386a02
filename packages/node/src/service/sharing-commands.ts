/** Commands that give the shares of a cohort's keys anew, to the same holders or to others, keys and models staying; and that which makes the keys that follow. */
import type { ServiceNode } from '@slytherin/protocol/service'
import type { CommandContext, CommandHandlers } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import type { EpochReport } from '../control/reports.js'
import type { ServiceContext } from './context.js'
import { epochInForce, epochsOf, type KnownEpoch, peerOf } from './lookup.js'
import { epochReport } from './status-report.js'

type SharingCommand = 'cohort.join' | 'cohort.leave' | 'cohort.reshare' | 'cohort.renew' | 'cohort.next'

const DAY = 86_400_000

export function sharingCommands(party: ServiceContext): Pick<CommandHandlers, SharingCommand> {
  const shared = async (
    name: string,
    { signal, progress }: CommandContext,
    /** @returns the epoch that is to be reported, where it is another one */
    work: (node: ServiceNode, known: KnownEpoch, signal: AbortSignal) => Promise<unknown>
  ): Promise<EpochReport> => {
    const { node } = await party.core.get()
    if (!node.isEvaluator) {
      const evaluator = party.names.of(party.evaluator) ?? party.evaluator
      throw new CommandRefusedError('not-permitted', 'keys and shares are made by the evaluator', `Give the command at ${evaluator}.`)
    }
    const known = await epochInForce(node, name)
    const stop = party.keyProgress.listen(({ step }) => progress({ text: step, phase: 'sharing' }))
    let made: unknown
    try {
      made = await work(node, known, signal)
    } finally {
      stop()
    }
    const reported = typeof made === 'string' ? made : known.epoch
    const now = (await epochsOf(node, name)).find(({ epoch }) => epoch === reported) ?? known
    return await epochReport(party, node, now)
  }
  const peersOf = ({ sharing }: KnownEpoch): string[] => sharing.holders.map(({ peer }) => peer)
  return {
    'cohort.renew': async ({ name }, context) =>
      await shared(name, context, async (node, { epoch }, signal) => await node.renew(epoch, signal)),
    'cohort.next': async ({ name, days }, context) =>
      await shared(name, context, async (node, { epoch }, signal) => {
        const life = days === undefined ? {} : { expires: Date.now() + Math.round(days * DAY) }
        return (await node.nextEpoch(epoch, signal, life)).document.sharing.epoch
      }),
    'cohort.reshare': async ({ name, holders, threshold, lost = [] }, context) =>
      await shared(name, context, async (node, known, signal) => {
        const peers = holders?.map(holder => peerOf(party.configuration, holder)) ?? peersOf(known)
        const without = new Set(lost.map(holder => peerOf(party.configuration, holder)))
        await node.reshare(known.epoch, peers, threshold ?? known.sharing.threshold, signal, without)
      }),
    'cohort.join': async ({ name, holder, threshold }, context) =>
      await shared(name, context, async (node, known, signal) => {
        const peer = peerOf(party.configuration, holder)
        const peers = peersOf(known)
        // One that is a holder already has lost its share, or it would not be given one.
        const without = new Set(peers.filter(other => other === peer))
        await node.reshare(known.epoch, [...new Set([...peers, peer])], threshold ?? known.sharing.threshold, signal, without)
      }),
    'cohort.leave': async ({ name, holder, threshold }, context) =>
      await shared(name, context, async (node, known, signal) => {
        const peer = peerOf(party.configuration, holder)
        const peers = peersOf(known)
        if (!peers.includes(peer)) {
          throw new CommandRefusedError('not-found', `${holder} holds no share of ${name}`, 'See who does: slytherin cohort status.')
        }
        const rest = peers.filter(other => other !== peer)
        await node.reshare(known.epoch, rest, threshold ?? Math.min(known.sharing.threshold, rest.length), signal)
      })
  }
}
