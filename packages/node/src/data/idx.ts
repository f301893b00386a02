/** IDX, the format of MNIST: `0 0 type rank`, big-endian sizes, data; gzip or plain. */
import { arrayOf, type ElementType, type SampleArray, viewOf } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat } from './format.js'
import { gunzipped } from './gzip.js'

const TYPES: Record<number, ElementType> = {
  8: { bytes: 1, read: (view, offset) => view.getUint8(offset) },
  9: { bytes: 1, read: (view, offset) => view.getInt8(offset) },
  11: { bytes: 2, read: (view, offset) => view.getInt16(offset) },
  12: { bytes: 4, read: (view, offset) => view.getInt32(offset) },
  13: { bytes: 4, read: (view, offset) => view.getFloat32(offset) },
  14: { bytes: 8, read: (view, offset) => view.getFloat64(offset) }
}

/** @param bytes the file's contents, gzip or plain @param file for errors @throws DataFileError */
export function readIdx(bytes: Uint8Array, file: string): SampleArray {
  const plain = gunzipped(bytes, file)
  const view = viewOf(plain)
  if (plain.length < 4 || view.getUint16(0) !== 0)
    throw new DataFileError(file, 'magic', 'an IDX file (two zero bytes first)', 'something else')
  const type = TYPES[plain[2]!]
  if (type === undefined) throw new DataFileError(file, 'element type', 'an IDX type (0x08 to 0x0e)', `0x${plain[2]!.toString(16)}`)
  const rank = plain[3]!
  if (rank < 1 || plain.length < 4 + 4 * rank)
    throw new DataFileError(file, 'dimensions', 'at least one, all of them present', `${rank} announced`)
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  return arrayOf(view, 4 + 4 * rank, type, shape, file)
}

export const idx: DataFormat = {
  name: 'idx',
  title: 'IDX, as MNIST comes',
  endings: ['.idx', '-ubyte'],
  recognises: (head, size) => size >= 8 && head[0] === 0 && head[1] === 0 && TYPES[head[2]!] !== undefined && head[3]! >= 1,
  read: readIdx
}
