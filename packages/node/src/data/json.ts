/**
 * JSON: a list of samples, each a number or lists of numbers of any depth; a list of records, whose fields are numbers (or one of them such lists), and one the class; or
 * several lists by name.
 */
import type { SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import type { DataFormat, Selection } from './format.js'
import { labelsOfTable, samplesOfTable, type Table } from './table.js'
import { looksLikeText, textOf } from './text.js'

type JsonRecord = Record<string, unknown>

/** More axes than any network reads. */
const HIGHEST_RANK = 8

/** @param bytes the file's contents @param file for errors @throws DataFileError naming sample and place, never a value */
export function readJson(bytes: Uint8Array, file: string, selection: Selection = {}): SampleArray {
  const { list, rest } = listOf(bytes, file, selection)
  if (!isRecord(list[0])) return arrayOf(list, file)
  const table = tableOf(list, file)
  const { label, part, columns = part === undefined ? undefined : [part] } = rest
  const fields = columns ?? table.names!.filter(name => name !== label)
  const only = fields.length === 1 ? String(fields[0]) : undefined
  if (only === undefined || !Array.isArray((list[0] as JsonRecord)[only])) return samplesOfTable(table, file, rest)
  // a field of each record is its sample, as of images
  const samples = arrayOf(
    list.map(record => (record as JsonRecord)[only]),
    file
  )
  return label === undefined ? samples : { ...samples, ...labelsOfTable(table, file, { label }) }
}

/** The samples, and what of a selection is left for them: the part that names a list is no field of its records. */
function listOf(bytes: Uint8Array, file: string, selection: Selection): { list: readonly unknown[]; rest: Selection } {
  let rest = selection
  let content: unknown
  try {
    content = JSON.parse(textOf(bytes, file).replace(/^\ufeff/, ''))
  } catch (error) {
    if (error instanceof DataFileError) throw error
    // V8's message repeats a part of the text
    throw new DataFileError(file, 'contents', 'JSON', `something else${placeOf(error)}`)
  }
  const expected = 'a list of samples, or several by name'
  if (isRecord(content)) {
    const names = Object.keys(content)
    const { array, part, ...others } = selection
    const wanted = array ?? part
    rest = wanted === part ? others : selection
    const chosen = wanted ?? (names.length === 1 ? names[0]! : undefined)
    const named = chosen !== undefined && Object.hasOwn(content, chosen) ? content[chosen] : undefined
    if (!Array.isArray(named)) {
      const remedy = names.length === 0 ? undefined : `Name one: ${file}#${names[0]}.`
      throw new DataFileError(file, 'array', expected, names.slice(0, 20).join(', ') || 'nothing', { remedy })
    }
    content = named
  }
  if (!Array.isArray(content)) throw new DataFileError(file, 'contents', expected, content === null ? 'nothing' : `a ${typeof content}`)
  if (content.length === 0) throw new DataFileError(file, 'samples', 'one or more', 'none')
  return { list: content, rest }
}

const isRecord = (value: unknown): value is JsonRecord => typeof value === 'object' && value !== null && !Array.isArray(value)

const placeOf = (error: unknown): string => {
  const at = /line \d+ column \d+/.exec(error instanceof Error ? error.message : '')?.[0]
  return at === undefined ? '' : ` at ${at}`
}

/** Lists of numbers of one shape, which the first sample has. */
function arrayOf(list: readonly unknown[], file: string): SampleArray {
  const sampleShape: number[] = []
  for (let inner = list[0]; Array.isArray(inner); inner = inner[0]) {
    if (inner.length === 0 || sampleShape.length === HIGHEST_RANK) {
      throw new DataFileError(
        file,
        'sample 0',
        `lists of numbers, at most ${HIGHEST_RANK} deep`,
        inner.length === 0 ? 'an empty one' : 'deeper ones'
      )
    }
    sampleShape.push(inner.length)
  }
  const columns = sampleShape.reduce((product, size) => product * size, 1)
  const values = new Float64Array(list.length * columns)
  let next = 0
  const fill = (value: unknown, axis: number, place: string): void => {
    const size = sampleShape[axis]
    if (size === undefined) {
      if (typeof value !== 'number' && typeof value !== 'boolean') throw new DataFileError(file, place, 'a number', kindOf(value))
      values[next++] = Number(value)
      return
    }
    if (!Array.isArray(value)) throw new DataFileError(file, place, `a list of ${size}`, kindOf(value))
    if (value.length !== size) throw new DataFileError(file, place, `a list of ${size}, as of sample 0`, `one of ${value.length}`)
    for (let k = 0; k < size; k++) fill(value[k], axis + 1, `${place}[${k}]`)
  }
  for (const [row, sample] of list.entries()) fill(sample, 0, `sample ${row}`)
  return { rows: list.length, columns, sampleShape, value: (row, column) => values[row * columns + column]! }
}

const kindOf = (value: unknown): string => {
  if (value === null || value === undefined) return 'nothing'
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'a record' : `a ${typeof value}`
}

/** Records of the fields that the first has. */
function tableOf(list: readonly unknown[], file: string): Table {
  const names = Object.keys(list[0] as JsonRecord)
  const place = (row: number): string => `record ${row}`
  list.forEach((record, row) => {
    if (!isRecord(record)) throw new DataFileError(file, place(row), 'a record, as the first is', kindOf(record))
    const missing = names.find(name => !Object.hasOwn(record, name))
    if (missing !== undefined) throw new DataFileError(file, `${place(row)}, ${missing}`, 'a value, as the first record has', 'nothing')
  })
  const at = (row: number, position: number): unknown => (list[row] as JsonRecord)[names[position]!]
  return {
    rows: list.length,
    width: names.length,
    names,
    number: (row, position) => {
      const value = at(row, position)
      return typeof value === 'number' || typeof value === 'boolean' ? Number(value) : undefined
    },
    text: (row, position) => {
      const value = at(row, position)
      return typeof value === 'string' && value !== '' ? value : undefined
    },
    place
  }
}

export const json: DataFormat = {
  name: 'json',
  title: 'JSON (.json)',
  endings: ['.json'],
  selects: ['array', 'columns', 'label'],
  recognises: head => looksLikeText(head) && /^\ufeff?\s*[[{]/.test(new TextDecoder().decode(head.subarray(0, 256))),
  read: readJson,
  labels: (bytes, file, selection) => {
    const { list, rest } = listOf(bytes, file, selection)
    if (isRecord(list[0])) return labelsOfTable(tableOf(list, file), file, rest)
    const one = (value: unknown): value is string | number => typeof value === 'string' || typeof value === 'number'
    if (!list.every(one)) return undefined
    const numbers = list.every(value => typeof value === 'number')
    const labels = numbers ? list : list.map(String)
    return numbers ? { labels } : { labels, classes: [...new Set(labels as string[])].sort() }
  }
}
