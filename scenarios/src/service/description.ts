/** A service scenario: who there is, which models, how long. Paths are relative to the file. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import * as z from 'zod'
import { modelsOf, readScenarioFile, type ScenarioData, ScenarioFileError } from '../scenario.js'

const count = z.number().int().positive()

const schema = z.strictObject({
  kind: z.literal('service'),
  name: z.string().min(1),
  description: z.string().default(''),
  manifest: z.string().min(1),
  holders: count.max(64),
  threshold: count.max(64),
  /** Parties that run every query again before holders help. */
  witnesses: z.number().int().min(0).max(64).default(0),
  queriers: count.max(64),
  models: z.array(z.strictObject({ name: z.string().min(1), model: z.string().min(1), batch: count })).min(1),
  /** Queries that keys and models are planned for: many are worth more keys and parts, where a query then sends less. */
  expectedQueries: count.optional(),
  floodingBits: z.number().int().min(30).max(100).optional(),
  decryptions: count.optional(),
  /** For tests alone: rings of this degree (log2), whatever the security table says. */
  insecureLogN: z.number().int().min(4).max(17).optional(),
  /** How long queries are asked. */
  minutes: z.number().positive().default(3),
  /** Queries after which it ends, if that comes first. */
  queries: count.optional(),
  /** Kills after which it ends, if that comes first. */
  kills: z.number().int().min(0).optional(),
  /** Seconds between two kills on average; 0 for none. */
  killsEvery: z.number().min(0).default(15),
  /** Names of the parties that are killed; all of them when not given. */
  killed: z.array(z.string().min(1)).min(1).optional()
})

type File = z.infer<typeof schema>

export interface ServiceModel {
  readonly name: string
  /** ONNX file. */
  readonly file: string
  readonly data: ScenarioData
  readonly batch: number
}

export interface ServiceScenario extends Omit<File, 'models' | 'kind'> {
  readonly models: readonly ServiceModel[]
}

export type ServiceOverrides = Partial<
  Pick<ServiceScenario, 'minutes' | 'queries' | 'kills' | 'killsEvery' | 'holders' | 'threshold' | 'queriers' | 'insecureLogN'>
>

/** Whether a file describes a service rather than one run. */
export async function isService(file: string): Promise<boolean> {
  const text = await readFile(file, 'utf8').catch(() => '')
  return /^kind: *service *$/m.test(text)
}

/** @throws ScenarioFileError naming file, key, what was expected */
export async function loadServiceScenario(file: string, overrides: ServiceOverrides = {}): Promise<ServiceScenario> {
  const { kind: _kind, models, ...others } = await readScenarioFile(file, schema)
  const manifest = resolve(dirname(resolve(file)), others.manifest)
  const listed = await modelsOf(manifest)
  const scenario = { ...others, ...overrides, manifest }
  if (scenario.threshold > scenario.holders) {
    throw new ScenarioFileError(`${file}: threshold: at most ${scenario.holders}, the number of holders`)
  }
  if (scenario.witnesses > 0 && scenario.threshold === 1) {
    throw new ScenarioFileError(`${file}: witnesses: none where one share is enough`)
  }
  return {
    ...scenario,
    models: models.map(({ name, model, batch }) => {
      const found = listed.find(entry => entry.name === model)
      if (found === undefined) {
        throw new ScenarioFileError(`${file}: models: ${model} is none of ${listed.map(entry => entry.name).join(', ')}`)
      }
      return { name, batch, file: found.model, data: found.data }
    })
  }
}
