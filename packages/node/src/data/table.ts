/** Samples from tables: records of named fields, one of which may be the class, whatever text they were written as. */
import type { Label } from '@slytherin/engine'
import { suggest } from '../configuration/suggest.js'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import type { Selection } from './format.js'

/** A table as a format reads it. */
export interface Table {
  readonly rows: number
  /** Fields of a record. */
  readonly width: number
  /** Where the file names its fields. */
  readonly names?: readonly string[] | undefined
  /** A field as a number; undefined where it is none. */
  number(row: number, position: number): number | undefined
  /** A field as the name of a class; undefined where it is empty, or no text. */
  text(row: number, position: number): string | undefined
  /** What messages call a record. */
  place(row: number): string
}

/** @throws DataFileError naming record and field, never a value */
export function samplesOfTable(
  table: Table,
  file: string,
  { label, part, columns = part === undefined ? undefined : [part] }: Selection
): SampleArray {
  if (table.rows === 0) throw new DataFileError(file, 'samples', 'one or more records', 'none')
  const at = label === undefined ? undefined : positionOf(label, table, file, 'label')
  const all = Array.from({ length: table.width }, (_, position) => position).filter(position => position !== at)
  if (columns === undefined && table.names?.[0] === '' && at !== 0) {
    throw new DataFileError(file, 'field 0', 'a name in the heading', 'none', {
      remedy: 'It looks like the index that pandas writes: save with to_csv(…, index=False), or choose "columns".'
    })
  }
  const chosen = columns?.map(column => positionOf(column, table, file, 'columns')) ?? all
  if (chosen.length === 0) throw new DataFileError(file, 'fields', 'one or more besides the label', 'none')
  const values = new Float64Array(table.rows * chosen.length)
  for (let row = 0; row < table.rows; row++) {
    chosen.forEach((position, column) => {
      const value = table.number(row, position)
      if (value === undefined) throw notANumber(table, row, position, file, table.text(row, position) === undefined)
      values[row * chosen.length + column] = value
    })
  }
  return {
    rows: table.rows,
    columns: chosen.length,
    sampleShape: [chosen.length],
    value: (row, column) => values[row * chosen.length + column]!,
    ...(at === undefined ? {} : labelled(table, at, file))
  }
}

/**
 * The classes of samples, where a table holds nothing else or says in which field they are.
 * @returns undefined for a table of several fields when none is named
 * @throws DataFileError for a field that is not there, or is empty
 */
export function labelsOfTable(
  table: Table,
  file: string,
  { part, label = part }: Selection
): Pick<SampleArray, 'labels' | 'classes'> | undefined {
  if (label === undefined && table.width !== 1) return undefined
  return labelled(table, label === undefined ? 0 : positionOf(label, table, file, 'label'), file)
}

/** Numbers where all of them are; otherwise names, whose order is that of the alphabet: as scikit-learn and torchvision number classes. */
function labelled(table: Table, position: number, file: string): { labels: Label[]; classes?: string[] } {
  const rows = Array.from({ length: table.rows }, (_, row) => row)
  const numbers = rows.map(row => table.number(row, position))
  if (numbers.every(value => value !== undefined)) return { labels: numbers }
  const labels = rows.map(row => {
    const text = table.text(row, position)
    if (text === undefined) throw new DataFileError(file, place(table, row, position), 'the name of a class', 'nothing')
    return text
  })
  return { labels, classes: [...new Set(labels)].sort() }
}

const place = (table: Table, row: number, position: number): string =>
  `${table.place(row)}, ${table.names?.[position] ?? `field ${position}`}`

function notANumber(table: Table, row: number, position: number, file: string, empty: boolean): DataFileError {
  const field = table.names?.[position] ?? String(position)
  const remedy = empty
    ? 'Fill it in, or leave the record out.'
    : `If it is the class, say so: "label: ${field}", or --label-column ${field}; otherwise name the fields that hold the samples in "columns".`
  return new DataFileError(file, place(table, row, position), 'a number', empty ? 'nothing' : 'something else', { remedy })
}

function positionOf(field: string | number, { names, width }: Table, file: string, what: 'columns' | 'label'): number {
  const named = typeof field === 'string' ? (names?.indexOf(field) ?? -1) : -1
  // a command line has no numbers: where no heading has that name, a number is a position
  const position = named >= 0 ? named : /^\d+$/.test(String(field)) ? Number(field) : -1
  if (position >= 0 && position < width) return position
  const near = names === undefined ? undefined : suggest(String(field), names)
  const expected = names === undefined ? `a position from 0 to ${width - 1}` : `one of ${names.slice(0, 40).join(', ')}`
  throw new DataFileError(file, what, expected, String(field), near === undefined ? {} : { remedy: `Did you mean "${near}"?` })
}
