/**
 * Where channels stand so that a convolution in groups has few diagonals. What reads all channels has a diagonal for every distance of two of them, whatever their order. A
 * channel that is made of few others stands where those do, or a fixed way from there: the same distance for all, and so one diagonal for every place of the kernel.
 */
import { channelsPerPlane, type MapOrder, planesOf } from '../packing/map-order.js'

/** What an output channel of a layer stands with. */
export interface Partner {
  /** one of the input channels that it is made of */
  readonly channel: number
  /** output channels that stand with the same one and come before */
  readonly turn: number
}

/** Of every output channel; undefined where each is made of all input channels, and no place is better than another. */
export type Partners = readonly Partner[] | undefined

export const ownChannels = (channels: number): Partner[] => Array.from({ length: channels }, (_, channel) => ({ channel, turn: 0 }))

/** Of a convolution. */
export function partnersInGroups(channels: number, outputs: number, groups: number): Partners {
  if (groups === 1) return undefined
  const [read, made] = [channels / groups, outputs / groups]
  return Array.from({ length: outputs }, (_, output) => {
    const within = output % made
    return { channel: Math.floor(output / made) * read + (within % read), turn: Math.floor(within / read) }
  })
}

/** Where channels are chosen, or repeated; undefined where some are zeros. */
export function partnersChosen(indices: readonly number[]): Partners {
  if (indices.some(index => index < 0)) return undefined
  const seen = new Map<number, number>()
  return indices.map(channel => {
    const turn = seen.get(channel) ?? 0
    seen.set(channel, turn + 1)
    return { channel, turn }
  })
}

/** Of two layers, one after the other. */
export function partnersThrough(first: Partners, next: Partners): Partners {
  if (!first || !next) return undefined
  const turns = Math.max(...first.map(({ turn }) => turn)) + 1
  return next.map(({ channel, turn }) => ({ channel: first[channel]!.channel, turn: turn * turns + first[channel]!.turn }))
}

/**
 * Places of output channels whose maps have `stride` times the gap of those before: each in the plane of its partner or as many planes away as others are, in one of the holes
 * that the stride leaves there. Undefined for one after the other.
 * @param after the order without places
 */
export function placesAfter(before: MapOrder, after: MapOrder, partners: Partners, stride: number): number[] | undefined {
  if (!partners) return undefined
  const [shared, sharedAfter] = [channelsPerPlane(before), channelsPerPlane(after)]
  const planes = Math.ceil(after.channels / sharedAfter)
  const planesBefore = planesOf(before)
  const from = partners.map(({ channel, turn }) => {
    const place = before.places?.[channel] ?? channel
    return { plane: Math.floor(place / shared) + turn * planesBefore, within: place % shared }
  })
  const holes = sharedAfter / shared
  const used = [...new Set(from.map(({ plane }) => plane))].sort((a, b) => a - b)
  // planes of which nothing is read any more are left out where there is no room for them
  const tight = used.at(-1)! >= planes * holes
  if (tight && used.length > planes * holes) return undefined
  const rank = new Map(used.map((plane, index) => [plane, tight ? index : plane]))
  const places = from.map(({ plane, within }) => {
    const hole = Math.floor(rank.get(plane)! / planes)
    const down = Math.floor(within / before.gap) + (after.flat ? 0 : before.gap * Math.floor(hole / stride))
    const across = (within % before.gap) + before.gap * (hole % stride)
    return (rank.get(plane)! % planes) * sharedAfter + down * after.gap + across
  })
  return inOrder(places) ? undefined : places
}

/** Places in which the channels of a group are as far apart as groups are many: around a block there are then as many distances as channels in a group. */
export const placesByGroup = (channels: number, groups: number): number[] | undefined =>
  groups <= 1 || groups >= channels || channels % groups !== 0
    ? undefined
    : Array.from({ length: channels }, (_, channel) => {
        const size = channels / groups
        return (channel % size) * groups + Math.floor(channel / size)
      })

const inOrder = (places: readonly number[]): boolean => places.every((place, channel) => place === channel)
