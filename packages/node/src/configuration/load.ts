/** Reads party.yaml: YAML, schema, rules between keys; relative paths are relative to the file. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { ConfigurationError, type ConfigurationIssue } from './errors.js'
import { type Configuration, configurationSchema } from './schema.js'
import { suggest } from './suggest.js'

/** @throws ConfigurationError naming every fault at once */
export async function loadConfiguration(file: string): Promise<Configuration> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const issue = {
      key: '',
      expected: 'a readable file',
      got: (error as NodeJS.ErrnoException).code ?? 'an error',
      remedy: 'Check the path given to --config.'
    }
    throw new ConfigurationError(file, [issue], { cause: error })
  }
  return parseConfiguration(text, file)
}

/** @param file name for messages; its directory is where relative paths start */
export function parseConfiguration(text: string, file: string): Configuration {
  const document = parseDocument(text)
  if (document.errors.length > 0) {
    throw new ConfigurationError(
      file,
      document.errors.map(error => ({ key: '', expected: 'YAML', got: error.message.split('\n')[0]!.replace(/:$/, '') }))
    )
  }
  const raw: unknown = document.toJS({ maxAliasCount: 20 })
  const parsed = configurationSchema.safeParse(raw, { reportInput: true })
  if (!parsed.success)
    throw new ConfigurationError(
      file,
      parsed.error.issues.flatMap(issue => describe(issue, raw))
    )
  const configuration = resolvePaths(parsed.data, dirname(resolve(file)))
  const issues = rules(configuration)
  if (issues.length > 0) throw new ConfigurationError(file, issues)
  return configuration
}

/** Keys whose values are paths, wherever they stand in these parts of the file. */
const PATH_KEYS = new Set(['state', 'model', 'idx', 'npy', 'npz', 'csv', 'manifest', 'passphraseFile', 'keyFile', 'directory'])

function resolvePaths(configuration: Configuration, base: string): Configuration {
  const { state, model, keystore, samples, calibration, evidence, ...rest } = configuration
  return { ...rest, ...withAbsolutePaths({ state, model, keystore, samples, calibration, evidence }, base) } as Configuration
}

function withAbsolutePaths<T extends object>(part: T, base: string): T {
  const entries = Object.entries(part)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      if (typeof value === 'string' && PATH_KEYS.has(key)) return [key, resolve(base, value)]
      return [key, typeof value === 'object' && value !== null && !Array.isArray(value) ? withAbsolutePaths(value as object, base) : value]
    })
  return Object.fromEntries(entries) as T
}

/** What a schema cannot say: rules between keys. */
function rules({ roster, network, model, calibration, output, inputShape, task }: Configuration): ConfigurationIssue[] {
  const issues: ConfigurationIssue[] = []
  roster.forEach((entry, index) => {
    const earlier = roster.findIndex(other => other.peerId === entry.peerId)
    if (earlier < index) {
      issues.push({
        key: `roster[${index}].peerId`,
        expected: 'every peer once',
        got: `the peer of roster[${earlier}] again`,
        remedy: 'List all its roles in one entry.'
      })
    }
    if (roster.findIndex(other => other.name === entry.name) < index) {
      issues.push({ key: `roster[${index}].name`, expected: 'every name once', got: `"${entry.name}" again` })
    }
  })
  for (const [role, least, most] of [
    ['evaluator', 1, 1],
    ['model-owner', 1, 1],
    ['key-holder', 1, Number.POSITIVE_INFINITY],
    ['querier', 1, Number.POSITIVE_INFINITY]
  ] as const) {
    const number = roster.filter(entry => entry.roles.includes(role)).length
    if (number < least || number > most) {
      issues.push({ key: 'roster', expected: `${most === 1 ? 'exactly' : 'at least'} ${least} ${role}`, got: String(number) })
    }
  }
  if (model !== undefined && calibration === undefined) {
    const remedy = 'Add "calibration" with "samples", "manifest" or "measured".'
    issues.push({ key: 'calibration', expected: "where the bounds on the model's values come from", got: 'nothing', remedy })
  }
  for (const [key, value] of Object.entries({ output, inputShape, task })) {
    if (model === undefined && value !== undefined) {
      issues.push({ key, expected: 'a "model" that it is said of', got: 'no model', remedy: `Add "model", or leave "${key}" out.` })
    }
  }
  const window = network.limits.streamWindow ?? 0
  if (network.limits.readBuffer !== undefined && window > network.limits.readBuffer) {
    issues.push({
      key: 'network.limits.streamWindow',
      expected: 'at most network.limits.readBuffer',
      got: String(window),
      remedy: 'A paused stream with a larger window than buffer is reset.'
    })
  }
  return issues
}

const PLACES: Record<string, string> = {
  passphrase: 'A passphrase never stands in the configuration: use "passphraseEnvironment", "passphraseFile" or "keyFile".',
  privateKey: 'Keys never stand in the configuration: "slytherin init" makes them.'
}

function describe(issue: z.core.$ZodIssue, raw: unknown): ConfigurationIssue[] {
  const key = z.core.toDotPath(issue.path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map(unknown => {
        const known = knownKeys(issue.path)
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
function knownKeys(path: readonly PropertyKey[]): string[] {
  let schema: z.core.$ZodType = configurationSchema
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
