/** Edits the roster of a party.yaml in place: lines of others, comments and everything else stay as they are. A list in brackets is written anew. */
import { type Document, isMap, isSeq, parseDocument, stringify, type YAMLMap, type YAMLSeq } from 'yaml'
import { ConfigurationError } from './errors.js'
import { parseYaml } from './read.js'

export interface EditedRoster {
  /** The whole file as it is to be. */
  readonly text: string
  /** Name of the entry that was added or removed. */
  readonly name: string
}

/**
 * Adds a line as `slytherin init` prints it; one of the same peer takes the place of what is there.
 * @param file for messages
 */
export function addToRoster(text: string, line: string, file: string): EditedRoster {
  const entry = entryOf(line, file)
  const { items, document, roster } = rosterOf(text, file)
  const name = String(entry.get('name'))
  const at = items.findIndex(item => item.get('peerId') === entry.get('peerId'))
  if (roster.flow === true || items.length === 0) {
    roster.flow = false
    if (at < 0) roster.add(entry)
    else roster.items[at] = entry
    return { text: document.toString({ lineWidth: 0 }), name }
  }
  const place = linesOf(text, items[at < 0 ? items.length - 1 : at]!)
  const added = `${place.indent}- ${stringify(entry.toJSON(), { collectionStyle: 'flow', lineWidth: 0 }).trim()}\n`
  const before = text.slice(0, at < 0 ? place.end : place.start)
  return { text: `${before}${before.endsWith('\n') ? '' : '\n'}${added}${text.slice(place.end)}`, name }
}

/** @param party name or peer id */
export function removeFromRoster(text: string, party: string, file: string): EditedRoster {
  const { items, document, roster } = rosterOf(text, file)
  const at = items.findIndex(item => item.get('name') === party || item.get('peerId') === party)
  if (at < 0) {
    const names = items.map(item => String(item.get('name'))).join(', ')
    throw new ConfigurationError(file, [
      {
        key: 'roster',
        expected: `a party called "${party}"`,
        got: `a roster of ${names || 'nobody'}`,
        remedy: 'Give its name or its peer id.'
      }
    ])
  }
  const name = String(items[at]!.get('name'))
  if (roster.flow === true) {
    roster.items.splice(at, 1)
    return { text: document.toString({ lineWidth: 0 }), name }
  }
  const { start, end } = linesOf(text, items[at]!)
  return { text: text.slice(0, start) + text.slice(end), name }
}

/** The whole lines of an item of a block list, with what stands before its dash. */
function linesOf(text: string, item: YAMLMap): { readonly start: number; readonly end: number; readonly indent: string } {
  const [first, last] = item.range!
  const start = text.lastIndexOf('\n', first - 1) + 1
  const written = text.slice(0, last).trimEnd().length
  const newline = text.indexOf('\n', written)
  return { start, end: newline < 0 ? text.length : newline + 1, indent: /^\s*/.exec(text.slice(start, first))![0] }
}

function entryOf(line: string, file: string): YAMLMap {
  const { contents, errors } = parseDocument(line.trim())
  const entry = isSeq(contents) && contents.items.length === 1 ? contents.items[0] : contents
  if (errors.length === 0 && isMap(entry) && ['name', 'peerId', 'roles'].every(key => entry.has(key))) return entry
  throw new ConfigurationError(file, [
    {
      key: 'line',
      expected: 'a roster line: - { name: …, peerId: 12D3KooW…, roles: [key-holder], addresses: [] }',
      got: JSON.stringify(line.length > 80 ? `${line.slice(0, 77)}…` : line),
      remedy: 'Quote what "slytherin init" printed, as one argument.'
    }
  ])
}

function rosterOf(
  text: string,
  file: string
): { readonly document: Document; readonly roster: YAMLSeq; readonly items: readonly YAMLMap[] } {
  const document = parseYaml(text, file)
  const roster = document.get('roster')
  if (isSeq(roster) && roster.items.every(isMap)) return { document, roster, items: roster.items as YAMLMap[] }
  throw new ConfigurationError(file, [
    { key: 'roster', expected: 'a list of parties', got: roster === undefined ? 'nothing' : 'something else', remedy: 'Add the key.' }
  ])
}
