/** Files of text. */
import { DataFileError } from './errors.js'

/** As many bytes as a string may have in Node, less room for what is made of it. */
const LONGEST_TEXT = 500_000_000

/** Whether bytes begin as UTF-8 text does, or as what spreadsheets call Unicode text. */
export const looksLikeText = (head: Uint8Array): boolean => isUtf16(head) || !head.some(byte => byte < 9 || (byte > 13 && byte < 32))

const isUtf16 = (bytes: Uint8Array): boolean => (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)

/** @throws DataFileError for text in another encoding, or too much of it */
export function textOf(bytes: Uint8Array, file: string): string {
  if (isUtf16(bytes)) throw new DataFileError(file, 'encoding', 'UTF-8', 'UTF-16', { remedy: 'Save it as "CSV UTF-8".' })
  if (bytes.length > LONGEST_TEXT) {
    const remedy = 'Split it, or save it as .npy.'
    throw new DataFileError(file, 'size', `at most ${LONGEST_TEXT} bytes of text`, String(bytes.length), { remedy })
  }
  return new TextDecoder('utf-8').decode(bytes)
}
