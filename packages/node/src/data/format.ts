/**
 * What a format of data files is: how it is recognised, and how its bytes become numbered samples. One file per format, and `formats.ts` lists them: a further format is a
 * file of its own and a line there.
 */
import type { SampleArray } from './array.js'

/** What of a file is wanted, where it holds more than samples. */
export interface Selection {
  /** Name of the array, in a file of several. */
  readonly array?: string | undefined
  /** Fields of a table, by name or position from 0, in the order that the model wants; all but `label` when absent. */
  readonly columns?: readonly (string | number)[] | undefined
  /** The field that names the class of a sample, and is no value of it. */
  readonly label?: string | number | undefined
  /** What stands behind `FILE#`: the name of an array where a file has several, of a field where it is a table. */
  readonly part?: string | undefined
}

export interface DataFormat {
  /** Short name, as a configuration says it. */
  readonly name: string
  /** For messages: `NumPy array (.npy)`. */
  readonly title: string
  /** What names of such files end in, lower case; gzip's `.gz` may follow. Asked only where contents are no sign. */
  readonly endings: readonly string[]
  /** What of a selection it understands; others are refused. A format without any has no parts either. */
  readonly selects?: readonly ('array' | 'columns' | 'label')[]
  /**
   * Whether contents begin as this format's do.
   * @param head the first bytes of the file, gzip undone; at most `HEAD_BYTES`
   * @param size bytes of the whole
   */
  recognises(head: Uint8Array, size: number): boolean
  /**
   * @param bytes the whole file, gzip undone
   * @param file for errors
   * @throws DataFileError naming file, place, what was expected and what to do
   */
  read(bytes: Uint8Array, file: string, selection: Selection): SampleArray
  /**
   * Classes of samples, of a format in which they may be text; without it, or where it gives nothing, labels are the numbers that `read` gives.
   * @throws DataFileError as `read`
   */
  labels?(bytes: Uint8Array, file: string, selection: Selection): Pick<SampleArray, 'labels' | 'classes'> | undefined
}

/** As much of a file as a format is recognised by. */
export const HEAD_BYTES = 4096
