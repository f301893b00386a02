/** Numbers of a tensor from a request, from JSON or from binary data. What is wrong is told by its place, never by its value. */
import { Problem } from '../http/problem.js'
import type { Datatype } from './datatypes.js'

export const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1)

/**
 * @param data flat, row-major, or nested as the shape says
 * @throws Problem
 */
export function numbersOfJson(data: unknown, shape: readonly number[], type: Datatype, name: string): Float64Array {
  const out = new Float64Array(sizeOf(shape))
  if (!Array.isArray(data)) throw wrong(name, '"data" as an array, or "binary_data_size" in "parameters"', 'neither')
  let written = 0
  const take = (values: readonly unknown[]): void => {
    for (const value of values) out[written] = numberOf(value, type, name, written++)
  }
  const walk = (values: readonly unknown[], axis: number): void => {
    if (values.length !== shape[axis]) throw wrong(name, `${shape[axis]} along axis ${axis} of its shape`, `${values.length}`)
    if (axis === shape.length - 1) take(values)
    else {
      for (const inner of values) {
        if (!Array.isArray(inner)) throw wrong(name, 'data that are flat, or nested as the shape says', 'both')
        walk(inner, axis + 1)
      }
    }
  }
  if (Array.isArray(data[0])) walk(data, 0)
  else {
    if (data.length !== out.length) throw wrong(name, `${out.length} values for shape ${shown(shape)}`, `${data.length}`)
    take(data)
  }
  return out
}

/** @throws Problem */
export function numbersOfBytes(bytes: Uint8Array, shape: readonly number[], type: Datatype, name: string): Float64Array {
  const length = sizeOf(shape)
  if (bytes.length !== length * type.bytes) {
    throw wrong(name, `${length * type.bytes} bytes of ${type.name} for shape ${shown(shape)}`, `${bytes.length}`)
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const out = new Float64Array(length)
  for (let k = 0; k < length; k++) out[k] = type.read(view, k * type.bytes)
  return out
}

function numberOf(value: unknown, type: Datatype, name: string, position: number): number {
  const number = typeof value === 'boolean' && type.name === 'BOOL' ? Number(value) : value
  const [least, most] = type.range
  if (typeof number !== 'number' || number < least || number > most || (type.whole && !Number.isInteger(number))) {
    throw wrong(name, `a value of ${type.name} at position ${position}`, typeof value === 'number' ? 'a number that is none' : typeof value)
  }
  return number
}

export const shown = (shape: readonly (number | string)[]): string => `[${shape.join(', ')}]`

function wrong(name: string, expected: string, actual: string): Problem {
  return new Problem('wrong-input', `input "${name}": expected ${expected}, got ${actual}`, { members: { input: name, expected } })
}
