/**
 * NumPy's .npy (versions 1 to 3): `\\x93NUMPY version`, length of the header, a Python dictionary as text, data. Every real numeric type in both byte orders, both
 * orders of axes.
 */
import { arrayOf, type ElementType, type SampleArray, viewOf } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat } from './format.js'
import { gunzipped } from './gzip.js'

/** By NumPy's letter and size. The second argument of a reader: whether the least significant byte comes first. */
const TYPES: Record<string, (little: boolean) => ElementType['read']> = {
  b1: () => (view, offset) => Number(view.getUint8(offset) !== 0),
  i1: () => (view, offset) => view.getInt8(offset),
  u1: () => (view, offset) => view.getUint8(offset),
  i2: little => (view, offset) => view.getInt16(offset, little),
  u2: little => (view, offset) => view.getUint16(offset, little),
  i4: little => (view, offset) => view.getInt32(offset, little),
  u4: little => (view, offset) => view.getUint32(offset, little),
  i8: little => (view, offset) => Number(view.getBigInt64(offset, little)),
  u8: little => (view, offset) => Number(view.getBigUint64(offset, little)),
  f2: little => (view, offset) => half(view.getUint16(offset, little)),
  f4: little => (view, offset) => view.getFloat32(offset, little),
  f8: little => (view, offset) => view.getFloat64(offset, little)
}

const MAGIC = Buffer.from('\x93NUMPY', 'latin1')
const hasMagic = (bytes: Uint8Array): boolean => MAGIC.equals(bytes.subarray(0, MAGIC.length))

/** A header is some hundred bytes; NumPy itself refuses longer ones than ten thousand. */
const LONGEST_HEADER = 65_536

/** @param bytes the file's contents, gzip or plain @param file for errors @throws DataFileError */
export function readNpy(bytes: Uint8Array, file: string): SampleArray {
  const plain = gunzipped(bytes, file)
  const view = viewOf(plain)
  const latin1 = (start: number, end: number): string => Buffer.from(plain.subarray(start, end)).toString('latin1')
  if (plain.length < 12 || !hasMagic(plain)) throw new DataFileError(file, 'magic', 'a NumPy array file', 'something else')
  const start = plain[6] === 1 ? 10 : 12
  const end = start + (start === 10 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (end - start > LONGEST_HEADER || end > plain.length) {
    const announced = `${end - start} bytes announced, ${plain.length - start} there`
    throw new DataFileError(file, 'header', `at most ${LONGEST_HEADER} bytes, all of them present`, announced)
  }
  const header = latin1(start, end)
  const descriptor = /'descr': *'([^']*)'/.exec(header)?.[1] ?? ''
  const [, order, name = ''] = /^([<>|=]?)([a-z]\d+)$/.exec(descriptor) ?? []
  const reader = TYPES[name]
  if (reader === undefined) {
    throw new DataFileError(
      file,
      'type',
      `numbers (${Object.keys(TYPES).join(', ')})`,
      descriptor === '' ? 'a structure' : `'${descriptor}'`,
      { remedy: "Convert it: array.astype('float32')." }
    )
  }
  const fortran = /'fortran_order': *(True|False)/.exec(header)?.[1]
  if (fortran === undefined) throw new DataFileError(file, 'fortran_order', 'True or False', header.trim())
  const shape = (/'shape': *\(([^)]*)\)/.exec(header)?.[1] ?? '')
    .split(',')
    .filter(item => item.trim() !== '')
    .map(Number)
  if (shape.length === 0 || shape.some(size => !Number.isInteger(size) || size < 0))
    throw new DataFileError(file, 'shape', 'one dimension or more', header.trim())
  const type = { bytes: Number(name.slice(1)), read: reader(order !== '>') }
  return arrayOf(view, end, type, shape, file, fortran === 'True' ? 'columns' : 'rows')
}

/** IEEE 754 binary16. */
function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

export const npy: DataFormat = {
  name: 'npy',
  title: 'NumPy array (.npy)',
  endings: ['.npy'],
  recognises: hasMagic,
  read: readNpy
}
