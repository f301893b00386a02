/** What the labels of a data file say, in the words of the model. */
import type { OutputMeaning, Prediction } from '@slytherin/engine'
import { ScenarioFileError } from './scenario.js'

/**
 * Classes by the model's names for them: a file has either those names, where they are numbers, or their places, 0 first. Of a multi-label task a row has a 0 or 1 for
 * every label; of a regression it has the values.
 * @param file for errors
 * @throws ScenarioFileError for labels that the model does not have
 */
export function truthOf({ task }: OutputMeaning, rows: readonly Float64Array[], file: string): Prediction[] {
  const { labels } = task
  if (task.kind === 'regression') return rows.map(row => (row.length === 1 ? row[0]! : [...row]))
  if (task.kind === 'multi-label') return rows.map(row => [...row].flatMap((flag, k) => (flag > 0.5 ? [labels?.[k] ?? k] : [])))
  const given = rows.map(row => row[0]!)
  if (labels === undefined || given.every(label => labels.includes(label))) return given
  const unknown = given.find(label => labels[label] === undefined)
  if (unknown !== undefined)
    throw new ScenarioFileError(`${file}: label ${unknown} is none of the model's, which are ${labels.slice(0, 20).join(', ')}`)
  return given.map(place => labels[place]!)
}
