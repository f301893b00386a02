/** Whom an attempt asks, for a witness, who follows attempts of every sharing that there was. */
import { canonicalJson } from '../../base/canonical.js'
import { MalformedMessageError, StaleSharingError } from '../../errors/errors.js'
import type { SharingRecord } from './epoch.js'

/** An attempt's name, as far as it is checked here. */
interface Named {
  readonly sharing: {
    readonly generation: number
    readonly lineage: string
    readonly threshold: number
    readonly points: readonly number[]
  }
  readonly query: string
  readonly step: string
  readonly active: readonly number[]
}

/**
 * @param place   query and step that it must be of
 * @param sharings that this party knows, each signed by its holders
 * @returns peers of the active holders, in the order of their points
 * @throws StaleSharingError for a sharing that is not known here; MalformedMessageError unless t of its points are active, ascending
 */
export function attemptOf(
  { sharing, query, step, active }: Named,
  place: { readonly query: string; readonly step: string },
  sharings: readonly SharingRecord[],
  kind: string,
  peer: string
): string[] {
  const malformed = (field: string, expected: string, actual: string): MalformedMessageError =>
    new MalformedMessageError({ peer, kind, field: `attempt.${field}`, expected, actual: actual.slice(0, 200) })
  if (query !== place.query) throw malformed('query', place.query, query)
  if (step !== place.step) throw malformed('step', place.step, step)
  const known = sharings.find(({ generation, lineage, threshold, holders }) => {
    const points = holders.map(({ point }) => point)
    return canonicalJson(sharing) === canonicalJson({ generation, lineage, threshold, points })
  })
  if (known === undefined) {
    throw new StaleSharingError({
      peer,
      kind,
      field: 'attempt.sharing',
      expected: 'a sharing that is known here',
      actual: `generation ${sharing.generation} of ${sharing.threshold} of ${sharing.points.length}`,
      remedy: 'This party is told of the current sharing when it connects.'
    })
  }
  const peers = active.map(point => known.holders.find(holder => holder.point === point)?.peer)
  const ascending = active.every((point, k) => k === 0 || point > active[k - 1]!)
  if (active.length !== known.threshold || !ascending || peers.includes(undefined)) {
    throw malformed('active', `${known.threshold} points of ${sharing.points.join(', ')}, ascending`, active.join(', '))
  }
  return peers as string[]
}
