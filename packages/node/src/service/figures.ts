/** The party in numbers, and what it lacks to be of use: read for metrics and for health. */
import { StaleSharingError } from '@slytherin/protocol'
import type { ServiceNode } from '@slytherin/protocol/service'
import type { EpochReport } from '../control/reports.js'
import type { EpochFigures, Figures, Missing, PeerFigures } from '../monitoring/figures.js'
import { freeBytes } from '../storage/free-bytes.js'
import type { ServiceContext } from './context.js'
import { epochsOf, releasesOf } from './lookup.js'
import { epochReport } from './status-report.js'

/** Below, writing is about to fail. */
const LEAST_DISK = 64 * 2 ** 20
const STATES = ['open', 'queued', 'running', 'done'] as const

export async function figuresOf(party: ServiceContext): Promise<Figures> {
  const { core, transport } = party
  const node = core.current?.node
  const epochs = node === undefined ? [] : await epochFigures(party, node)
  const models = node === undefined ? 0 : (await releasesOf(node)).filter(({ withdrawn }) => !withdrawn).length
  const report = node?.queries?.report()
  const diskFreeBytes = await freeBytes(party.configuration.state)
  const known = {
    epochs,
    models,
    ...(report === undefined
      ? {}
      : {
          queue: {
            states: Object.fromEntries(STATES.map(state => [state, report.states[state] ?? 0])),
            bytes: report.bytes,
            limit: report.limits.queries,
            limitBytes: report.limits.bytes
          }
        }),
    peers: party.configuration.roster
      .filter(({ peerId }) => peerId !== party.self)
      .map(({ peerId, name }): PeerFigures => {
        const clockOffsetSeconds = transport.clockOffset(peerId)
        return {
          name,
          up: speaksWith(party, peerId) ? transport.connectedPeers.includes(peerId) : undefined,
          sent: transport.bytes.sent(peerId),
          received: transport.bytes.received(peerId),
          ...(clockOffsetSeconds === undefined ? {} : { clockOffsetSeconds })
        }
      }),
    restarts: core.crashes,
    started: party.started,
    ...(diskFreeBytes === undefined ? {} : { diskFreeBytes })
  }
  return { ...known, ready: missing(party, known).length === 0 }
}

/** Nothing, where the party is of use to others. */
export function missing(party: ServiceContext, { epochs, queue, peers, diskFreeBytes }: Omit<Figures, 'ready'>): Missing[] {
  const lacking: Missing[] = []
  if (party.core.current === undefined) {
    lacking.push({
      what: 'cryptography',
      message: 'the thread of cryptography is being started',
      remedy: 'Wait; where it stays so, see the last errors of "slytherin status".'
    })
  } else {
    lacking.push(...missingKeys(party, epochs))
  }
  const evaluator = party.names.of(party.evaluator) ?? party.evaluator
  if (party.self !== party.evaluator && peers.find(({ name }) => name === evaluator)?.up !== true) {
    lacking.push({
      what: 'peers',
      message: `${evaluator}, the evaluator, is not connected`,
      remedy: 'Run "slytherin doctor" here, and see whether it runs.'
    })
  }
  for (const { cohort, threshold, holdersUp } of epochs) {
    if (holdersUp === undefined || holdersUp >= threshold) continue
    lacking.push({
      what: 'peers',
      message: `${holdersUp} key holders of ${cohort} are connected, and ${threshold} are needed`,
      remedy: 'Queries wait until they are back: see "slytherin cohort status".'
    })
  }
  if (queue !== undefined) {
    const waiting = Object.values(queue.states).reduce((sum, count) => sum + count, 0)
    if (waiting >= queue.limit || queue.bytes >= queue.limitBytes) {
      lacking.push({
        what: 'queue',
        message: `the queue is full: ${waiting} of ${queue.limit} queries, ${queue.bytes} of ${queue.limitBytes} bytes`,
        remedy: 'Wait until answers are fetched, or raise cohort.limits.'
      })
    }
  }
  if (diskFreeBytes !== undefined && diskFreeBytes < LEAST_DISK) {
    lacking.push({
      what: 'disk',
      message: `${diskFreeBytes} bytes are free where the state is`,
      remedy: 'Make room: the party goes on by itself.'
    })
  }
  return lacking
}

function missingKeys({ roles, configuration: { name } }: ServiceContext, epochs: readonly EpochFigures[]): Missing[] {
  if (epochs.length === 0) {
    return [
      {
        what: 'keys',
        message: 'no keys in force are known here',
        remedy: 'Make them at the evaluator: slytherin cohort create NAME --for MODEL.onnx.'
      }
    ]
  }
  const lost = epochs.filter(({ share }) => share === 'lost')
  if (lost.length > 0) {
    return lost.map(({ cohort }) => ({
      what: 'keys',
      message: `this key holder's share of the keys of ${cohort} is not there`,
      remedy: `Give it another one at the evaluator: slytherin cohort join ${cohort} ${name}.`
    }))
  }
  if (!roles.includes('key-holder') || epochs.some(({ share }) => share === 'held')) return []
  return [
    {
      what: 'keys',
      message: 'this key holder has no share of keys in force',
      remedy: 'Give it one at the evaluator: slytherin cohort join NAME HOLDER.'
    }
  ]
}

/** Everybody speaks with the evaluator, and it with everybody. */
function speaksWith(party: ServiceContext, peer: string): boolean {
  return party.self === party.evaluator || peer === party.evaluator
}

/** Sharings of which a node is known to have its share: asked of its cryptography once. */
const held = new WeakMap<ServiceNode, Set<string>>()

async function shareOf(node: ServiceNode, { epoch, generation }: EpochReport): Promise<'held' | 'lost'> {
  const known = held.get(node) ?? new Set()
  held.set(node, known)
  const sharing = `${epoch} ${generation}`
  if (known.has(sharing)) return 'held'
  try {
    await node.epochs.checkShare(epoch)
    known.add(sharing)
    return 'held'
  } catch (error) {
    if (error instanceof StaleSharingError) return 'lost'
    throw error
  }
}

async function epochFigures(party: ServiceContext, node: ServiceNode): Promise<EpochFigures[]> {
  const known = (await epochsOf(node)).filter(({ record }) => record.proposal.expires > Date.now())
  return await Promise.all(
    known.map(async epoch => {
      const report = await epochReport(party, node, epoch)
      const { holders } = report
      return {
        epoch: report.epoch,
        cohort: report.cohort,
        expires: report.expires,
        threshold: report.threshold,
        holders: holders.length,
        share: holders.some(({ peer }) => peer === party.self) ? await shareOf(node, report) : 'none',
        ...(node.isEvaluator ? { holdersUp: holders.filter(({ state }) => state === 'up' || state === 'this party').length } : {}),
        ...(report.decryptions === undefined ? {} : { decryptions: report.decryptions }),
        ...(report.refreshes === undefined ? {} : { refreshes: report.refreshes })
      }
    })
  )
}
