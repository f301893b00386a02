/** What the labels of a data file say, in the words of the model. */
import type { OutputMeaning, Prediction } from '@slytherin/engine'
import type { Labels } from '@slytherin/node'
import { ScenarioFileError } from './scenario.js'

/**
 * Classes by the model's names for them: a file has either those names, where they are numbers, or their places, 0 first. Of a multi-label task a row has a 0 or 1 for
 * every label; of a regression it has the values.
 * @param file for errors
 * @throws ScenarioFileError for labels that the model does not have
 */
export function truthOf({ task }: OutputMeaning, given: Labels | readonly Float64Array[], file: string): Prediction[] {
  const { labels } = task
  if ('labels' in given && typeof given.labels[0] === 'string') {
    const unknown = given.labels.find(label => !labels?.map(String).includes(String(label)))
    if (unknown === undefined) return given.labels.map(label => labels!.find(one => String(one) === label)!)
    const known = labels === undefined ? 'which has none by name' : `whose are ${labels.slice(0, 20).join(', ')}`
    throw new ScenarioFileError(`${file}: "${unknown}" is no class of the model, ${known}`)
  }
  const rows = 'labels' in given ? given.labels.map(label => Float64Array.of(Number(label))) : given
  if (task.kind === 'regression') return rows.map(row => (row.length === 1 ? row[0]! : [...row]))
  if (task.kind === 'multi-label') return rows.map(row => [...row].flatMap((flag, k) => (flag > 0.5 ? [labels?.[k] ?? k] : [])))
  const places = rows.map(row => row[0]!)
  if (labels === undefined || places.every(label => labels.includes(label))) return places
  const unknown = places.find(label => labels[label] === undefined)
  if (unknown !== undefined)
    throw new ScenarioFileError(`${file}: label ${unknown} is none of the model's, which are ${labels.slice(0, 20).join(', ')}`)
  return places.map(place => labels[place]!)
}
