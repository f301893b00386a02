/** Tensors of an answer, as JSON or as binary data. */
import { DATATYPES } from './datatypes.js'

export type Elements = readonly (number | string | boolean)[]

export interface OutputTensor {
  readonly name: string
  /** One that `DATATYPES` knows, or BYTES. */
  readonly datatype: string
  readonly shape: readonly number[]
  /** Row-major. */
  readonly data: Elements
}

/** BYTES lie behind each other, each after its length in four bytes. */
export function bytesOf({ datatype, data }: OutputTensor): Buffer {
  if (datatype === 'BYTES') {
    return Buffer.concat(
      data.flatMap(value => {
        const text = Buffer.from(String(value), 'utf8')
        const length = Buffer.alloc(4)
        length.writeUInt32LE(text.length)
        return [length, text]
      })
    )
  }
  const type = DATATYPES.get(datatype)!
  const out = Buffer.alloc(data.length * type.bytes)
  const view = new DataView(out.buffer, out.byteOffset, out.byteLength)
  data.forEach((value, k) => {
    type.write(view, k * type.bytes, Number(value))
  })
  return out
}
