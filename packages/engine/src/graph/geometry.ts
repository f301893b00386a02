/**
 * Geometry of sliding windows (convolution, pooling) on one sample in channel-row-column order.
 *
 *   output row  = floor((height + padTop + padBottom - dilation·(kernel - 1) - 1) / stride) + 1
 *   input row   = outputRow·stride - padTop + kernelRow·dilation, zero outside [0, height)
 *
 * Geometry is public: it is part of the architecture that every party sees.
 */

/** Elements of a tensor of this shape. */
export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, dimension) => product * dimension, 1)

/** Shape of what slides over maps. */
export interface WindowGeometry {
  readonly channels: number
  readonly height: number
  readonly width: number
  /** rows, columns */
  readonly kernel: readonly [number, number]
  readonly strides: readonly [number, number]
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number]
  readonly dilations: readonly [number, number]
}

/** Shape of a convolution. */
export interface ConvolutionGeometry extends WindowGeometry {
  readonly outputChannels: number
  readonly groups: number
}

/** Shape of a pooling. */
export interface PoolGeometry extends WindowGeometry {
  /** Whether zero padding counts in the divisor. */
  readonly countPadding: boolean
}

/** Whether both describe the same convolution, whoever wrote them down. */
export function sameConvolution(a: ConvolutionGeometry, b: ConvolutionGeometry): boolean {
  const entries = (geometry: ConvolutionGeometry): string => JSON.stringify(Object.entries(geometry).sort(([x], [y]) => (x < y ? -1 : 1)))
  return entries(a) === entries(b)
}

/** Rows and columns of the output; not positive when the window does not fit. */
export function outputSize(geometry: WindowGeometry): readonly [number, number] {
  const { height, width, kernel, strides, pads, dilations } = geometry
  return [
    Math.floor((height + pads[0] + pads[2] - dilations[0] * (kernel[0] - 1) - 1) / strides[0]) + 1,
    Math.floor((width + pads[1] + pads[3] - dilations[1] * (kernel[1] - 1) - 1) / strides[1]) + 1
  ]
}

/** Input channels that one output channel reads. */
export const channelsPerGroup = (geometry: ConvolutionGeometry): number => geometry.channels / geometry.groups

/** Kernel taps of one output channel: channels of its group × kernel rows × kernel columns. */
export const tapCount = (geometry: ConvolutionGeometry): number => channelsPerGroup(geometry) * geometry.kernel[0] * geometry.kernel[1]

/**
 * Input index that tap `tap` of output channel `channel` at spatial position `position` reads, or -1 where it falls on padding.
 * @param tap (channel within group · kernel rows + row) · kernel columns + column
 * @param position output row · output columns + output column
 */
export function tapSource(geometry: ConvolutionGeometry, tap: number, channel: number, position: number): number {
  const [kernelRows, kernelColumns] = geometry.kernel
  const outputColumns = outputSize(geometry)[1]
  const column = tap % kernelColumns
  const row = Math.floor(tap / kernelColumns) % kernelRows
  const perGroup = channelsPerGroup(geometry)
  const group = Math.floor(channel / (geometry.outputChannels / geometry.groups))
  const inputChannel = group * perGroup + Math.floor(tap / (kernelColumns * kernelRows))
  const y = Math.floor(position / outputColumns) * geometry.strides[0] - geometry.pads[0] + row * geometry.dilations[0]
  const x = (position % outputColumns) * geometry.strides[1] - geometry.pads[1] + column * geometry.dilations[1]
  if (y < 0 || y >= geometry.height || x < 0 || x >= geometry.width) return -1
  return (inputChannel * geometry.height + y) * geometry.width + x
}

/**
 * Input indices that a pooling window reads at `position` of `channel`, and its divisor.
 * The divisor counts padding when the geometry says so.
 */
export function poolWindow(geometry: PoolGeometry, channel: number, position: number): { sources: number[]; divisor: number } {
  const outputColumns = outputSize(geometry)[1]
  const top = Math.floor(position / outputColumns) * geometry.strides[0] - geometry.pads[0]
  const left = (position % outputColumns) * geometry.strides[1] - geometry.pads[1]
  const sources: number[] = []
  for (let row = 0; row < geometry.kernel[0]; row++) {
    for (let column = 0; column < geometry.kernel[1]; column++) {
      const y = top + row * geometry.dilations[0]
      const x = left + column * geometry.dilations[1]
      if (y >= 0 && y < geometry.height && x >= 0 && x < geometry.width) sources.push((channel * geometry.height + y) * geometry.width + x)
    }
  }
  return { sources, divisor: geometry.countPadding ? geometry.kernel[0] * geometry.kernel[1] : sources.length }
}

/** Row sources of a transposition: output element i is input element source[i]. */
export function transposeSource(shape: readonly number[], permutation: readonly number[]): Int32Array {
  const out = permutation.map(axis => shape[axis]!)
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)))
  return Int32Array.from({ length: sizeOf(shape) }, (_, index) => {
    let rest = index
    let position = 0
    for (let axis = out.length - 1; axis >= 0; axis--) {
      const coordinate = rest % out[axis]!
      rest = (rest - coordinate) / out[axis]!
      position += coordinate * strides[permutation[axis]!]!
    }
    return position
  })
}

/** Row sources of a `take`: output element i is input element source[i], or zero where that is -1. */
export function takeSource(shape: readonly number[], axis: number, indices: readonly number[]): Int32Array {
  const inner = sizeOf(shape.slice(axis + 1))
  const outer = sizeOf(shape.slice(0, axis))
  return Int32Array.from({ length: outer * indices.length * inner }, (_, index) => {
    const within = index % inner
    const row = Math.floor(index / inner)
    const position = indices[row % indices.length]!
    return position < 0 ? -1 : (Math.floor(row / indices.length) * shape[axis]! + position) * inner + within
  })
}

/** Whether every output of a convolution reads the whole input, as a dense layer does. */
export function coversInput(geometry: ConvolutionGeometry): boolean {
  const [rows, columns] = outputSize(geometry)
  if (geometry.groups !== 1 || rows !== 1 || columns !== 1) return false
  return [0, 1].every(axis => {
    const size = axis === 0 ? geometry.height : geometry.width
    const [kernel, dilation, before] = [geometry.kernel[axis]!, geometry.dilations[axis]!, geometry.pads[axis]!]
    return (dilation === 1 || size === 1) && before + size <= dilation * (kernel - 1) + 1
  })
}
