/**
 * Numbered samples from files: IDX (the MNIST format: `0 0 type rank`, big-endian sizes, data) and NumPy's .npy (version 1 to 3, C order).
 */
import { gunzipSync } from 'node:zlib'
import { DataFileError } from './errors.js'

/** Rows of a file, each flattened in row-major order. */
export interface SampleArray {
  /** Number of samples. */
  readonly rows: number
  /** Values of one sample. */
  readonly columns: number
  value(row: number, column: number): number
}

type Reader = (view: DataView, offset: number) => number

interface ElementType {
  readonly bytes: number
  readonly read: Reader
}

const IDX_TYPES: Record<number, ElementType> = {
  8: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  9: { bytes: 1, read: (view, offset) => view.getInt8(offset) },
  11: { bytes: 2, read: (view, offset) => view.getInt16(offset) },
  12: { bytes: 4, read: (view, offset) => view.getInt32(offset) },
  13: { bytes: 4, read: (view, offset) => view.getFloat32(offset) },
  14: { bytes: 8, read: (view, offset) => view.getFloat64(offset) }
}

const NPY_TYPES: Record<string, ElementType> = {
  '|u1': { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  '|i1': { bytes: 1, read: (view, offset) => view.getInt8(offset) },
  '<i2': { bytes: 2, read: (view, offset) => view.getInt16(offset, true) },
  '<i4': { bytes: 4, read: (view, offset) => view.getInt32(offset, true) },
  '<i8': { bytes: 8, read: (view, offset) => Number(view.getBigInt64(offset, true)) },
  '<f4': { bytes: 4, read: (view, offset) => view.getFloat32(offset, true) },
  '<f8': { bytes: 8, read: (view, offset) => view.getFloat64(offset, true) }
}

/** @param bytes the file's contents, gzip or plain @param file for errors */
export function readIdx(bytes: Uint8Array, file: string): SampleArray {
  const plain = gunzipped(bytes, file)
  const view = viewOf(plain)
  if (plain.length < 4 || view.getUint16(0) !== 0)
    throw new DataFileError(file, 'magic', 'an IDX file (two zero bytes first)', 'something else')
  const type = IDX_TYPES[plain[2]!]
  if (type === undefined) throw new DataFileError(file, 'element type', 'an IDX type (0x08 to 0x0e)', `0x${plain[2]!.toString(16)}`)
  const rank = plain[3]!
  if (rank < 1 || plain.length < 4 + 4 * rank)
    throw new DataFileError(file, 'dimensions', 'at least one, all of them present', `${rank} announced`)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  return arrayOf(view, 4 + 4 * rank, type, shape, file)
}

export function readNpy(bytes: Uint8Array, file: string): SampleArray {
  const plain = gunzipped(bytes, file)
  const view = viewOf(plain)
  const latin1 = (start: number, end: number): string => Buffer.from(plain.subarray(start, end)).toString('latin1')
  if (plain.length < 12 || latin1(0, 6) !== '\x93NUMPY') throw new DataFileError(file, 'magic', 'a NumPy array file', 'something else')
  const start = plain[6] === 1 ? 10 : 12
  const end = start + (start === 10 ? view.getUint16(8, true) : view.getUint32(8, true))
  const header = latin1(start, end)
  const descriptor = /'descr': '([^']+)'/.exec(header)?.[1] ?? ''
  const type = NPY_TYPES[descriptor]
  if (type === undefined) throw new DataFileError(file, 'descr', Object.keys(NPY_TYPES).join(', '), descriptor)
  if (!/'fortran_order': False/.test(header)) throw new DataFileError(file, 'fortran_order', 'False', 'True')
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter(item => item.trim() !== '')
    .map(Number)
  if (shape.length === 0 || shape.some(size => !Number.isInteger(size)))
    throw new DataFileError(file, 'shape', 'one dimension or more', header.trim())
  return arrayOf(view, end, type, shape, file)
}

function arrayOf(view: DataView, start: number, type: ElementType, shape: readonly number[], file: string): SampleArray {
  const [rows, ...rest] = shape
  const columns = rest.reduce((product, size) => product * size, 1)
  const expected = start + rows! * columns * type.bytes
  if (view.byteLength !== expected)
    throw new DataFileError(file, 'length', `${expected} bytes for shape ${shape.join('×')}`, `${view.byteLength} bytes`)
  return { rows: rows!, columns, value: (row, column) => type.read(view, start + (row * columns + column) * type.bytes) }
}

function gunzipped(bytes: Uint8Array, file: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
  try {
    return gunzipSync(bytes)
  } catch (error) {
    throw new DataFileError(file, 'gzip', 'a whole gzip stream', (error as Error).message, { cause: error })
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
