/** Reads party.yaml: YAML, schema, rules between keys; relative paths are relative to the file. */
import { dirname, resolve } from 'node:path'
import { ConfigurationError, type ConfigurationIssue } from './errors.js'
import { parseWith, parseYaml, readText, withAbsolutePaths } from './read.js'
import { networkRules, rosterRules } from './rules.js'
import { type Configuration, configurationSchema } from './schema.js'
import { type ServiceConfiguration, serviceSchema } from './service-schema.js'
import { type WorkerConfiguration, workerSchema } from './worker-schema.js'

/** @throws ConfigurationError naming every fault at once */
export async function loadConfiguration(file: string): Promise<Configuration> {
  return parseConfiguration(await readText(file), file)
}

/**
 * The configuration of one session, from its text. @throws ConfigurationError naming every fault at once
 * @param file name for messages; its directory is where relative paths start
 */
export function parseConfiguration(text: string, file: string): Configuration {
  const configuration = resolvePaths(parseWith(configurationSchema, parseYaml(text, file), file), dirname(resolve(file)))
  const issues = rules(configuration)
  if (issues.length > 0) throw new ConfigurationError(file, issues)
  return configuration
}

/** What a party.yaml is for: a key `cohort` makes it a standing service's. */
export type PartyConfiguration =
  | { readonly kind: 'session'; readonly configuration: Configuration }
  | { readonly kind: 'service'; readonly configuration: ServiceConfiguration }

/** @throws ConfigurationError naming every fault at once */
export async function loadPartyConfiguration(file: string): Promise<PartyConfiguration> {
  return parsePartyConfiguration(await readText(file), file)
}

/** @throws ConfigurationError naming every fault at once */
export function parsePartyConfiguration(text: string, file: string): PartyConfiguration {
  return parseYaml(text, file).has('cohort')
    ? { kind: 'service', configuration: parseServiceConfiguration(text, file) }
    : { kind: 'session', configuration: parseConfiguration(text, file) }
}

/** @throws ConfigurationError naming every fault at once */
export async function loadServiceConfiguration(file: string): Promise<ServiceConfiguration> {
  return parseServiceConfiguration(await readText(file), file)
}

/**
 * The configuration of a party of a service, from its text. @throws ConfigurationError naming every fault at once
 * @param file name for messages; its directory is where relative paths start
 */
export function parseServiceConfiguration(text: string, file: string): ServiceConfiguration {
  const document = parseYaml(text, file)
  if (!document.has('cohort')) {
    const remedy = 'This is the configuration of one session; "slytherin init --cohort" writes one of a service.'
    throw new ConfigurationError(file, [{ key: 'cohort', expected: 'the settings of a service', got: 'nothing', remedy }])
  }
  const parsed = parseWith(serviceSchema, document, file)
  const base = dirname(resolve(file))
  const configuration = {
    ...parsed,
    ...withAbsolutePaths({ state: parsed.state, keystore: parsed.keystore }, PATH_KEYS, base),
    log: withAbsolutePaths(parsed.log, LOG_PATHS, base),
    ...(parsed.fleet === undefined ? {} : { fleet: withAbsolutePaths(parsed.fleet, FLEET_PATHS, base) })
  }
  const issues = [...rosterRules(configuration.roster), ...networkRules(configuration.network), ...cohortRules(configuration)]
  if (issues.length > 0) throw new ConfigurationError(file, issues)
  return configuration
}

/** worker.yaml, of a further machine of an evaluator's fleet. @throws ConfigurationError naming every fault at once */
export async function loadWorkerConfiguration(file: string): Promise<WorkerConfiguration> {
  return parseWorkerConfiguration(await readText(file), file)
}

/**
 * worker.yaml from its text. @throws ConfigurationError naming every fault at once
 * @param file name for messages; its directory is where relative paths start
 */
export function parseWorkerConfiguration(text: string, file: string): WorkerConfiguration {
  const parsed = parseWith(workerSchema, parseYaml(text, file), file)
  const base = dirname(resolve(file))
  return {
    ...parsed,
    fleet: withAbsolutePaths(parsed.fleet, FLEET_PATHS, base),
    cache: withAbsolutePaths(parsed.cache, FLEET_PATHS, base),
    log: withAbsolutePaths(parsed.log, LOG_PATHS, base)
  }
}

const LOG_PATHS: ReadonlySet<string> = new Set(['file'])
const FLEET_PATHS: ReadonlySet<string> = new Set(['directory', 'redisPasswordFile'])
/** Keys whose values are paths, wherever they stand in these parts of the file. */
const PATH_KEYS = new Set(['state', 'model', 'file', 'idx', 'npy', 'npz', 'csv', 'manifest', 'passphraseFile', 'keyFile', 'directory'])

function resolvePaths(configuration: Configuration, base: string): Configuration {
  const { state, model, keystore, samples, calibration, evidence, ...rest } = configuration
  return { ...rest, ...withAbsolutePaths({ state, model, keystore, samples, calibration, evidence }, PATH_KEYS, base) } as Configuration
}

/** What a schema cannot say: rules between keys. */
function rules({ roster, network, model, calibration, output, inputShape, replace, task, assist }: Configuration): ConfigurationIssue[] {
  const issues = [...rosterRules(roster), ...networkRules(network)]
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
  for (const [key, value] of Object.entries({ output, inputShape, replace, task })) {
    if (model === undefined && value !== undefined) {
      issues.push({ key, expected: 'a "model" that it is said of', got: 'no model', remedy: `Add "model", or leave "${key}" out.` })
    }
  }
  if (assist.proofs === 'witness') {
    const expected = 'a witness, for assist.proofs: witness relies on one'
    if (assist.witnesses === 0) {
      issues.push({
        key: 'assist.witnesses',
        expected,
        got: '0',
        remedy: 'Leave assist.witnesses out, or rely on somebody else in assist.proofs.'
      })
    }
    if (!roster.some(({ roles }) => roles.includes('witness'))) {
      issues.push({
        key: 'roster',
        expected,
        got: 'none',
        remedy: 'Give the role witness to a party, in every roster, or set assist.proofs otherwise.'
      })
    }
  }
  return issues
}

function cohortRules({ roster, cohort }: ServiceConfiguration): ConfigurationIssue[] {
  const evaluators = roster.filter(({ roles }) => roles.includes('evaluator'))
  const found = evaluators.find(({ name, peerId }) => name === cohort.evaluator || peerId === cohort.evaluator)
  if (found !== undefined) return []
  const named = evaluators.map(({ name }) => name).join(', ') || 'none'
  const remedy = `Parties of the roster with the role evaluator: ${named}.`
  return [{ key: 'cohort.evaluator', expected: 'name or peer id of an evaluator of the roster', got: `"${cohort.evaluator}"`, remedy }]
}
