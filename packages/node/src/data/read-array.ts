/** Arrays of numbers from files of every kind that is read here, told by what is in them. */
import { stat } from 'node:fs/promises'
import type { Label } from '@slytherin/engine'
import type { SamplesConfiguration } from '../configuration/schema.js'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import { type DataFormat, HEAD_BYTES, type Selection } from './format.js'
import { FORMATS, formatOf } from './formats.js'
import { gunzipped } from './gzip.js'
import { readPngFolder } from './png-folder.js'
import { exists, readDataFile } from './read.js'

/** Where samples are, and which of what is there. */
export type ArraySource = Pick<SamplesConfiguration, 'file' | 'idx' | 'npy' | 'npz' | 'csv' | 'array' | 'columns' | 'label'>

/** Something to read as a command line names it: a file or a folder; `FILE#NAME` for an array or a field of it. */
export const sourceOf = (file: string): ArraySource => ({ file })

/** @throws DataFileError when the file is missing or not what it should be */
export async function readArray(source: ArraySource): Promise<{ file: string; array: SampleArray }> {
  const { file, folder, selection } = await locate(source)
  if (folder) return { file, array: await readPngFolder(file) }
  const { bytes, format } = await open(file, source, selection)
  return { file, array: format.read(bytes, file, selection) }
}

/** Classes as a file has them, in the order of its samples. */
export interface Labels {
  /** Of every sample, in order. */
  readonly labels: readonly Label[]
  /** All of them in the order of the model's outputs, where they are names. */
  readonly classes?: readonly string[] | undefined
}

/**
 * The classes that a file tells: labels alone, or one array or field of what is there.
 * @returns undefined for numbers of several columns, or of an array: `readArray` reads them
 * @throws DataFileError
 */
export async function readLabels(source: ArraySource): Promise<Labels | undefined> {
  const { file, folder, selection } = await locate(source)
  if (folder) return labelsOf(await readPngFolder(file))
  const { bytes, format } = await open(file, source, selection)
  return labelsOf(format.labels?.(bytes, file, selection))
}

/** The classes that stand beside samples; undefined where there are none. */
export const labelsOf = (array: Pick<SampleArray, 'labels' | 'classes'> | undefined): Labels | undefined =>
  array?.labels === undefined ? undefined : { labels: array.labels, classes: array.classes }

interface Located {
  readonly file: string
  readonly folder: boolean
  readonly selection: Selection
}

/** `FILE#NAME` is a part of a file, unless a file has that name. */
async function locate({ file: named, idx, npy, npz, csv, array, columns, label }: ArraySource): Promise<Located> {
  const path = (named ?? idx ?? npy ?? npz ?? csv)!
  const hash = path.lastIndexOf('#')
  const parted = hash > 0 && !(await exists(path))
  const file = parted ? path.slice(0, hash) : path
  const folder = await stat(file).then(
    found => found.isDirectory(),
    () => false
  )
  return { file, folder, selection: { array, columns, label, ...(parted ? { part: path.slice(hash + 1) } : {}) } }
}

/** @param source whose format is said, or told by the contents */
async function open(file: string, source: ArraySource, selection: Selection): Promise<{ bytes: Uint8Array; format: DataFormat }> {
  const packed = await readDataFile(file, 'readable')
  const bytes = gunzipped(packed, file)
  const said = FORMATS.find(({ name }) => source[name as keyof ArraySource] !== undefined)
  const format = said ?? formatOf(bytes.subarray(0, HEAD_BYTES), bytes.length, file)
  if (format === undefined) {
    const expected = [...FORMATS.map(({ title }) => title), 'a folder of PNG images'].join(', ')
    const remedy = "From Python: numpy.save('samples.npy', array)."
    throw new DataFileError(file, 'contents', expected, bytes.length === 0 ? 'an empty file' : 'something else', { remedy })
  }
  const { array, columns, label, part } = selection
  for (const [key, value] of Object.entries({ array, columns, label, '#NAME': part })) {
    const understood = key === '#NAME' ? format.selects !== undefined : format.selects?.some(name => name === key)
    if (value === undefined || understood === true) continue
    const formats = FORMATS.filter(({ selects }) => (key === '#NAME' ? selects !== undefined : selects?.some(name => name === key)))
    throw new DataFileError(file, key, `nothing for ${format.title}`, `'${value}'`, {
      remedy: `It goes with ${formats.map(({ title }) => title).join(', ')}.`
    })
  }
  return { bytes, format }
}
