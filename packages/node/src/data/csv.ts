/** Comma-separated values, one sample a line, as spreadsheets and databases export them. Separator and heading are recognised. */
import { parse } from 'csv-parse/sync'
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat } from './format.js'
import { gunzipped } from './gzip.js'
import { labelsOfTable, samplesOfTable, type Table } from './table.js'
import { looksLikeText, textOf } from './text.js'

const SEPARATORS = [',', ';', '\t']

/** Records that are looked at to tell a heading from a first sample. */
const LOOK_AHEAD = 20

/**
 * @param columns names of the heading, or positions from 0, in the order that the model wants; all but the label when absent
 * @param label the field that is the class
 * @throws DataFileError for a line of another length, for a field that is no number (its position, never its content), for an unknown column
 */
export function readCsv(bytes: Uint8Array, file: string, columns?: readonly (string | number)[], label?: string | number): SampleArray {
  return samplesOfTable(tableOf(gunzipped(bytes, file), file), file, { columns, label })
}

function tableOf(bytes: Uint8Array, file: string): Table {
  const text = textOf(bytes, file)
  const firstLine = text.slice(0, text.indexOf('\n') >>> 0)
  const delimiter = SEPARATORS.reduce((best, next) => (firstLine.split(next).length > firstLine.split(best).length ? next : best))
  let lines: string[][]
  try {
    lines = parse(text, { bom: true, delimiter, skip_empty_lines: true, trim: true, relax_column_count: true })
  } catch (error) {
    const { lines: line, code } = error as { lines?: number; code?: string }
    throw new DataFileError(file, `line ${line ?? '?'}`, 'comma-separated values', code ?? 'something else')
  }
  const [first] = lines
  if (first === undefined) throw new DataFileError(file, 'samples', 'one or more lines', 'none')
  const names = isHeading(first, lines.slice(1, 1 + LOOK_AHEAD)) ? first : undefined
  const rows = names === undefined ? lines : lines.slice(1)
  const place = (row: number): string => `record ${row + (names === undefined ? 1 : 2)}`
  rows.forEach((fields, row) => {
    if (fields.length === first.length) return
    throw new DataFileError(file, place(row), `${first.length} fields, as the first line has`, String(fields.length))
  })
  return {
    rows: rows.length,
    width: first.length,
    names,
    number: (row, position) => numberOf(rows[row]![position]!),
    text: (row, position) => rows[row]![position] || undefined,
    place
  }
}

/**
 * A field that is a number below, and none in the first line, is named there. Where every field is text, those of a heading do not come again.
 */
function isHeading(first: readonly string[], below: readonly (readonly string[])[]): boolean {
  const texts = first.map(field => numberOf(field) === undefined)
  if (first.some((_, k) => texts[k] && below.some(fields => numberOf(fields[k] ?? '') !== undefined))) return true
  return texts.every(text => text) && !first.some((field, k) => below.some(fields => fields[k] === field))
}

function numberOf(field: string): number | undefined {
  if (field === '') return undefined
  const value = Number(field)
  return Number.isNaN(value) ? undefined : value
}

export const csv: DataFormat = {
  name: 'csv',
  title: 'comma-separated values (.csv, .tsv)',
  endings: ['.csv', '.tsv', '.txt'],
  selects: ['columns', 'label'],
  recognises: looksLikeText,
  read: (bytes, file, selection) => samplesOfTable(tableOf(bytes, file), file, selection),
  labels: (bytes, file, selection) => labelsOfTable(tableOf(bytes, file), file, selection)
}
