/** Numbered samples, wherever they were read from. */
import type { Label } from '@slytherin/engine'
import { DataFileError } from './errors.js'

/** Rows of a file, each flattened in row-major order. */
export interface SampleArray {
  /** Number of samples. */
  readonly rows: number
  /** Values of one sample. */
  readonly columns: number
  /** Sizes of one sample's axes; empty where a sample is one number. */
  readonly sampleShape: readonly number[]
  /** One number as the file has it, before any normalisation; both places from 0. */
  value(row: number, column: number): number
  /** Class of every sample, where the file says it: by name, or by its place from 0. */
  readonly labels?: readonly Label[]
  /** Names of all classes in the order of the model's outputs, where the file says them; `labels` are among them. */
  readonly classes?: readonly string[]
  /**
   * The same samples for a network that reads this shape, where the format knows how: colours to grey and back.
   * @param shape of one sample as the network reads it
   */
  reshaped?(shape: readonly number[]): SampleArray | undefined
}

/** How a number lies in a file. */
export interface ElementType {
  readonly bytes: number
  readonly read: (view: DataView, offset: number) => number
}

/**
 * Elements behind each other from `start` to the end of the file.
 *
 * @param shape of the whole, samples first
 * @param order `rows`: the last axis varies fastest (C), `columns`: the first (Fortran)
 * @throws DataFileError when the file is shorter or longer
 */
export function arrayOf(
  view: DataView,
  start: number,
  type: ElementType,
  shape: readonly number[],
  file: string,
  order: 'rows' | 'columns' = 'rows'
): SampleArray {
  const [rows = 1, ...sampleShape] = shape
  const columns = sampleShape.reduce((product, size) => product * size, 1)
  if (!(rows * columns > 0)) throw new DataFileError(file, 'shape', 'one sample or more, each of one value or more', shape.join('×'))
  const expected = start + rows * columns * type.bytes
  if (view.byteLength !== expected) {
    throw new DataFileError(file, 'length', `${expected} bytes for shape ${shape.join('×')}`, `${view.byteLength} bytes`)
  }
  const index = order === 'rows' ? (row: number, column: number) => row * columns + column : columnMajor(rows, sampleShape)
  return { rows, columns, sampleShape, value: (row, column) => type.read(view, start + index(row, column) * type.bytes) }
}

/** Where the value at a row-major position of a sample lies when the first axis varies fastest. */
function columnMajor(rows: number, sampleShape: readonly number[]): (row: number, column: number) => number {
  const columns = sampleShape.reduce((product, size) => product * size, 1)
  const positions = new Float64Array(columns)
  for (let column = 0; column < columns; column++) {
    let rest = column
    let stride = columns
    for (let axis = sampleShape.length - 1; axis >= 0; axis--) {
      const size = sampleShape[axis]!
      stride /= size
      positions[column]! += (rest % size) * stride
      rest = Math.floor(rest / size)
    }
  }
  return (row, column) => positions[column]! * rows + row
}

/**
 * Samples of rows × columns × channels (or positions × channels), read as channels × rows × columns.
 * @throws DataFileError for samples that have no channels
 */
export function channelsFirst(array: SampleArray, file: string): SampleArray {
  const { sampleShape, columns } = array
  if (sampleShape.length < 2) {
    const shape = sampleShape.join('×') || 'one number'
    throw new DataFileError(file, 'shape of a sample with layout nhwc', 'rows × columns × channels', shape)
  }
  const channels = sampleShape.at(-1)!
  const area = columns / channels
  return {
    ...array,
    sampleShape: [channels, ...sampleShape.slice(0, -1)],
    value: (row, column) => array.value(row, (column % area) * channels + Math.floor(column / area))
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
