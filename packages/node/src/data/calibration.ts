/** Reads what an owner knows of the values that flow through a model: samples, figures written down by hand, or a manifest that lies beside the model. */
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { type ApproximationOptions, Calibration, type InputPart, type MeasuredValues, TASK_KINDS, type TaskChoice } from '@slytherin/engine'
import * as z from 'zod'
import type { ApproximationConfiguration, CalibrationConfiguration } from '../configuration/schema.js'
import { DataFileError } from './errors.js'
import { exists } from './read.js'
import { sourceOf } from './read-array.js'
import { lastSamples, loadSamples } from './samples.js'

/**
 * @param model path of the model, by whose file name a manifest lists it
 * @param shape of one sample as the network reads it; not checked when not given
 * @param parts its inputs by name, where it has several
 * @throws DataFileError for samples or a manifest that are not what they should be
 */
export async function openCalibration(
  model: string,
  configuration: CalibrationConfiguration,
  shape?: readonly number[],
  parts?: readonly InputPart[]
): Promise<Calibration> {
  const { samples, measured, manifest, margin } = configuration
  if (samples !== undefined) return Calibration.fromSamples(await loadSamples(samples, shape, parts), margin)
  return Calibration.fromMeasured(measured ?? (await readManifest(manifest!, model)), margin)
}

/** What a configuration asks of the approximation of activations, in the engine's words. */
export function approximationOptions({ accuracy, ...options }: ApproximationConfiguration = {}): ApproximationOptions {
  return { ...present(options), ...(accuracy === undefined ? {} : { relativeError: accuracy }) }
}

/** Without keys whose value is undefined. */
const present = <T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }

/** As many samples as are read to calibrate a model when nobody says how many. */
const CALIBRATION_SAMPLES = 500

/**
 * What a manifest knows of a model: the last samples of the data that it names for calibration, or else for tests, where they lie beside it, since bounds measured on samples are far tighter than what
 * follows from the ranges of activations alone; otherwise the manifest itself.
 * @throws DataFileError as `openCalibration`
 */
export async function manifestCalibration(manifest: string, model: string): Promise<CalibrationConfiguration> {
  const { dataset, normalisation } = await manifestEntry(manifest, model)
  if (dataset === undefined) return { manifest }
  const file = resolve(dirname(manifest), (dataset.calibration ?? dataset.test).x)
  if (!(await exists(file))) return { manifest }
  const { scale = 1, mean, std, clip } = normalisation
  // Bytes are scaled; tables of features are stored standardised.
  const stored = { scale, mean: typeof mean === 'number' ? mean : 0, deviation: typeof std === 'number' ? std : 1 }
  return { samples: await lastSamples(sourceOf(file), clip === undefined ? stored : { ...stored, clip }, CALIBRATION_SAMPLES) }
}

const manifestSchema = z.looseObject({
  models: z.array(
    z.looseObject({
      file: z.string(),
      task: z.enum(TASK_KINDS).optional(),
      dataset: z
        .looseObject({ test: z.looseObject({ x: z.string() }), calibration: z.looseObject({ x: z.string() }).optional() })
        .optional(),
      normalisation: z.looseObject({ scale: z.number().optional(), mean: z.unknown(), std: z.unknown(), clip: z.number().optional() }),
      trainAccuracy: z.looseObject({ maxAbsLogit: z.number() }).optional(),
      activationRanges: z.looseObject({ train: z.array(z.looseObject({ layer: z.string(), min: z.number(), max: z.number() })) }).optional()
    })
  )
})

/** What the outputs of a model mean, where its manifest says so. @throws DataFileError as `openCalibration` */
export async function manifestTask(manifest: string, model: string): Promise<TaskChoice | undefined> {
  const task = (await readManifestFile(manifest)).find(({ file }) => basename(file) === basename(model))?.task
  return task === undefined ? undefined : { kind: task }
}

async function readManifest(path: string, model: string): Promise<MeasuredValues> {
  const { normalisation, trainAccuracy, activationRanges } = await manifestEntry(path, model)
  if (trainAccuracy === undefined || activationRanges === undefined) {
    throw new DataFileError(path, basename(model), 'measured ranges of activations', 'data only: calibrate on samples')
  }
  return { input: inputBound(path, normalisation), largestLogit: trainAccuracy.maxAbsLogit, activations: activationRanges.train }
}

type ManifestModel = z.infer<typeof manifestSchema>['models'][number]

async function readManifestFile(path: string): Promise<ManifestModel[]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    throw new DataFileError(path, 'file', 'a readable JSON manifest of models', (error as Error).message, { cause: error })
  }
  const parsed = manifestSchema.safeParse(json)
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    throw new DataFileError(path, issue.path.join('.'), 'what a manifest of models holds', issue.message)
  }
  return parsed.data.models
}

async function manifestEntry(path: string, model: string): Promise<ManifestModel> {
  const models = await readManifestFile(path)
  const entry = models.find(({ file }) => basename(file) === basename(model))
  if (entry === undefined) {
    throw new DataFileError(path, 'models', `an entry for ${basename(model)}`, models.map(({ file }) => basename(file)).join(', '))
  }
  return entry
}

/** Bound on |input| after normalisation: the clip, or what the ends of a byte become. */
function inputBound(
  path: string,
  { scale = 1, mean, std, clip }: { scale?: number | undefined; mean?: unknown; std?: unknown; clip?: number | undefined }
): number {
  if (clip !== undefined) return clip
  if (typeof mean !== 'number' || typeof std !== 'number')
    throw new DataFileError(path, 'normalisation', 'one mean and std, or a clip', 'neither')
  return Math.max(Math.abs(mean), Math.abs(255 * scale - mean)) / std
}
