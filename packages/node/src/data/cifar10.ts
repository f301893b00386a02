/**
 * The binary version of CIFAR-10 (Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html), as in `test_batch.bin`: records of 3073 bytes, a label from 0 to 9, then the
 * pixels of 32 rows of 32, all red ones first, then green, then blue. The file has no mark of its own: its length and its labels are all that tell it.
 */
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat } from './format.js'
import { gunzipped } from './gzip.js'

const SHAPE = [3, 32, 32] as const
const PIXELS = 3 * 32 * 32
const RECORD = 1 + PIXELS
const CLASSES = 10

/**
 * @param bytes the file's contents, gzip or plain
 * @param file for errors
 * @returns pixels from 0 to 255, channels first, with their labels
 * @throws DataFileError for anything but whole records with labels from 0 to 9
 */
export function readCifar10(bytes: Uint8Array, file: string): SampleArray {
  const plain = gunzipped(bytes, file)
  const rows = plain.length / RECORD
  if (plain.length === 0 || !Number.isInteger(rows)) {
    throw new DataFileError(file, 'length', `whole records of ${RECORD} bytes`, `${plain.length} bytes`, {
      remedy: "Take the binary version of CIFAR-10; CIFAR-100's records are longer."
    })
  }
  const labels = Array.from({ length: rows }, (_, row) => plain[row * RECORD]!)
  const wrong = labels.findIndex(label => label >= CLASSES)
  if (wrong >= 0) throw new DataFileError(file, `label of record ${wrong}`, `0 to ${CLASSES - 1}`, String(labels[wrong]))
  return { rows, columns: PIXELS, sampleShape: SHAPE, labels, value: (row, column) => plain[row * RECORD + 1 + column]! }
}

export const cifar10: DataFormat = {
  name: 'cifar10',
  title: "CIFAR-10's binary version (.bin)",
  endings: ['.bin'],
  recognises: (head, size) => size > 0 && size % RECORD === 0 && [0, RECORD].every(place => (head[place] ?? 0) < CLASSES),
  read: readCifar10,
  labels: (bytes, file) => ({ labels: readCifar10(bytes, file).labels! })
}
