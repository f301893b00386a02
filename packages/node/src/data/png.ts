/**
 * One PNG image as numbers from 0 to 255, channels first. What the file says of its size is held against its compressed bytes before the decoder sees it, which gets no chunks but
 * those of the picture.
 */
import { convertIndexedToRgb, decode, hasPngSignature } from 'fast-png'
import { DataFileError } from './errors.js'
import { inflated } from './gzip.js'

export interface Picture {
  readonly width: number
  readonly height: number
  /** Samples of a pixel: 1 for grey, 3 for red, green, blue. Transparency is left out, as Pillow's convert("RGB") does. */
  readonly channels: 1 | 3
  /** channels × height × width. */
  readonly values: Float32Array
}

/** Pixels of one image; a network that reads more is not evaluated under encryption yet. */
const MOST_PIXELS = 2 ** 24
const SIGNATURE_BYTES = 8
/** Length, type and checksum around the data of a chunk. */
const CHUNK_FRAME = 12
const PICTURE_CHUNKS = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'])

export const isPng = (head: Uint8Array): boolean => head.length >= SIGNATURE_BYTES && hasPngSignature(head.subarray(0, SIGNATURE_BYTES))

/** @throws DataFileError */
export function readPng(bytes: Uint8Array, file: string): Picture {
  if (!isPng(bytes)) throw new DataFileError(file, 'signature', 'a PNG image', 'something else', { remedy: 'Convert it to PNG.' })
  const plain = pictureChunks(bytes, file)
  let image: ReturnType<typeof decode>
  let samples: ArrayLike<number>
  try {
    image = decode(plain, { checkCrc: true })
    samples = image.palette === undefined ? unpacked(image) : convertIndexedToRgb(image)
  } catch (error) {
    throw new DataFileError(file, 'contents', 'a whole PNG image', (error as Error).message, { cause: error })
  }
  const { width, height, palette, depth } = image
  const stored = palette === undefined ? image.channels : palette[0]!.length
  const channels = stored >= 3 ? 3 : 1
  const scale = 255 / (2 ** (palette === undefined ? depth : 8) - 1)
  const area = width * height
  const values = new Float32Array(channels * area)
  for (let pixel = 0; pixel < area; pixel++) {
    for (let channel = 0; channel < channels; channel++) values[channel * area + pixel] = samples[pixel * stored + channel]! * scale
  }
  return { width, height, channels, values }
}

/** Grey from colours as Pillow's convert("L") weighs them (ITU-R 601-2). */
export function greyOf({ values, width, height }: Picture): Float32Array {
  const area = width * height
  return Float32Array.from({ length: area }, (_, pixel) =>
    Math.floor((values[pixel]! * 19_595 + values[area + pixel]! * 38_470 + values[2 * area + pixel]! * 7471 + 0x8000) / 65_536)
  )
}

/** Samples of fewer than eight bits lie several in a byte, each row from a byte on. */
function unpacked({ data, depth, width, height, channels }: ReturnType<typeof decode>): ArrayLike<number> {
  if (depth >= 8) return data
  const perRow = Math.ceil((width * channels * depth) / 8)
  const mask = 2 ** depth - 1
  return Uint8Array.from({ length: width * height * channels }, (_, k) => {
    const [row, place] = [Math.floor(k / (width * channels)), (k % (width * channels)) * depth]
    return (data[row * perRow + (place >> 3)]! >> (8 - depth - (place & 7))) & mask
  })
}

/** The same image without text, profiles and all else; its data are whole and as many as its size says. */
function pictureChunks(bytes: Uint8Array, file: string): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Uint8Array[] = [bytes.subarray(0, SIGNATURE_BYTES)]
  const data: Uint8Array[] = []
  let expected: number | undefined
  for (let at = SIGNATURE_BYTES; ; ) {
    const length = at + CHUNK_FRAME <= bytes.length ? view.getUint32(at) : Number.POSITIVE_INFINITY
    if (at + CHUNK_FRAME + length > bytes.length) throw new DataFileError(file, 'contents', 'a whole PNG image', 'one that is cut off')
    const type = Buffer.from(bytes.subarray(at + 4, at + 8)).toString('latin1')
    if ((expected === undefined) !== (type === 'IHDR')) throw new DataFileError(file, 'chunks', 'one header, first', type)
    if (type === 'IHDR') expected = pixelBytes(view, at + 8, length, file)
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, at + 8 + length))
    if (PICTURE_CHUNKS.has(type)) kept.push(bytes.subarray(at, at + CHUNK_FRAME + length))
    at += CHUNK_FRAME + length
    if (type === 'IEND') break
  }
  let actual: number
  try {
    actual = inflated(Buffer.concat(data), expected! + 1).length
  } catch (error) {
    const larger = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    const got = larger ? 'more' : (error as Error).message
    throw new DataFileError(file, 'pixels', `${expected} bytes, as its size says`, got, { cause: error })
  }
  if (actual !== expected) throw new DataFileError(file, 'pixels', `${expected} bytes, as its size says`, String(actual))
  return Buffer.concat(kept)
}

/** Channels by the colour type of a header. */
const CHANNELS: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** First column and row, and the steps of both, of the passes of Adam7. */
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2]
] as const

/** Bytes that the image data become: rows, each with a byte for its filter. @throws DataFileError */
function pixelBytes(view: DataView, at: number, length: number, file: string): number {
  if (length !== 13) throw new DataFileError(file, 'header', '13 bytes', String(length))
  const [width, height] = [view.getUint32(at), view.getUint32(at + 4)]
  const [depth, color, interlaced] = [view.getUint8(at + 8), view.getUint8(at + 9), view.getUint8(at + 12)]
  if (!(width * height > 0 && width * height <= MOST_PIXELS)) {
    throw new DataFileError(file, 'size', `1 to ${MOST_PIXELS} pixels`, `${width}×${height}`)
  }
  const channels = CHANNELS[color]
  if (channels === undefined || ![1, 2, 4, 8, 16].includes(depth)) {
    throw new DataFileError(file, 'header', 'a colour type and a depth of PNG', `${color} and ${depth}`)
  }
  const sized = (columns: number, rows: number): number =>
    columns > 0 && rows > 0 ? rows * (1 + Math.ceil((columns * channels * depth) / 8)) : 0
  if (interlaced === 0) return sized(width, height)
  return PASSES.reduce(
    (sum, [column, row, across, down]) => sum + sized(Math.ceil((width - column) / across), Math.ceil((height - row) / down)),
    0
  )
}
