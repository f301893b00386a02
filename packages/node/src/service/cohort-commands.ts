/** Commands about keys: made, listed. */
import { randomBytes } from 'node:crypto'
import { DEFAULT_DECRYPTIONS, DEFAULT_REFRESHES, type EpochProposal } from '@slytherin/protocol/service'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import type { CommandHandlers } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import type { ServiceContext } from './context.js'
import { epochsOf, peerOf } from './lookup.js'
import { modelOptions } from './model-files.js'
import { epochReport } from './status-report.js'

const DAY = 86_400_000

export function cohortCommands(party: ServiceContext): Pick<CommandHandlers, 'cohort.create' | 'cohort.status'> {
  return {
    'cohort.status': async ({ name }) => {
      const { node } = await party.core.get()
      const epochs = await epochsOf(node, name)
      return { epochs: await Promise.all(epochs.map(async epoch => await epochReport(party, node, epoch))) }
    },
    'cohort.create': async (
      { name, for: models, batch, holders, witnesses: named, days, decryptions, floodingBits, expectedQueries, workers, ...given },
      { signal, progress }
    ) => {
      const { node, cryptography } = await party.core.get()
      if (!node.isEvaluator) {
        const evaluator = party.names.of(party.evaluator) ?? party.evaluator
        throw new CommandRefusedError('not-permitted', 'keys are made by the evaluator', `Give the command at ${evaluator}.`)
      }
      if (models.length === 0) {
        throw new CommandRefusedError(
          'wrong-parameters',
          'ring and keys follow from models',
          'Say which with --for MODEL.onnx, as often as there are models.'
        )
      }
      const { configuration } = party
      const keyHolders = configuration.roster.filter(({ roles }) => roles.includes('key-holder')).map(({ peerId }) => peerId)
      const peers = holders?.map(holder => peerOf(configuration, holder)) ?? keyHolders
      const stranger = peers.find(peer => !keyHolders.includes(peer))
      if (peers.length === 0 || stranger !== undefined) {
        const who = stranger === undefined ? 'nobody' : `${party.names.of(stranger)} not`
        throw new CommandRefusedError(
          'wrong-parameters',
          `${who} is a key-holder of the roster`,
          'Add the role to its line: slytherin roster add LINE.'
        )
      }
      const { threshold = Math.floor(peers.length / 2) + 1 } = given
      if (threshold > peers.length) {
        throw new CommandRefusedError(
          'wrong-parameters',
          `a threshold of ${threshold} with ${peers.length} holders`,
          'Give fewer, or more holders.'
        )
      }
      const witnesses = witnessesOf(configuration, named, threshold)
      const down = peers.filter(peer => peer !== party.self && !party.transport.connectedPeers.includes(peer))
      if (down.length > 0) {
        const who = down.map(peer => party.names.of(peer)).join(', ')
        throw new CommandRefusedError('not-ready', `not connected: ${who}`, 'Start them: all holders take part when keys are made.')
      }
      progress({ text: `planning for ${models.length} model${models.length === 1 ? '' : 's'}` })
      const maximumDecryptions = decryptions ?? DEFAULT_DECRYPTIONS
      const wishes = {
        batch,
        parties: peers.length,
        threshold,
        minimumRefreshes: 0,
        maximumDecryptions,
        data: 'encrypted',
        weights: 'encrypted',
        ...(floodingBits === undefined ? {} : { floodingBits }),
        ...(expectedQueries === undefined ? {} : { expectedQueries }),
        ...(workers === undefined ? {} : { workers })
      } as const
      const terms = await cryptography.keyTerms(await Promise.all(models.map(async model => await modelOptions(model, wishes))))
      signal.throwIfAborted()
      const created = Date.now()
      const proposal: EpochProposal = {
        kind: 'epoch-proposal',
        version: 1,
        cohort: name,
        nonce: randomBytes(16).toString('hex'),
        created,
        expires: created + Math.round(days * DAY),
        evaluator: party.self,
        holders: peers.map((peer, k) => ({ peer, point: k + 1 })),
        threshold,
        witnesses,
        proofs: true,
        maximumRefreshes: DEFAULT_REFRESHES,
        ...terms
      }
      const stop = party.keyProgress.listen(({ step, done, total }) =>
        progress({ text: step, phase: 'keys', ...(total > 0 ? { done, total } : {}) })
      )
      try {
        const { document: record } = await node.createEpoch(proposal, signal)
        return await epochReport(party, node, { epoch: record.sharing.epoch, record, sharing: record.sharing })
      } finally {
        stop()
      }
    }
  }
}

/** Peer ids of those named, otherwise of all of the roster where they can follow. @throws CommandRefusedError */
function witnessesOf(configuration: ServiceConfiguration, named: readonly string[] | undefined, threshold: number): string[] {
  const known = configuration.roster.filter(({ roles }) => roles.includes('witness')).map(({ peerId }) => peerId)
  if (named === undefined) return threshold > 1 ? known : []
  const peers = named.map(name => peerOf(configuration, name))
  const stranger = named.find((_, k) => !known.includes(peers[k]!))
  if (stranger !== undefined) {
    throw new CommandRefusedError(
      'wrong-parameters',
      `${stranger} is not a witness of the roster`,
      'Add the role to its line: slytherin roster add LINE.'
    )
  }
  if (peers.length === 0 || threshold > 1) return peers
  throw new CommandRefusedError(
    'wrong-parameters',
    'witnesses with a threshold of 1',
    'No witness can follow where one share is enough: take a higher threshold, or --no-witnesses.'
  )
}
