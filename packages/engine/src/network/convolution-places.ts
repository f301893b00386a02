/** Which weight stands where in the matrix of a convolution, looked up for many entries at once: divisions are made once for each row and column. */
import { type ConvolutionGeometry, channelsPerGroup, outputSize } from '../graph/geometry.js'

/** Rows and columns of the matrix as places of the two maps. */
export class ConvolutionPlaces {
  /** by row: the first input channel that it reads, its channel's first weight, and the upper left corner of its window */
  private readonly firstInput: Int32Array
  private readonly firstWeight: Int32Array
  private readonly top: Int32Array
  private readonly left: Int32Array
  /** by column */
  private readonly input: Int32Array
  private readonly down: Int32Array
  private readonly across: Int32Array

  constructor(private readonly geometry: ConvolutionGeometry) {
    const { channels, height, width, outputChannels, groups, kernel, strides, pads } = geometry
    const [outputRows, outputColumns] = outputSize(geometry)
    const positions = outputRows * outputColumns
    const perGroup = channelsPerGroup(geometry)
    const rows = outputChannels * positions
    this.firstInput = filled(rows, row => Math.floor(Math.floor(row / positions) / (outputChannels / groups)) * perGroup)
    this.firstWeight = filled(rows, row => Math.floor(row / positions) * perGroup * kernel[0] * kernel[1])
    this.top = filled(rows, row => Math.floor((row % positions) / outputColumns) * strides[0] - pads[0])
    this.left = filled(rows, row => (row % outputColumns) * strides[1] - pads[1])
    const columns = channels * height * width
    this.input = filled(columns, column => Math.floor(column / (height * width)))
    this.down = filled(columns, column => Math.floor((column % (height * width)) / width))
    this.across = filled(columns, column => column % width)
  }

  /** Weights at (rows[k], columns[k]); 0 outside the pattern, and where either is negative. */
  pick(weights: Float64Array, rows: Int32Array, columns: Int32Array): Float64Array {
    const { firstInput, firstWeight, top, left, input, down, across } = this
    const perGroup = channelsPerGroup(this.geometry)
    const [kernelRows, kernelColumns] = this.geometry.kernel
    const [rowDilation, columnDilation] = this.geometry.dilations
    const [highest, widest] = [kernelRows * rowDilation, kernelColumns * columnDilation]
    const area = kernelRows * kernelColumns
    const dilated = rowDilation * columnDilation > 1
    const out = new Float64Array(rows.length)
    for (let k = 0; k < rows.length; k++) {
      const row = rows[k]!
      const column = columns[k]!
      if (row < 0 || column < 0) continue
      const within = input[column]! - firstInput[row]!
      const y = down[column]! - top[row]!
      const x = across[column]! - left[row]!
      if (within < 0 || within >= perGroup || y < 0 || y >= highest || x < 0 || x >= widest) continue
      const [v, u] = dilated ? [y / rowDilation, x / columnDilation] : [y, x]
      if (dilated && !(Number.isInteger(v) && Number.isInteger(u))) continue
      out[k] = weights[firstWeight[row]! + within * area + v * kernelColumns + u]!
    }
    return out
  }
}

/** A plain loop: `Int32Array.from` takes ten times as long. */
function filled(length: number, value: (index: number) => number): Int32Array {
  const out = new Int32Array(length)
  for (let index = 0; index < length; index++) out[index] = value(index)
  return out
}
