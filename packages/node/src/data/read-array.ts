/** Arrays of numbers from files of every kind that is read here. */
import type { SamplesConfiguration } from '../configuration/schema.js'
import type { SampleArray } from './array.js'
import { readCsv } from './csv.js'
import { readIdx } from './idx.js'
import { readNpy } from './npy.js'
import { readNpz } from './npz.js'
import { readDataFile } from './read.js'

/** Where samples are: a file by the key of its format, and what in it. */
export type ArraySource = Pick<SamplesConfiguration, 'idx' | 'npy' | 'npz' | 'csv' | 'array' | 'columns'>

/** Formats with the name's ending that tells them; what has none of these is IDX, whose files end in anything. */
const ENDINGS: readonly (readonly [ending: string, format: 'npy' | 'npz' | 'csv'])[] = [
  ['.npy', 'npy'],
  ['.npy.gz', 'npy'],
  ['.npz', 'npz'],
  ['.csv', 'csv'],
  ['.csv.gz', 'csv'],
  ['.tsv', 'csv'],
  ['.tsv.gz', 'csv']
]

/** The key under which a configuration names a data file. */
const formatOf = (file: string): 'npy' | 'npz' | 'csv' | 'idx' =>
  ENDINGS.find(([ending]) => file.toLowerCase().endsWith(ending))?.[1] ?? 'idx'

/** A whole file, its format told by its name. */
export const sourceOf = (file: string): ArraySource => ({ [formatOf(file)]: file })

/** @throws DataFileError when the file is missing or not what it should be */
export async function readArray(source: ArraySource): Promise<{ file: string; array: SampleArray }> {
  const file = (source.idx ?? source.npy ?? source.npz ?? source.csv)!
  const bytes = await readDataFile(file, 'readable')
  return { file, array: parse(source, bytes, file) }
}

function parse(source: ArraySource, bytes: Uint8Array, file: string): SampleArray {
  if (source.npy !== undefined) return readNpy(bytes, file)
  if (source.npz !== undefined) return readNpz(bytes, file, source.array)
  if (source.csv !== undefined) return readCsv(bytes, file, source.columns)
  return readIdx(bytes, file)
}
