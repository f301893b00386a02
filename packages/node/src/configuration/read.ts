/** Reads a configuration: YAML, checked against a schema; every fault is named at once, with what was probably meant. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { type Document, parseDocument } from 'yaml'
import * as z from 'zod'
import { ConfigurationError, type ConfigurationIssue } from './errors.js'
import { suggest } from './suggest.js'

/** @throws ConfigurationError */
export async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    const issue = {
      key: '',
      expected: 'a readable file',
      got: (error as NodeJS.ErrnoException).code ?? 'an error',
      remedy: 'Check the path given to --config.'
    }
    throw new ConfigurationError(file, [issue], { cause: error })
  }
}

/** @throws ConfigurationError for what is not YAML */
export function parseYaml(text: string, file: string): Document {
  const document = parseDocument(text)
  if (document.errors.length === 0) return document
  throw new ConfigurationError(
    file,
    document.errors.map(error => ({ key: '', expected: 'YAML', got: error.message.split('\n')[0]!.replace(/:$/, '') }))
  )
}

/** @throws ConfigurationError naming every fault at once */
export function parseWith<T>(schema: z.ZodType<T>, document: Document, file: string): T {
  const raw = withoutEmpty(document.toJS({ maxAliasCount: 20 }))
  const parsed = schema.safeParse(raw, { reportInput: true })
  if (parsed.success) return parsed.data
  throw new ConfigurationError(
    file,
    parsed.error.issues.flatMap(issue => describe(schema, issue, raw))
  )
}

/** A key with nothing behind it, all its values being comments, is as good as absent. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([, item]) => item !== null)
  return Object.fromEntries(entries.map(([key, item]) => [key, withoutEmpty(item)]))
}

/** @param keys whose values are paths, wherever they stand */
export function withAbsolutePaths<T extends object>(part: T, keys: ReadonlySet<string>, base: string): T {
  const entries = Object.entries(part)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      if (typeof value === 'string' && keys.has(key)) return [key, resolve(base, value)]
      return [
        key,
        typeof value === 'object' && value !== null && !Array.isArray(value) ? withAbsolutePaths(value as object, keys, base) : value
      ]
    })
  return Object.fromEntries(entries) as T
}

const PLACES: Record<string, string> = {
  passphrase: 'A passphrase never stands in the configuration: use "passphraseEnvironment", "passphraseFile" or "keyFile".',
  privateKey: 'Keys never stand in the configuration: "slytherin init" makes them.'
}

function describe(schema: z.core.$ZodType, issue: z.core.$ZodIssue, raw: unknown): ConfigurationIssue[] {
  const key = z.core.toDotPath(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(unknown => {
        const known = knownKeys(schema, issue.path)
        const near = suggest(unknown, known)
        const remedy = PLACES[unknown] ?? (near === undefined ? `Known keys: ${known.join(', ')}.` : `Did you mean "${near}"?`)
        return { key: key === '' ? unknown : `${key}.${unknown}`, expected: 'a known key', got: `"${unknown}"`, remedy }
      })
    case 'invalid_value': {
      const got = at(raw, issue.path)
      const near = typeof got === 'string' ? suggest(got, issue.values.map(String)) : undefined
      return [
        {
          key,
          expected: issue.values.map(value => JSON.stringify(value)).join(' or '),
          got: show(got),
          ...(near === undefined ? {} : { remedy: `Did you mean "${near}"?` })
        }
      ]
    }
    case 'invalid_type':
      return [
        {
          key,
          expected: issue.expected,
          got: show(at(raw, issue.path)),
          ...(at(raw, issue.path) === undefined ? { remedy: 'Add the key.' } : {})
        }
      ]
    default: {
      const expected = issue.message.replace(/^expected /, '').replace(/^Too (small|big): expected /, '')
      return [{ key, expected, got: show(at(raw, issue.path)) }]
    }
  }
}

/** Value in the file at a path; undefined when there is none. */
function at(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value
  for (const key of path) {
    if (typeof current !== 'object' || current === null) return undefined
    current = (current as Record<PropertyKey, unknown>)[key]
  }
  return current
}

function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (Array.isArray(value)) return `a list of ${value.length}`
  if (typeof value === 'object' && value !== null) return `the keys ${Object.keys(value).join(', ') || '(none)'}`
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…` : text
}

/** Keys that the schema knows at a path. */
function knownKeys(root: z.core.$ZodType, path: readonly PropertyKey[]): string[] {
  let schema = root
  for (const key of path) {
    const inner = unwrap(schema)
    if (inner instanceof z.ZodObject) schema = inner.shape[String(key)] as z.core.$ZodType
    else if (inner instanceof z.ZodArray) schema = inner.element as z.core.$ZodType
    else return []
  }
  const inner = unwrap(schema)
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : []
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let current = schema
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodPrefault) {
    current = current.def.innerType
  }
  return current
}
