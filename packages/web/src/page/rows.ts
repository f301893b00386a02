/** Rows of numbers as people paste them: separated by commas, semicolons, tabs or blanks; a first line of names is passed over. */

/** A cell is no number, or a row has another length than the model's. */
export class RowsError extends Error {
  override name = 'RowsError'

  constructor(
    /** From 1, as the text has them. */
    readonly line: number,
    reason: string
  ) {
    super(`line ${line}: ${reason}`)
  }
}

/** @param features of one row @param most rows that one query takes @throws RowsError */
export function readRows(text: string, features: number, most: number): Float64Array[] {
  const rows: Float64Array[] = []
  for (const [k, line] of text.split(/\r\n|\n|\r/).entries()) {
    if (line.trim() === '') continue
    const cells = line
      .trim()
      .split(/[,;\t]\s*|\s+/)
      .filter(cell => cell !== '')
    const numbers = cells.map(Number)
    const wrong = numbers.findIndex(number => !Number.isFinite(number))
    if (wrong >= 0) {
      if (rows.length === 0 && k === 0) continue
      throw new RowsError(k + 1, `"${cells[wrong]!.slice(0, 40)}" is no number`)
    }
    if (numbers.length !== features) throw new RowsError(k + 1, `${features} numbers are asked for, ${numbers.length} are there`)
    if (rows.length === most) throw new RowsError(k + 1, `a query takes ${most} rows`)
    rows.push(Float64Array.from(numbers))
  }
  if (rows.length === 0) throw new RowsError(1, 'there are no numbers')
  return rows
}
