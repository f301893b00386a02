/**
 * Orders of the values of feature maps. A convolution is a matrix with few diagonals where its result stands in the places that its kernel is centred on. After a stride of s
 * only every s-th place of a row, and every s-th row, is one; the places between hold other channels (multiplexed packing, eprint 2021/1688, section 4).
 *
 * With r positions to a row of places, p to a plane and a gap of g, value (y, x) of channel c stands at
 *
 *   origin + ⌊c/g²⌋·p + (y·g + ⌊(c mod g²)/g⌋)·r + x·g + c mod g
 *
 * A tap (u, v) of a kernel that moves by s over maps of gap g is then the diagonal (u·g + a)·r + v·g + b for few a and b, whatever the position is.
 *
 * Maps of one row (`flat`) have g channels to a plane: origin + ⌊c/g⌋·p + x·g + c mod g. Where a convolution in groups would otherwise have its result far from what it
 * reads, channels stand in an order of their own (`places`): c is then the place of the channel.
 */
import * as z from 'zod'
import type { Layout } from './layout.js'
import { nextPowerOfTwo, once } from './layout.js'

const count = z
  .int()
  .min(1)
  .max(2 ** 24)

export const mapOrderSchema = z.strictObject({
  channels: count,
  height: count,
  width: count,
  /** r */
  row: count,
  /** p */
  plane: count,
  /** g */
  gap: z.int().min(1).max(64),
  /** position of the first value */
  origin: z
    .int()
    .min(0)
    .max(2 ** 24),
  /** by channel, its place among those of all planes; one after the other when not given */
  places: z
    .array(
      z
        .int()
        .min(0)
        .max(2 ** 24)
    )
    .optional(),
  /** places between values of a row hold channels, those between rows do not; absent where both do */
  flat: z.literal(true).optional()
})

export type MapOrder = Readonly<z.infer<typeof mapOrderSchema>>

/** No order takes more positions than so many for every value, and these. */
const POSITIONS_PER_VALUE = 64
const POSITIONS_FREE = 2 ** 14
/** And no more than so many in all: a plan comes from others, and places are listed one by one. */
const MOST_POSITIONS = 2 ** 22

/** Channels that share a plane. */
export const channelsPerPlane = ({ gap, flat }: Pick<MapOrder, 'gap' | 'flat'>): number => (flat ? gap : gap * gap)

/** Planes that the places of all channels take. */
export function planesOf(order: MapOrder): number {
  const { channels, places } = order
  const last = places ? places.reduce((most, place) => Math.max(most, place), 0) : channels - 1
  return Math.floor(last / channelsPerPlane(order)) + 1
}

const positionsOf = (order: MapOrder): number => planesOf(order) * order.plane

/** Whether every value has a place of its own, and there are not absurdly many places. */
export function isSound(order: MapOrder): boolean {
  const { channels, height, width, row, plane, gap, origin, places, flat } = order
  if (places && (places.length !== channels || new Set(places).size !== channels)) return false
  if (flat && height > 1) return false
  const last = origin + (flat ? 0 : (height * gap - 1) * row) + width * gap
  const most = Math.min(POSITIONS_PER_VALUE * channels * height * width + POSITIONS_FREE, MOST_POSITIONS)
  return width * gap <= row && last <= plane && positionsOf(order) <= most
}

/** Feature, in channel-row-column order, at every position; -1 where there is none. Not to be changed. */
export function featuresByPosition(order: MapOrder): Int32Array {
  const { channels, height, width, row, plane, gap, origin, places, flat } = order
  return once([channels, height, width, row, plane, gap, origin, flat, places].join(), () => placeFeatures(order))
}

function placeFeatures(order: MapOrder): Int32Array {
  const { channels, height, width, row, plane, gap, origin, places } = order
  const perPlane = channelsPerPlane(order)
  const out = new Int32Array(positionsOf(order)).fill(-1)
  for (let channel = 0, feature = 0; channel < channels; channel++) {
    const place = places?.[channel] ?? channel
    const within = place % perPlane
    const first = origin + Math.floor(place / perPlane) * plane + Math.floor(within / gap) * row + (within % gap)
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) out[first + y * gap * row + x * gap] = feature++
  }
  return out
}

/** By features and width: a planner lays the same maps out many times. */
const laidOut = new WeakMap<Int32Array, Layout[]>()

/** Positions `width` to a block; where one block holds them all, repeated in it with a period that is a power of two. Features must not be changed afterwards. */
export function orderedLayout(features: Int32Array, width: number): Layout {
  const known = laidOut.get(features) ?? []
  laidOut.set(features, known)
  known[width] ??= layOut(features, width)
  return known[width]
}

function layOut(features: Int32Array, width: number): Layout {
  const period = Math.min(width, nextPowerOfTwo(features.length))
  const blocks: Int32Array[] = []
  for (let first = 0; first < features.length; first += width) {
    const block = new Int32Array(width).fill(-1)
    const held = features.subarray(first, first + width)
    for (let position = 0; position < width; position += period) block.set(held, position)
    blocks.push(block)
  }
  return { width, period, blocks }
}
