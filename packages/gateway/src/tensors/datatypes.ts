/** Datatypes of tensors in the Open Inference Protocol, as they lie in binary data: little-endian, without padding. */

export interface Datatype {
  readonly name: string
  /** Of one element. */
  readonly bytes: number
  /** Smallest and largest value in JSON, and whether only whole numbers are. */
  readonly range: readonly [number, number]
  readonly whole: boolean
  readonly read: (view: DataView, offset: number) => number
  readonly write: (view: DataView, offset: number, value: number) => void
}

const whole = (name: string, bits: 8 | 16 | 32, signed: boolean): Datatype => {
  const range = signed ? ([-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] as const) : ([0, 2 ** bits - 1] as const)
  const method = `${signed ? 'Int' : 'Uint'}${bits}` as const
  return {
    name,
    bytes: bits / 8,
    range,
    whole: true,
    read: (view, offset) => view[`get${method}`](offset, true),
    write: (view, offset, value) => view[`set${method}`](offset, value, true)
  }
}

const floating = (name: string, bytes: number, largest: number, read: Datatype['read'], write: Datatype['write']): Datatype => ({
  name,
  bytes,
  range: [-largest, largest],
  whole: false,
  read,
  write
})

const single = new DataView(new ArrayBuffer(4))

/** The upper half of a single, rounded to even. */
function writeBfloat16(view: DataView, offset: number, value: number): void {
  single.setFloat32(0, value)
  const bits = single.getUint32(0)
  view.setUint16(offset, (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16, true)
}

function readBfloat16(view: DataView, offset: number): number {
  single.setUint32(0, view.getUint16(offset, true) * 2 ** 16)
  return single.getFloat32(0)
}

/** Of numbers. BYTES, which holds text, is written only (encode.ts). */
export const DATATYPES: ReadonlyMap<string, Datatype> = new Map(
  [
    {
      name: 'BOOL',
      bytes: 1,
      range: [0, 1] as const,
      whole: true,
      read: (view: DataView, offset: number) => view.getUint8(offset),
      write: (view: DataView, offset: number, value: number) => view.setUint8(offset, value)
    },
    whole('UINT8', 8, false),
    whole('UINT16', 16, false),
    whole('UINT32', 32, false),
    whole('INT8', 8, true),
    whole('INT16', 16, true),
    whole('INT32', 32, true),
    {
      name: 'UINT64',
      bytes: 8,
      range: [0, 2 ** 53] as const,
      whole: true,
      read: (view: DataView, offset: number) => Number(view.getBigUint64(offset, true)),
      write: (view: DataView, offset: number, value: number) => view.setBigUint64(offset, BigInt(value), true)
    },
    {
      name: 'INT64',
      bytes: 8,
      range: [-(2 ** 53), 2 ** 53] as const,
      whole: true,
      read: (view: DataView, offset: number) => Number(view.getBigInt64(offset, true)),
      write: (view: DataView, offset: number, value: number) => view.setBigInt64(offset, BigInt(value), true)
    },
    floating(
      'FP16',
      2,
      65_504,
      (view, offset) => view.getFloat16(offset, true),
      (view, offset, value) => view.setFloat16(offset, value, true)
    ),
    floating('BF16', 2, 3.3895313892515355e38, readBfloat16, writeBfloat16),
    floating(
      'FP32',
      4,
      3.4028234663852886e38,
      (view, offset) => view.getFloat32(offset, true),
      (view, offset, value) => view.setFloat32(offset, value, true)
    ),
    floating(
      'FP64',
      8,
      Number.MAX_VALUE,
      (view, offset) => view.getFloat64(offset, true),
      (view, offset, value) => view.setFloat64(offset, value, true)
    )
  ].map((type): [string, Datatype] => [type.name, type])
)
