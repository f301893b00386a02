/** The list of runs whose reports are kept. Scenario files are relative to the list. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import * as z from 'zod'
import { DEFAULT_SIMULATED_SAMPLES } from '../run-scenario.js'
import { loadScenario, type Scenario } from '../scenario.js'

const count = z.number().int().positive()

const runSchema = z.strictObject({
  /** Of the report's files. */
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, { error: 'expected lower-case letters, digits and dashes' }),
  scenario: z.string().min(1),
  model: z.string().min(1).optional(),
  images: count.optional(),
  batch: count.optional(),
  parties: count.optional(),
  witnesses: z.number().int().min(0).optional(),
  evaluator: z.enum(['kernel', 'seal']).optional(),
  /** Samples that are simulated, at most; false: none. */
  simulation: z.union([count, z.literal(false)]).default(DEFAULT_SIMULATED_SAMPLES),
  /** Seconds after which it is stopped, in place of those of the command. */
  limit: count.optional(),
  /** In place of what the scenario expects. */
  expect: z.strictObject({ agreement: z.number().min(0).max(1).optional(), logitError: z.number().positive().optional() }).prefault({}),
  /** In words what the README of the project shows the run as, where it does. */
  headline: z.string().min(1).optional(),
  /** A point of the curve of cost by batch. */
  curve: z.boolean().default(false)
})

const listSchema = z.strictObject({
  runs: z
    .array(runSchema)
    .min(1)
    .refine(runs => new Set(runs.map(run => run.name)).size === runs.length, { error: 'expected names that differ' })
})

export type Run = z.infer<typeof runSchema>

/** The list is missing, is not YAML, or says something that it must not; or a run is asked for that it does not have. */
export class RunListError extends Error {
  override name = 'RunListError'
}

/** @throws RunListError naming file, key, what was expected */
export async function loadRuns(file: string): Promise<Run[]> {
  const content = await readFile(file, 'utf8')
    .then(text => parse(text) as unknown)
    .catch((error: unknown) => {
      throw new RunListError(`${file}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
    })
  const checked = listSchema.safeParse(content)
  if (checked.success) return checked.data.runs
  const lines = checked.error.issues.map(issue => `  ${issue.path.join('.') || 'file'}: ${issue.message}`)
  throw new RunListError(`${file}:\n${lines.join('\n')}`)
}

/** Those of the names, or all when there are none; in the order of the list. @throws RunListError */
export function choose(runs: readonly Run[], names: readonly string[]): Run[] {
  const known = runs.map(run => run.name)
  const unknown = names.filter(name => !known.includes(name))
  if (unknown.length > 0)
    throw new RunListError(`no run ${unknown.map(name => `'${name}'`).join(', ')} in the list, which has: ${known.join(', ')}`)
  return names.length === 0 ? [...runs] : runs.filter(run => names.includes(run.name))
}

/** @throws ScenarioFileError */
export async function scenarioOf({ scenario: path, expect, ...run }: Run, list: string): Promise<Scenario> {
  const { model, images, batch, parties, witnesses, evaluator } = run
  const scenario = await loadScenario(resolve(dirname(list), path), {
    ...(model === undefined ? {} : { model }),
    ...(images === undefined ? {} : { images }),
    ...(batch === undefined ? {} : { batch }),
    ...(parties === undefined ? {} : { parties }),
    ...(witnesses === undefined ? {} : { witnesses }),
    ...(evaluator === undefined ? {} : { evaluator })
  })
  const { agreement = scenario.expect.agreement, logitError = scenario.expect.logitError } = expect
  return { ...scenario, expect: { agreement, logitError } }
}
