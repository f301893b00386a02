/** What commands name by a name or the beginning of an identifier. */
import {
  EPOCH,
  type EpochRecord,
  formerReleases,
  RELEASE,
  type Release,
  type ServiceNode,
  SHARING,
  type SharingRecord,
  WITHDRAWAL
} from '@slytherin/protocol/service'
import type { ServiceConfiguration } from '../configuration/service-schema.js'
import { CommandRefusedError } from '../control/errors.js'

export interface KnownEpoch {
  readonly epoch: string
  readonly record: EpochRecord
  /** As far as this party has heard. */
  readonly sharing: SharingRecord
}

export interface KnownRelease {
  readonly release: string
  readonly document: Release
  readonly withdrawn: boolean
}

/** Peer id of a party of the roster. @throws CommandRefusedError */
export function peerOf({ roster }: ServiceConfiguration, party: string): string {
  const found = roster.find(({ name, peerId }) => name === party || peerId === party)
  if (found !== undefined) return found.peerId
  throw new CommandRefusedError(
    'not-found',
    `no party of the roster is called "${party}"`,
    `It knows ${roster.map(({ name }) => name).join(', ')}; add others with "slytherin roster add LINE".`
  )
}

/** Newest first. */
export async function epochsOf(node: ServiceNode, cohort?: string): Promise<KnownEpoch[]> {
  const sharings = (await node.all(SHARING)).map(({ document }) => document)
  const epochs = (await node.all(EPOCH)).map(({ document: record }) => {
    const later = sharings.filter(({ epoch }) => epoch === record.sharing.epoch)
    const sharing = [record.sharing, ...later].reduce((a, b) => (b.generation > a.generation ? b : a))
    return { epoch: record.sharing.epoch, record, sharing }
  })
  return epochs
    .filter(({ record }) => cohort === undefined || record.proposal.cohort === cohort)
    .sort((a, b) => b.record.proposal.created - a.record.proposal.created)
}

/** The cohort's keys that are in force; of the only cohort where none is named. @throws CommandRefusedError */
export async function epochInForce(node: ServiceNode, cohort?: string): Promise<KnownEpoch> {
  const alive = (await epochsOf(node, cohort)).filter(({ record }) => record.proposal.expires > Date.now())
  const cohorts = new Set(alive.map(({ record }) => record.proposal.cohort))
  if (cohorts.size > 1) {
    throw new CommandRefusedError('ambiguous', `this party knows the cohorts ${[...cohorts].join(', ')}`, 'Say which one with --cohort.')
  }
  if (alive[0] !== undefined) return alive[0]
  const what =
    cohort === undefined ? 'no cohort with keys in force is known here' : `no keys in force of a cohort "${cohort}" are known here`
  throw new CommandRefusedError('not-found', what, 'Make them at the evaluator: slytherin cohort create NAME --for MODEL.onnx.')
}

export async function releasesOf(node: ServiceNode): Promise<KnownRelease[]> {
  const withdrawn = new Set((await node.all(WITHDRAWAL)).map(({ document }) => document.release))
  const releases = (await node.named(RELEASE)).map(({ identifier: release, signed: { document } }) => {
    // A model that was moved is withdrawn under all keys.
    return { release, document, withdrawn: [release, ...formerReleases(document)].some(name => withdrawn.has(name)) }
  })
  return releases.sort((a, b) => b.document.created - a.document.created)
}

/** The latest of a model that was not withdrawn. @throws CommandRefusedError */
export async function releaseOf(
  node: ServiceNode,
  name: string,
  wanted: { readonly revision?: string; readonly owner?: string } = {}
): Promise<KnownRelease> {
  const all = (await releasesOf(node)).filter(({ withdrawn }) => !withdrawn)
  const found = all.filter(
    ({ document }) =>
      document.name === name &&
      (wanted.revision === undefined || document.revision === wanted.revision) &&
      (wanted.owner === undefined || document.owner === wanted.owner)
  )
  const owners = new Set(found.map(({ document }) => document.owner))
  if (owners.size > 1)
    throw new CommandRefusedError('ambiguous', `several owners have put up a model "${name}"`, 'Let one of them rename it.')
  if (found[0] !== undefined) return found[0]
  const known = [...new Set(all.map(({ document }) => document.name))].join(', ') || 'none'
  throw new CommandRefusedError('not-found', `no model "${name}" is known here`, `Models: ${known}. See "slytherin model list".`)
}

/** The only one that begins so. @throws CommandRefusedError */
export function onlyOne<T>(all: readonly T[], beginning: string, identifier: (one: T) => string, what: string, list: string): T {
  const found = all.filter(one => identifier(one).startsWith(beginning))
  if (found.length === 1) return found[0]!
  if (found.length === 0) throw new CommandRefusedError('not-found', `no ${what} here begins with ${beginning}`, `See "${list}".`)
  throw new CommandRefusedError('ambiguous', `${found.length} of what is here begin with ${beginning}`, 'Give more of it.')
}
