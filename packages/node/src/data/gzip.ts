/** Files that gzip has made smaller, without believing them how large they will be. */
import { gunzipSync, inflateSync } from 'node:zlib'
import { DataFileError } from './errors.js'

/** Bytes of samples, unpacked, that are read at once; what is more is asked about in parts. */
export const LARGEST_DATA_BYTES = 2 ** 31

export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/**
 * The contents of a file that may be packed with gzip.
 * @param limit bytes of the contents
 * @throws DataFileError for a gzip stream that is cut or damaged, or becomes larger than `limit`
 */
export function gunzipped(bytes: Uint8Array, file: string, limit: number = LARGEST_DATA_BYTES): Uint8Array {
  if (!isGzip(bytes)) return bytes
  try {
    return gunzipSync(bytes, { maxOutputLength: limit })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new DataFileError(file, 'gzip', `at most ${limit} bytes of contents`, 'more', {
        remedy: 'Split it into several files.',
        cause: error
      })
    }
    throw new DataFileError(file, 'gzip', 'a whole gzip stream', (error as Error).message, { cause: error })
  }
}

/**
 * What a zlib stream becomes, or its first bytes where it becomes more than that.
 * @throws the reason of zlib, with the code ERR_BUFFER_TOO_LARGE where it becomes larger than `limit`
 */
export const inflated = (bytes: Uint8Array, limit: number): Uint8Array => inflateSync(bytes, { maxOutputLength: limit })
