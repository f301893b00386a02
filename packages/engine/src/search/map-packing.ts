/** Where values of feature maps may stand, so that convolutions have few diagonals: what a planner tries. */
import type { AffineArchitecture, Architecture } from '../architecture/architecture.js'
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
  readonly stride: number
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

const following = ({ input, stride, reach }: MapsLayer, next: MapsLayer): MapsLayer => ({
  input,
  output: next.output,
  stride: stride * next.stride,
  reach: [reach[0] + stride * next.reach[0], reach[1] + stride * next.reach[1]]
})

function operationMaps(operation: LinearOperation): MapsLayer | 'any' | undefined {
  if (operation.kind === 'elementwise') return 'any'
  if (operation.kind === 'sum') {
    const branches = operation.branches.map(mapsOf)
    return branches.includes(undefined) ? undefined : (branches.find(branch => branch !== 'any') ?? 'any')
  }
  if (operation.kind !== 'convolution' && operation.kind !== 'averagePool') return undefined
  const { geometry } = operation
  const { channels, height, width, strides, pads } = geometry
  if (strides[0] !== strides[1]) return undefined
  const [rows, columns] = outputSize(geometry)
  return {
    input: { channels, height, width },
    output: { channels: operation.kind === 'convolution' ? operation.geometry.outputChannels : channels, height: rows, width: columns },
    stride: strides[0],
    reach: [pads[0], pads[1]]
  }
}

const layerMaps = (layer: Architecture['layers'][number] | undefined): MapsLayer | undefined => {
  const found = layer?.kind === 'affine' ? mapsOf(layer.operations) : undefined
  return found === 'any' ? undefined : found
}

/** Orders in which the data owner may lay out its maps; none where the first layer is no convolution, or blocks are narrow. */
export function inputOrders({ layers }: Architecture, width: number): MapOrder[] {
  const maps = layerMaps(layers[0])
  if (!maps || width < LEAST_WIDTH) return []
  const { input, output, stride, reach } = maps
  const columns = Math.max(input.width, output.width * stride)
  const rows = Math.max(input.height, output.height * stride)
  const order = (row: number, plane: number, origin: number): MapOrder => ({ ...input, row, plane, gap: 1, origin })
  const aligned = nextPowerOfTwo(columns)
  // with the first value so far in, no diagonal is below the first
  const origin = (reach[0] + stride - 1) * aligned + reach[1] + stride - 1
  const whole = order(aligned, nextPowerOfTwo(origin + rows * aligned), origin)
  const tight = order(columns, rows * columns, 0)
  const tried = whole.plane * input.channels <= width ? [whole] : [tight, order(aligned, rows * aligned, 0)]
  return tried.filter((candidate, k) => isSound(candidate) && tried.findIndex(other => other.row === candidate.row) === k)
}

/** Where the result of a layer stands whose input stands so; undefined where no order of maps fits it. */
export function orderAfter(layer: AffineArchitecture, before: MapOrder): MapOrder | undefined {
  const maps = mapsOf(layer.operations)
  if (maps === undefined) return undefined
  if (maps === 'any') return before
  const { input, output, stride } = maps
  const { row, plane } = before
  if (input.channels !== before.channels || input.height !== before.height || input.width !== before.width) return undefined
  const after: MapOrder = { ...output, row, plane, gap: before.gap * stride, origin: 0 }
  return isSound(after) ? after : undefined
}
