/** Comma-separated values, one sample a line, as spreadsheets and databases export them. Separator and heading are recognised. */
import { parse } from 'csv-parse/sync'
import { gunzipped, type SampleArray } from './array.js'
import { DataFileError } from './errors.js'

const SEPARATORS = [',', ';', '\t']

/**
 * A first line with something that is not a number is the heading.
 *
 * @param columns names of the heading, or positions from 0, in the order that the model wants; all when absent
 * @throws DataFileError for a line of another length, for a field that is no number (its position, never its content), for an unknown column
 */
export function readCsv(bytes: Uint8Array, file: string, columns?: readonly (string | number)[]): SampleArray {
  const text = Buffer.from(gunzipped(bytes, file)).toString('utf8')
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
  const heading = first.some(field => numberOf(field) === undefined) ? first : undefined
  const rows = heading === undefined ? lines : lines.slice(1)
  const chosen = columns?.map(column => positionOf(column, heading, first.length, file)) ?? first.map((_, position) => position)
  const values = new Float64Array(rows.length * chosen.length)
  rows.forEach((fields, row) => {
    const line = row + (heading === undefined ? 1 : 2)
    if (fields.length !== first.length) throw new DataFileError(file, `record ${line}`, `${first.length} fields`, String(fields.length))
    chosen.forEach((position, column) => {
      const value = numberOf(fields[position]!)
      if (value === undefined) {
        const name = heading?.[position] ?? `field ${position}`
        throw new DataFileError(
          file,
          `record ${line}, ${name}`,
          'a number',
          'something else: name the columns that hold the samples in "columns"'
        )
      }
      values[row * chosen.length + column] = value
    })
  })
  return {
    rows: rows.length,
    columns: chosen.length,
    sampleShape: [chosen.length],
    value: (row, column) => values[row * chosen.length + column]!
  }
}

function positionOf(column: string | number, heading: readonly string[] | undefined, width: number, file: string): number {
  const position = typeof column === 'number' ? column : (heading?.indexOf(column) ?? -1)
  if (position >= 0 && position < width) return position
  throw new DataFileError(file, 'columns', heading === undefined ? `positions from 0 to ${width - 1}` : heading.join(', '), String(column))
}

function numberOf(field: string): number | undefined {
  if (field === '') return undefined
  const value = Number(field)
  return Number.isNaN(value) ? undefined : value
}
