/** Where values of feature maps may stand, so that convolutions have few diagonals: what a planner tries. */
import type { Architecture, MapPart } from '../architecture/architecture.js'
import type { LinearOperation } from '../architecture/linear-operations.js'
import { outputSize } from '../graph/geometry.js'
import { nextPowerOfTwo } from '../packing/layout.js'
import { isSound, type MapOrder } from '../packing/map-order.js'

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

const following = ({ input, strides, reach }: MapsLayer, next: MapsLayer): MapsLayer => ({
  input,
  output: next.output,
  strides: [strides[0] * next.strides[0], strides[1] * next.strides[1]],
  reach: [reach[0] + strides[0] * next.reach[0], reach[1] + strides[1] * next.reach[1]]
})

function operationMaps(operation: LinearOperation): MapsLayer | 'any' | undefined {
  if (operation.kind === 'elementwise') return 'any'
  if (operation.kind === 'sum') {
    const branches = operation.branches.map(mapsOf)
    return branches.includes(undefined) ? undefined : (branches.find(branch => branch !== 'any') ?? 'any')
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
    reach: [pads[0], pads[1]]
  }
}

/** Channels chosen, repeated or added, or every s-th row or column from the first. */
function takenMaps({ shape, axis, indices }: Extract<LinearOperation, { kind: 'take' }>): MapsLayer | undefined {
  const [channels, height, width] = shape
  if (channels === undefined || height === undefined || width === undefined || shape.length !== 3) return undefined
  const input = { channels, height, width }
  const length = indices.length
  if (axis === 0) return { input, output: { ...input, channels: length }, strides: [1, 1], reach: [0, 0] }
  const step = indices[1] ?? 1
  if (step < 1 || indices.some((index, k) => index !== k * step)) return undefined
  return axis === 1
    ? { input, output: { ...input, height: length }, strides: [step, 1], reach: [0, 0] }
    : { input, output: { ...input, width: length }, strides: [1, step], reach: [0, 0] }
}

const layerMaps = (layer: Architecture['layers'][number] | undefined): MapsLayer | undefined => {
  const found = layer?.kind === 'affine' ? mapsOf(layer.operations) : undefined
  return found === 'any' ? undefined : found
}

/** Orders in which the data owner may lay out its maps; none where the first layer is no convolution, or blocks are narrow. */
export function inputOrders({ layers }: Architecture, width: number): MapOrder[] {
  const maps = layerMaps(layers[0])
  if (!maps || maps.strides[0] !== maps.strides[1] || width < LEAST_WIDTH) return []
  const { input, output, strides, reach } = maps
  const [stride] = strides
  const columns = Math.max(input.width, output.width * stride)
  const rows = Math.max(input.height, output.height * stride)
  const order = (row: number, plane: number, origin: number): MapOrder => ({ ...input, row, plane, gap: 1, origin })
  const aligned = nextPowerOfTwo(columns)
  // with the first value so far in, no diagonal is below the first
  const origin = (reach[0] + stride - 1) * aligned + reach[1] + stride - 1
  const whole = order(aligned, nextPowerOfTwo(origin + rows * aligned), origin)
  const tight = order(columns, rows * columns, 0)
  const tried = [...(whole.plane * input.channels <= width ? [whole] : []), tight, order(aligned, rows * aligned, 0)]
  const same = (a: MapOrder, b: MapOrder): boolean => a.row === b.row && a.plane === b.plane && a.origin === b.origin
  return tried.filter((candidate, k) => isSound(candidate) && tried.findIndex(other => same(other, candidate)) === k)
}

/** Where the result of a layer stands whose input stands so; undefined where no order of maps fits it. */
export function orderAfter(layer: Pick<MapPart, 'operations'>, before: MapOrder): MapOrder | undefined {
  const maps = mapsOf(layer.operations)
  if (maps === undefined) return undefined
  if (maps === 'any') return before
  const { input, output, strides } = maps
  const { row, plane } = before
  if (input.channels !== before.channels || input.height !== before.height || input.width !== before.width) return undefined
  if (strides[0] !== strides[1]) return undefined
  const after: MapOrder = { ...output, row, plane, gap: before.gap * strides[0], origin: 0 }
  return isSound(after) ? after : undefined
}
