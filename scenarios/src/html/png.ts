/** A picture of a sample as a PNG in a data address: 8-bit greyscale or RGB, one row filter, deflated (RFC 2083). */
import { crc32, deflateSync } from 'node:zlib'

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const GREYSCALE = 0
const RGB = 2

export interface Picture {
  readonly rows: number
  readonly columns: number
  /** 1 or 3 */
  readonly channels: number
  /** Channel-major, in any range: the smallest value becomes black, the largest white. */
  readonly values: Float64Array
}

/** How a sample of the given shape can be seen; undefined when it is no picture. */
export function pictureOf(shape: readonly number[], values: Float64Array): Picture | undefined {
  const [columns, rows, channels = 1, ...more] = [...shape].reverse()
  if (rows !== undefined && columns !== undefined && rows > 1 && columns > 1) {
    return more.every(dimension => dimension === 1) && (channels === 1 || channels === 3) ? { rows, columns, channels, values } : undefined
  }
  const side = Math.sqrt(values.length)
  return Number.isInteger(side) && side >= SMALLEST_SIDE ? { rows: side, columns: side, channels: 1, values } : undefined
}

/** A flat sample is taken for a square picture from this on. */
const SMALLEST_SIDE = 16

export function pngAddress({ rows, columns, channels, values }: Picture): string {
  const lowest = values.reduce((bound, value) => Math.min(bound, value), Number.POSITIVE_INFINITY)
  const highest = values.reduce((bound, value) => Math.max(bound, value), Number.NEGATIVE_INFINITY)
  const stride = 1 + columns * channels
  const lines = Buffer.alloc(rows * stride)
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      for (let channel = 0; channel < channels; channel++) {
        const value = values[(channel * rows + row) * columns + column]!
        lines[row * stride + 1 + column * channels + channel] = highest > lowest ? (255 * (value - lowest)) / (highest - lowest) : 0
      }
    }
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(columns, 0)
  header.writeUInt32BE(rows, 4)
  header[8] = 8
  header[9] = channels === 1 ? GREYSCALE : RGB
  const file = Buffer.concat([SIGNATURE, chunk('IHDR', header), chunk('IDAT', deflateSync(lines)), chunk('IEND', Buffer.alloc(0))])
  return `data:image/png;base64,${file.toString('base64')}`
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const out = Buffer.alloc(body.length + 8)
  out.writeUInt32BE(data.length, 0)
  body.copy(out, 4)
  out.writeUInt32BE(crc32(body), body.length + 4)
  return out
}
