/** The matrix of a convolution, kept as its kernel: the same matrix entry by entry holds every weight once for each position. */
import { type ConvolutionGeometry, channelsPerGroup, outputSize, tapCount, tapSource } from '../graph/geometry.js'
import { type Channels, correlate, type Phase, type Planes } from '../numeric/correlation.js'
import { type Matrix, SparseMatrix } from '../numeric/sparse.js'
import { ConvolutionPlaces } from './convolution-places.js'

/** Sums of a convolution, and of its transpose. */
interface Ways {
  readonly forward: Planes
  readonly back: Planes
}

const known = new WeakMap<ConvolutionGeometry, Ways>()
const places = new WeakMap<ConvolutionGeometry, ConvolutionPlaces>()

export class ConvolutionMatrix implements Matrix {
  readonly rows: number
  readonly columns: number
  /** Made when first needed, and kept: what is read of them is. */
  #forward: Channels | undefined
  #back: Channels | undefined
  #squared: Channels | undefined

  constructor(
    readonly geometry: ConvolutionGeometry,
    /** [output channel][tap] */
    readonly kernel: Float64Array
  ) {
    const [height, width] = outputSize(geometry)
    this.rows = geometry.outputChannels * height * width
    this.columns = geometry.channels * geometry.height * geometry.width
  }

  get largest(): number {
    return this.kernel.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  }

  apply(x: ArrayLike<number>): Float64Array {
    this.#forward ??= this.channels(this.kernel)
    return correlate(this.ways.forward, this.#forward, x, 1)
  }

  applyTransposedTogether(x: Float64Array, count: number): Float64Array {
    if (this.rows === this.geometry.outputChannels) return this.spread(x, count)
    this.#back ??= this.channelsBack()
    return correlate(this.ways.back, this.#back, x, count)
  }

  largestRowSquare(factors?: Float64Array): number {
    const squares = factors?.map(square) ?? new Float64Array(this.columns).fill(1)
    this.#squared ??= this.channels(this.kernel.map(square))
    return most(correlate(this.ways.forward, this.#squared, squares, 1))
  }

  largestWindowSquare(x: Float64Array): number {
    return most(correlate(this.ways.forward, this.channels(new Float64Array(this.kernel.length).fill(1)), x.map(square), 1))
  }

  scaleRows(factors: number | Float64Array): Matrix {
    const { geometry, kernel } = this
    const scale = perChannel(factors, geometry.outputChannels)
    if (!scale) return this.sparse().scaleRows(factors)
    const taps = tapCount(geometry)
    return new ConvolutionMatrix(
      geometry,
      kernel.map((value, index) => value * scale[Math.floor(index / taps)]!)
    )
  }

  scaleColumns(factors: number | Float64Array): Matrix {
    const { geometry, kernel } = this
    const scale = perChannel(factors, geometry.channels)
    if (!scale) return this.sparse().scaleColumns(factors)
    const perGroup = channelsPerGroup(geometry)
    const taps = tapCount(geometry)
    const [outputsOf, kernelSize] = [geometry.outputChannels / geometry.groups, geometry.kernel[0] * geometry.kernel[1]]
    return new ConvolutionMatrix(
      geometry,
      kernel.map((value, index) => {
        const group = Math.floor(index / (taps * outputsOf))
        return value * scale[group * perGroup + Math.floor((index % taps) / kernelSize)]!
      })
    )
  }

  pick(rows: Int32Array, columns: Int32Array): Float64Array {
    const { geometry } = this
    const found = places.get(geometry) ?? new ConvolutionPlaces(geometry)
    places.set(geometry, found)
    return found.pick(this.kernel, rows, columns)
  }

  sparse(): SparseMatrix {
    const { geometry, kernel, rows, columns } = this
    const taps = tapCount(geometry)
    const positions = rows / geometry.outputChannels
    return SparseMatrix.build(rows, columns, (row, put) => {
      const channel = Math.floor(row / positions)
      for (let tap = 0; tap < taps; tap++) {
        const source = tapSource(geometry, tap, channel, row % positions)
        if (source >= 0) put(source, kernel[channel * taps + tap]!)
      }
    })
  }

  /** Aᵀ·X where there is one output to a channel, of which an input has one weight: all else that a correlation would add up is padding. */
  private spread(x: Float64Array, count: number): Float64Array {
    const { geometry, kernel } = this
    const taps = tapCount(geometry)
    const outputsOf = geometry.outputChannels / geometry.groups
    const out = new Float64Array(this.columns * count)
    for (let first = 0; first < geometry.outputChannels; first += outputsOf) {
      const sources = Int32Array.from({ length: taps }, (_, tap) => tapSource(geometry, tap, first, 0))
      for (let channel = first; channel < first + outputsOf; channel++) {
        for (let tap = 0; tap < taps; tap++) {
          if (sources[tap]! < 0) continue
          const value = kernel[channel * taps + tap]!
          const [from, to] = [channel * count, sources[tap]! * count]
          for (let vector = 0; vector < count; vector++) out[to + vector]! += x[from + vector]! * value
        }
      }
    }
    return out
  }

  private channels(kernel: Float64Array): Channels {
    const { geometry } = this
    const kernelSize = geometry.kernel[0] * geometry.kernel[1]
    const taps = tapCount(geometry)
    const { channels: inputs, outputChannels: outputs, groups } = geometry
    return { inputs, outputs, groups, weight: (output, input, tap) => kernel[output * taps + input * kernelSize + tap]! }
  }

  private channelsBack(): Channels {
    const { geometry, kernel } = this
    const { groups, channels, outputChannels } = geometry
    const [perGroup, taps] = [channelsPerGroup(geometry), tapCount(geometry)]
    const outputsOf = outputChannels / groups
    const kernelSize = geometry.kernel[0] * geometry.kernel[1]
    const weight = (channel: number, output: number, tap: number): number => {
      const [group, within] = [Math.floor(channel / perGroup), channel % perGroup]
      return kernel[(group * outputsOf + output) * taps + within * kernelSize + tap]!
    }
    return { inputs: outputChannels, outputs: channels, groups, weight }
  }

  private get ways(): Ways {
    const { geometry } = this
    const found = known.get(geometry) ?? { forward: forwardPlanes(geometry), back: backPlanes(geometry) }
    known.set(geometry, found)
    return found
  }
}

const square = (value: number): number => value * value

/** The largest of values that are not negative. */
function most(values: Float64Array): number {
  let largest = 0
  for (let k = 0; k < values.length; k++) largest = Math.max(largest, values[k]!)
  return largest
}

/** Factors by channel; undefined where they differ within one. */
function perChannel(factors: number | Float64Array, channels: number): Float64Array | undefined {
  if (typeof factors === 'number') return new Float64Array(channels).fill(factors)
  const positions = factors.length / channels
  const out = new Float64Array(channels)
  for (let channel = 0, index = 0; channel < channels; channel++) {
    out[channel] = factors[index]!
    for (const end = index + positions; index < end; index++) if (factors[index] !== out[channel]) return undefined
  }
  return out
}

/** Along one axis: what is read, and from where, for some of the sums. */
interface AxisPhase {
  /** place that a sum is for, and the place that its shifts count from */
  readonly targets: readonly number[]
  readonly bases: readonly number[]
  readonly taps: readonly number[]
  readonly offsets: readonly number[]
}

/** Output y of a convolution reads y·s - p + k·d. */
function forwardAxis({ kernel, strides, pads, dilations }: ConvolutionGeometry, axis: 0 | 1, size: number): AxisPhase[] {
  const targets = Array.from({ length: size }, (_, y) => y)
  const taps = Array.from({ length: kernel[axis] }, (_, k) => k)
  return [{ targets, bases: targets.map(y => y * strides[axis] - pads[axis]), taps, offsets: taps.map(k => k * dilations[axis]) }]
}

/** Input y is read by the outputs (y + p - k·d) / s that are whole: which k those are depends on y + p modulo s. */
function backAxis(geometry: ConvolutionGeometry, axis: 0 | 1): AxisPhase[] {
  const size = axis === 0 ? geometry.height : geometry.width
  const [stride, pad, dilation] = [geometry.strides[axis], geometry.pads[axis], geometry.dilations[axis]]
  const places = Array.from({ length: size }, (_, y) => y)
  const kernel = Array.from({ length: geometry.kernel[axis] }, (_, k) => k)
  return Array.from({ length: stride }, (_, rest): AxisPhase => {
    const targets = places.filter(y => (y + pad) % stride === rest)
    const taps = kernel.filter(k => (k * dilation) % stride === rest)
    return {
      targets,
      bases: targets.map(y => Math.floor((y + pad) / stride)),
      taps,
      offsets: taps.map(k => (rest - k * dilation) / stride)
    }
  })
}

function forwardPlanes(geometry: ConvolutionGeometry): Planes {
  const [height, width] = outputSize(geometry)
  return planesOf(geometry, geometry.height, geometry.width, width, height * width, [
    forwardAxis(geometry, 0, height),
    forwardAxis(geometry, 1, width)
  ])
}

function backPlanes(geometry: ConvolutionGeometry): Planes {
  const [height, width] = outputSize(geometry)
  const outputs = geometry.height * geometry.width
  return planesOf(geometry, height, width, geometry.width, outputs, [backAxis(geometry, 0), backAxis(geometry, 1)])
}

function planesOf(
  { kernel }: ConvolutionGeometry,
  height: number,
  width: number,
  targetWidth: number,
  outputs: number,
  [down, across]: readonly [AxisPhase[], AxisPhase[]]
): Planes {
  const [top, bottom] = reach(down, height)
  const [left, right] = reach(across, width)
  const paddedWidth = left + width + right
  const phases = down.flatMap(rows =>
    across.map(
      (columns): Phase => ({
        bases: pairs(rows.bases, columns.bases, (y, x) => (y + top) * paddedWidth + x + left),
        targets: pairs(rows.targets, columns.targets, (y, x) => y * targetWidth + x),
        offsets: pairs(rows.offsets, columns.offsets, (y, x) => y * paddedWidth + x),
        taps: pairs(rows.taps, columns.taps, (v, u) => v * kernel[1] + u)
      })
    )
  )
  const used = phases.filter(({ bases, taps }) => bases.length > 0 && taps.length > 0)
  return { height, width, top, left, paddedHeight: top + height + bottom, paddedWidth, outputs, phases: used }
}

/** How far shifts leave 0..size-1 on both sides. */
function reach(phases: readonly AxisPhase[], size: number): readonly [number, number] {
  let [before, after] = [0, 0]
  for (const { bases, offsets } of phases) {
    if (bases.length === 0 || offsets.length === 0) continue
    before = Math.max(before, -(Math.min(...bases) + Math.min(...offsets)))
    after = Math.max(after, Math.max(...bases) + Math.max(...offsets) - (size - 1))
  }
  return [before, after]
}

const pairs = (rows: readonly number[], columns: readonly number[], combine: (row: number, column: number) => number): Int32Array =>
  Int32Array.from(rows.flatMap(row => columns.map(column => combine(row, column))))
