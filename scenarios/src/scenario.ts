/** A scenario file: which parties there are, what they hold, what is asked. Paths are relative to the file. */
import { access, readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Replacements, TaskChoice } from '@slytherin/engine'
import { ConfigurationError, configurationSchema, parseWith, parseYaml, SampleFile, sourceOf, suggest } from '@slytherin/node'
import { ROLES } from '@slytherin/protocol'
import * as z from 'zod'

const count = z.number().int().positive()

const partySchema = z.strictObject({
  name: z.string().regex(/^[a-z][a-z0-9-]*$/, { error: 'expected lower-case letters, digits and dashes' }),
  roles: z.array(z.enum(ROLES)).min(1),
  /** Several parties of the same kind: named name-1, name-2, …; `--parties` sets it. */
  count: count.optional()
})

const dataSchema = z.strictObject({
  /** File of the samples, of any format that is read, or a folder of PNG images; `FILE#NAME` for an array of it. */
  samples: z.string().min(1),
  /**
   * File of the labels, of the values of a regression, or of a 0 or 1 for every label of a sample. When absent, the classes that stand with the samples; where there are none, answers are
   * held against the clear network alone.
   */
  labels: z.string().min(1).optional(),
  /** The field of a table of samples that is the class. */
  label: z.union([z.string().min(1), z.number().int().min(0)]).optional(),
  /** Where the data are had, for whoever runs this without them. */
  source: z.string().min(1).optional(),
  /** Samples to calibrate on that nobody asks about; when absent, rows of `samples` that are not asked about. */
  calibration: z.string().min(1).optional(),
  /** `nhwc`: channels last; as in a party's configuration. */
  layout: z.enum(['nhwc']).optional(),
  normalisation: z
    .strictObject({ scale: z.number().default(1), mean: z.number().default(0), deviation: z.number().positive().default(1) })
    .prefault({})
})

export const scenarioSchema = z.strictObject({
  name: z.string().min(1),
  description: z.string().default(''),
  /** ONNX file; the command line also takes the name of a model of the manifest. */
  model: z.string().min(1),
  /** Which output of the model is computed, where it has several; as in a party's configuration. */
  output: configurationSchema.shape.output,
  /** Shape of one sample, where the model leaves it open; as in a party's configuration. */
  inputShape: configurationSchema.shape.inputShape,
  replace: configurationSchema.shape.replace,
  /** What the outputs mean; as the manifest or the model file says when absent; as in a party's configuration. */
  task: configurationSchema.shape.task,
  /** List of trained models with their data; needed where they are not given here. */
  manifest: z.string().min(1).optional(),
  /** What is asked about; the manifest's test set of the model when absent. */
  data: dataSchema.optional(),
  /** The model owner calibrates on so many samples, of those that are not asked about; 0: on the ranges that the manifest has. */
  calibrationSamples: z.number().int().min(0).default(500),
  /** How the model owner makes polynomials of activations; as in a party's configuration. */
  approximation: configurationSchema.shape.approximation,
  /** How many samples are asked about; `--images` overrides. */
  images: count.default(64),
  /** Samples per query that the plan is made for; the number of images when absent, in equal parts when they are very many. */
  batch: count.optional(),
  parties: z.array(partySchema).min(1),
  session: z
    .strictObject({
      /** Clear data are at the evaluator, which then owns them; clear weights likewise. */
      data: z.enum(['clear', 'encrypted']).default('encrypted'),
      weights: z.enum(['clear', 'encrypted']).default('encrypted'),
      /** As in a party's configuration. */
      floodingBits: configurationSchema.shape.session.unwrap().shape.floodingBits,
      floodingBounds: configurationSchema.shape.session.unwrap().shape.floodingBounds,
      maximumDecryptions: count.optional(),
      minimumRefreshes: z.number().int().min(0).default(0),
      refreshing: z.boolean().default(true),
      /** How exact logits must be; as in a party's configuration. */
      precision: configurationSchema.shape.session.unwrap().shape.precision,
      link: configurationSchema.shape.session.unwrap().shape.link,
      expectedQueries: configurationSchema.shape.session.unwrap().shape.expectedQueries,
      maximumKeyBytes: configurationSchema.shape.session.unwrap().shape.maximumKeyBytes
    })
    .prefault({}),
  /** What key holders want to see before they help. */
  assist: z.strictObject({ witnesses: z.number().int().min(0).default(0) }).prefault({}),
  evaluator: z.enum(['kernel', 'seal']).default('kernel'),
  /** What plans are priced with; as in a party's configuration: the evaluator measures its machine where nothing else is said. */
  costs: configurationSchema.shape.costs,
  /** What makes the run a failure. */
  expect: z
    .strictObject({
      /**
       * Least fraction of samples whose encrypted answer is that of the evaluated network in the clear, where errors within six standard deviations excuse another class:
       * what approximating activations changes is told with a warning, and is no failure.
       */
      agreement: z.number().min(0).max(1).default(1),
      /** Largest logit error, as a fraction of the largest logit. */
      logitError: z.number().positive().default(0.01)
    })
    .prefault({})
})

type ScenarioFile = z.infer<typeof scenarioSchema>
export type ScenarioData = z.infer<typeof dataSchema>

/** A scenario with everything found and every path absolute. */
export interface Scenario extends ScenarioFile {
  data: ScenarioData
}

/** Rows that are left to calibrate on where a single file of the command line has many; of fewer, half. */
const CALIBRATION_ROWS = 500

export interface PartyDescription {
  readonly name: string
  readonly roles: readonly (typeof ROLES)[number][]
}

/** Options of the command line, which go before the file. */
export interface ScenarioOverrides {
  readonly parties?: number
  readonly witnesses?: number
  readonly images?: number
  readonly batch?: number
  readonly evaluator?: 'kernel' | 'seal'
  readonly model?: string
  readonly output?: string
  readonly inputShape?: readonly number[]
  readonly replace?: Replacements
  readonly task?: TaskChoice
  readonly layout?: 'nhwc'
  /** Own samples, in place of the scenario's data; paths as the command line has them. */
  readonly data?: string
  readonly labels?: string
  readonly labelColumn?: string
  readonly calibration?: string
  readonly scale?: number
  readonly mean?: number
  readonly deviation?: number
}

/** The file is missing, is not YAML, or says something that it must not. */
export class ScenarioFileError extends Error {
  override name = 'ScenarioFileError'
}

/** What a scenario's file says. @throws ScenarioFileError naming file, key, what was expected */
export async function readScenarioFile<T>(file: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new ScenarioFileError(`${file}: ${error.code === 'ENOENT' ? 'no such file' : error.message}`, { cause: error })
  })
  try {
    return parseWith(schema, parseYaml(text, file), file)
  } catch (error) {
    if (error instanceof ConfigurationError) throw new ScenarioFileError(error.message, { cause: error })
    throw error
  }
}

/** @throws ScenarioFileError naming file, key, what was expected */
export async function loadScenario(file: string, overrides: ScenarioOverrides = {}): Promise<Scenario> {
  const content = await readScenarioFile(file, scenarioSchema)
  const here = dirname(resolve(file))
  const manifest = content.manifest === undefined ? undefined : resolve(here, content.manifest)
  const listed = manifest === undefined ? [] : await modelsOf(manifest)
  const named = listed.find(entry => entry.name === overrides.model)
  const model = named?.model ?? (overrides.model === undefined ? resolve(here, content.model) : resolve(overrides.model))
  await mustExist(model, listed, overrides.model)
  const data = dataOf(content.data, listed.find(entry => entry.model === model)?.data, overrides, here)
  if (data === undefined) {
    const names = listed.map(entry => entry.name).join(', ')
    const known = manifest === undefined ? '' : `, or choose a model of ${manifest}: ${names}`
    throw new ScenarioFileError(`${file}: no data for ${model}: say --data FILE, give the scenario "data"${known}`)
  }
  const scenario: Scenario = { ...content, manifest, model, data }
  if (overrides.data !== undefined && overrides.images === undefined) scenario.images = await imagesOf(scenario)
  if (overrides.images !== undefined) scenario.images = overrides.images
  if (overrides.task !== undefined) scenario.task = overrides.task
  if (overrides.output !== undefined) scenario.output = overrides.output
  if (overrides.replace !== undefined) scenario.replace = overrides.replace
  if (overrides.inputShape !== undefined) scenario.inputShape = [...overrides.inputShape]
  if (overrides.batch !== undefined) scenario.batch = overrides.batch
  if (overrides.evaluator !== undefined) scenario.evaluator = overrides.evaluator
  if (overrides.witnesses !== undefined) setWitnesses(scenario, overrides.witnesses)
  if (overrides.parties !== undefined) setKeyHolders(scenario, overrides.parties, file)
  return scenario
}

const exists = async (file: string): Promise<boolean> =>
  await access(file).then(
    () => true,
    () => false
  )

/** @throws ScenarioFileError with the name that was probably meant */
async function mustExist(model: string, listed: readonly { readonly name: string }[], given: string | undefined): Promise<void> {
  if (given === undefined || (await exists(model))) return
  const names = listed.map(({ name }) => name)
  const near = suggest(given, names)
  const remedy = near === undefined ? `Models of the manifest: ${names.join(', ') || 'none'}.` : `Did you mean "${near}"?`
  throw new ScenarioFileError(`--model: expected a model of the manifest, or an ONNX file, got "${given}". ${remedy}`)
}

/** The command line's data, else the scenario's, else those that the manifest has of the model. Own samples are normalised as the model's of the manifest unless it is said otherwise. */
function dataOf(
  content: ScenarioData | undefined,
  listed: ScenarioData | undefined,
  { data, labels, labelColumn, calibration, layout, scale, mean, deviation }: ScenarioOverrides,
  here: string
): ScenarioData | undefined {
  const written = content && {
    ...content,
    samples: resolve(here, content.samples),
    ...(content.labels === undefined ? {} : { labels: resolve(here, content.labels) }),
    ...(content.calibration === undefined ? {} : { calibration: resolve(here, content.calibration) })
  }
  const known = written ?? listed
  const base =
    data === undefined ? known : { samples: resolve(data), normalisation: known?.normalisation ?? { scale: 1, mean: 0, deviation: 1 } }
  if (base === undefined) return undefined
  const { normalisation } = base
  return {
    ...base,
    ...(labels === undefined ? {} : { labels: resolve(labels) }),
    ...(labelColumn === undefined ? {} : { label: labelColumn }),
    ...(calibration === undefined ? {} : { calibration: resolve(calibration) }),
    ...(layout === undefined ? {} : { layout }),
    normalisation: {
      scale: scale ?? normalisation.scale,
      mean: mean ?? normalisation.mean,
      deviation: deviation ?? normalisation.deviation
    }
  }
}

/** How many of own samples are asked about: those that the scenario would ask about, as far as there are, and rows to calibrate on are left. @throws DataFileError */
async function imagesOf({ data, images, calibrationSamples }: Scenario): Promise<number> {
  const { samples, label, calibration, normalisation } = data
  const { count: rows } = await SampleFile.open({ ...sourceOf(samples), label, offset: 0, normalisation })
  const kept = calibration !== undefined || calibrationSamples === 0 ? 0 : Math.min(CALIBRATION_ROWS, rows >> 1)
  return Math.min(images, Math.max(1, rows - kept))
}

/** As many witnesses as wanted, in processes of their own, and key holders that demand the endorsement of one of them; none of both for 0. */
function setWitnesses(scenario: Scenario, wanted: number): void {
  scenario.parties = scenario.parties.filter(({ roles }) => roles.join() !== 'witness')
  if (wanted > 0) scenario.parties.push({ name: 'witness', roles: ['witness'], ...(wanted === 1 ? {} : { count: wanted }) })
  scenario.assist = { witnesses: Math.min(1, wanted) }
}

/** As many key holders as wanted: of the party that comes several times or, where none does, further ones that hold nothing but a share of the key. */
function setKeyHolders(scenario: Scenario, wanted: number, file: string): void {
  const several = scenario.parties.find(party => party.count !== undefined && party.roles.includes('key-holder'))
  const others = scenario.parties.filter(party => party !== several && party.roles.includes('key-holder')).length
  if (wanted < others + (several === undefined ? 0 : 1)) {
    throw new ScenarioFileError(`${file}: --parties: ${wanted} key holder(s), but other parties of this scenario hold keys already`)
  }
  if (several !== undefined) several.count = wanted - others
  else if (wanted > others) scenario.parties.push({ name: 'key-holder', roles: ['key-holder'], count: wanted - others })
}

const manifestSchema = z.object({
  models: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      dataset: z.object({
        source: z.string().optional(),
        test: z.object({ x: z.string(), y: z.string() }),
        calibration: z.object({ x: z.string() }).optional()
      }),
      normalisation: z.object({ scale: z.number().optional(), mean: z.unknown(), std: z.unknown() })
    })
  )
})

/** The models of a manifest with the data they are tested on. @throws ScenarioFileError */
export async function modelsOf(manifest: string): Promise<{ name: string; model: string; data: ScenarioData }[]> {
  const parsed = await readFile(manifest, 'utf8')
    .then(text => manifestSchema.parse(JSON.parse(text)))
    .catch((error: unknown) => {
      throw new ScenarioFileError(`${manifest}: not a manifest of models: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error
      })
    })
  const folder = dirname(manifest)
  return parsed.models.map(({ name, file, dataset, normalisation: { scale, mean, std } }) => ({
    name,
    model: resolve(folder, file),
    data: {
      samples: resolve(folder, dataset.test.x),
      labels: resolve(folder, dataset.test.y),
      ...(dataset.source === undefined ? {} : { source: dataset.source }),
      ...(dataset.calibration === undefined ? {} : { calibration: resolve(folder, dataset.calibration.x) }),
      // Bytes are scaled; tables of features are stored standardised.
      normalisation: { scale: scale ?? 1, mean: typeof mean === 'number' ? mean : 0, deviation: typeof std === 'number' ? std : 1 }
    }
  }))
}

/** One number of every sample fills a ciphertext of the ring that most plans choose. */
const LARGEST_DEFAULT_BATCH = 8192

/** Samples per query, and queries. */
export function batchesOf({ images, batch }: Scenario): { batch: number; queries: number } {
  const size = batch ?? Math.ceil(images / Math.ceil(images / LARGEST_DEFAULT_BATCH))
  return { batch: size, queries: Math.ceil(images / size) }
}

/** Every party of the scenario by its own name. */
export function partiesOf(scenario: Scenario): PartyDescription[] {
  return scenario.parties.flatMap(({ name, roles, count }) =>
    count === undefined ? [{ name, roles }] : Array.from({ length: count }, (_, k) => ({ name: `${name}-${k + 1}`, roles }))
  )
}
