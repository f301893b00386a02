/** Where values of feature maps may stand, so that convolutions have few diagonals: what a planner tries. */
import type { Architecture, MapPart } from '../architecture/architecture.js'
import type { LinearOperation } from '../architecture/linear-operations.js'
import { readsOf } from '../architecture/values.js'
import { outputSize } from '../graph/geometry.js'
import { nextPowerOfTwo } from '../packing/layout.js'
import { isSound, type MapOrder } from '../packing/map-order.js'
import {
  ownChannels,
  type Partners,
  partnersChosen,
  partnersInGroups,
  partnersThrough,
  placesAfter,
  placesByGroup
} from './channel-places.js'

interface Maps {
  readonly channels: number
  readonly height: number
  readonly width: number
}

/** A layer from maps to maps. */
interface MapsLayer {
  readonly input: Maps
  readonly output: Maps
  /** down and across */
  readonly strides: readonly [number, number]
  /** places above and to the left that the first window reaches over the edge */
  readonly reach: readonly [number, number]
  /** what the channels of the output stand with */
  readonly partners: Partners
}

/** Fewer positions to a block than this, and a row of places is scattered over blocks. */
const LEAST_WIDTH = 16

/** Undefined where a layer is something else; 'any' where it works on every value by itself. */
function mapsOf(operations: readonly LinearOperation[]): MapsLayer | 'any' | undefined {
  let found: MapsLayer | undefined
  for (const operation of operations) {
    const next = operationMaps(operation)
    if (next === undefined) return undefined
    if (next !== 'any') found = found ? following(found, next) : next
  }
  return found ?? 'any'
}

const following = ({ input, strides, reach, partners }: MapsLayer, next: MapsLayer): MapsLayer => ({
  input,
  output: next.output,
  strides: [strides[0] * next.strides[0], strides[1] * next.strides[1]],
  reach: [reach[0] + strides[0] * next.reach[0], reach[1] + strides[1] * next.reach[1]],
  partners: partnersThrough(partners, next.partners)
})

function operationMaps(operation: LinearOperation): MapsLayer | 'any' | undefined {
  if (operation.kind === 'elementwise') return 'any'
  if (operation.kind === 'sum') {
    const branches = operation.branches.map(mapsOf)
    return branches.includes(undefined) ? undefined : summedMaps(branches.filter(branch => branch !== undefined))
  }
  if (operation.kind === 'take') return takenMaps(operation)
  if (operation.kind !== 'convolution' && operation.kind !== 'averagePool') return undefined
  const { geometry } = operation
  const { channels, height, width, strides, pads } = geometry
  const [rows, columns] = outputSize(geometry)
  return {
    input: { channels, height, width },
    output: { channels: operation.kind === 'convolution' ? operation.geometry.outputChannels : channels, height: rows, width: columns },
    strides,
    reach: [pads[0], pads[1]],
    partners:
      operation.kind === 'convolution'
        ? partnersInGroups(channels, operation.geometry.outputChannels, operation.geometry.groups)
        : ownChannels(channels)
  }
}

/** A branch in which channels keep to themselves says where they stand. */
function summedMaps(branches: readonly (MapsLayer | 'any')[]): MapsLayer | 'any' {
  const maps = branches.filter(branch => branch !== 'any')
  const found = maps.find(({ partners }) => partners) ?? maps[0]
  if (!found) return 'any'
  return maps.length < branches.length ? { ...found, partners: ownChannels(found.output.channels) } : found
}

/** Channels chosen, repeated or added, or every s-th row or column from the first. */
function takenMaps({ shape, axis, indices }: Extract<LinearOperation, { kind: 'take' }>): MapsLayer | undefined {
  const [channels, height, width] = shape
  if (channels === undefined || height === undefined || width === undefined || shape.length !== 3) return undefined
  const input = { channels, height, width }
  const length = indices.length
  if (axis === 0)
    return { input, output: { ...input, channels: length }, strides: [1, 1], reach: [0, 0], partners: partnersChosen(indices) }
  const step = indices[1] ?? 1
  if (step < 1 || indices.some((index, k) => index !== k * step)) return undefined
  const partners = ownChannels(channels)
  return axis === 1
    ? { input, output: { ...input, height: length }, strides: [step, 1], reach: [0, 0], partners }
    : { input, output: { ...input, width: length }, strides: [1, step], reach: [0, 0], partners }
}

const layerMaps = (layer: Architecture['layers'][number] | undefined): MapsLayer | undefined => {
  const found = layer?.kind === 'affine' ? mapsOf(layer.operations) : undefined
  return found === 'any' ? undefined : found
}

const turned = ({ channels, height, width }: Maps): Maps => ({ channels, height: width, width: height })

/** Maps of one row or one column, as rows. */
function asRows(maps: MapsLayer): MapsLayer {
  const { input, output, strides, reach } = maps
  if (input.height === 1 && output.height === 1) return { ...maps, strides: [strides[1], strides[1]], reach: [0, reach[1]] }
  return { ...maps, input: turned(input), output: turned(output), strides: [strides[0], strides[0]], reach: [0, reach[0]] }
}

const inOneLine = ({ input, output }: MapsLayer): boolean =>
  input.height * input.width > 1 && ((input.height === 1 && output.height === 1) || (input.width === 1 && output.width === 1))

/** Orders in which the data owner may lay out its maps; none where the first layer is no convolution, or blocks are narrow. */
export function inputOrders({ layers }: Architecture, width: number): MapOrder[] {
  const own = layerMaps(layers[0])
  if (!own || width < LEAST_WIDTH) return []
  const flat = inOneLine(own)
  const { input, output, strides, reach } = flat ? asRows(own) : own
  if (strides[0] !== strides[1]) return []
  const [stride] = strides
  const columns = Math.max(input.width, output.width * stride)
  const rows = flat ? 1 : Math.max(input.height, output.height * stride)
  const places = placesByGroup(input.channels, groupsAhead(layers, 0))
  const order = (row: number, plane: number, origin: number): MapOrder => ({
    ...input,
    row,
    plane,
    gap: 1,
    origin,
    ...(places ? { places } : {}),
    ...(flat ? { flat } : {})
  })
  const aligned = nextPowerOfTwo(columns)
  // with the first value so far in, no diagonal is below the first
  const origin = (flat ? 0 : (reach[0] + stride - 1) * aligned) + reach[1] + stride - 1
  const whole = order(aligned, nextPowerOfTwo(origin + rows * aligned), origin)
  const tight = order(columns, rows * columns, 0)
  const tried = [...(whole.plane * input.channels <= width ? [whole] : []), tight, order(aligned, rows * aligned, 0)]
  const same = (a: MapOrder, b: MapOrder): boolean => a.row === b.row && a.plane === b.plane && a.origin === b.origin
  return tried.filter((candidate, k) => isSound(candidate) && tried.findIndex(other => same(other, candidate)) === k)
}

/**
 * Where the result of a layer stands whose input stands so; undefined where no order of maps fits it.
 * @param groups of the convolution that the result is for; none where it may be any
 */
export function orderAfter(layer: Pick<MapPart, 'operations'>, before: MapOrder, groups = 1): MapOrder | undefined {
  const own = mapsOf(layer.operations)
  if (own === undefined) return undefined
  if (own === 'any') return before
  const { row, plane, flat } = before
  if (flat && !inOneLine(own) && own.input.width > 1) return undefined
  const { input, output, strides, partners } = flat ? asRows(own) : own
  if (input.channels !== before.channels || input.height !== before.height || input.width !== before.width) return undefined
  if (strides[0] !== strides[1]) return undefined
  const [stride] = strides
  const after: MapOrder = { ...output, row, plane, gap: before.gap * stride, origin: 0, ...(flat ? { flat } : {}) }
  const places = partners ? placesAfter(before, after, partners, stride) : placesByGroup(output.channels, groups)
  const placed = places ? { ...after, places } : after
  return isSound(placed) ? placed : undefined
}

/** Groups of the first convolution that reads a value and has some, if what is between leaves channels to themselves; 1 where there is none. */
export function groupsAhead(layers: Architecture['layers'], value: number): number {
  const readers = layers.flatMap((layer, index) => (readsOf(layer, index).includes(value) ? [{ layer, index }] : []))
  const [reader] = readers
  if (!reader || readers.length > 1) return 1
  const { layer, index } = reader
  if (layer.kind !== 'affine') return layer.kind === 'square' || layer.kind === 'polynomial' ? groupsAhead(layers, index + 1) : 1
  const [operation] = layer.operations.filter(({ kind }) => kind !== 'elementwise')
  if (operation?.kind !== 'convolution') return 1
  const { groups, channels } = operation.geometry
  if (groups < channels) return groups
  return layerMaps(layer)?.partners?.every(({ turn }) => turn === 0) ? groupsAhead(layers, index + 1) : 1
}
