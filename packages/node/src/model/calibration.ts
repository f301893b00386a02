/**
 * What is known of the values that flow through a model, without which neither activations can be approximated nor anything planned: measured by its owner on samples,
 * written down by hand, or taken from a manifest that lies beside the model.
 */
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import {
  type ApproximatedNetwork,
  approximate,
  calibrate,
  type MeasuredActivation,
  type Network,
  type NetworkGraph,
  type Ranges,
  rangesFromActivations
} from '@slytherin/engine'
import { z } from 'zod'
import type { ApproximationConfiguration, CalibrationConfiguration } from '../configuration/schema.js'
import { DataFileError } from '../data/errors.js'
import { lastSamples, loadSamples } from '../data/samples.js'
import { exists } from '../storage/identity.js'

export class Calibration {
  private constructor(
    private readonly known:
      | { readonly samples: Float64Array[]; readonly measured?: undefined }
      | { readonly measured: Measured; readonly samples?: undefined },
    private readonly margin: number | undefined
  ) {}

  /**
   * @param model path of the model, by whose file name a manifest lists it
   * @throws DataFileError for samples or a manifest that are not what they should be
   */
  static async open(model: string, configuration: CalibrationConfiguration): Promise<Calibration> {
    const { samples, measured, manifest, margin } = configuration
    if (samples !== undefined) return new Calibration({ samples: await loadSamples(samples) }, margin)
    return new Calibration({ measured: measured ?? (await readManifest(manifest!, model)) }, margin)
  }

  /**
   * The network that is evaluated: activations approximated as configured, everything fused. Whoever asks with the same files gets the same network.
   * @throws the engine's errors: no range for an activation, no degree that is good enough, a topology that cannot be evaluated
   */
  approximate(graph: NetworkGraph, { accuracy, ...options }: ApproximationConfiguration = {}): ApproximatedNetwork {
    const { samples, measured } = this.known
    return approximate(graph, samples === undefined ? { ranges: measured.activations } : { samples }, {
      ...present(options),
      ...(accuracy === undefined ? {} : { relativeError: accuracy })
    })
  }

  /** @throws the engine's InvalidInputError for a missing activation */
  ranges(network: Network): Ranges {
    const options = this.margin === undefined ? {} : { margin: this.margin }
    const { samples, measured } = this.known
    if (samples !== undefined) return calibrate(network, samples, options)
    const { activations, ...bounds } = measured
    return rangesFromActivations(network, activations, bounds, options)
  }
}

/** Without keys whose value is undefined. */
const present = <T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> }

/** As many samples as are read to calibrate a model when nobody says how many. */
const CALIBRATION_SAMPLES = 500

/**
 * What a manifest knows of a model: the last samples of the data that it names, where they lie beside it, since bounds measured on samples are far tighter than what
 * follows from the ranges of activations alone; otherwise the manifest itself.
 * @throws DataFileError as `Calibration.open`
 */
export async function manifestCalibration(manifest: string, model: string): Promise<CalibrationConfiguration> {
  const { dataset, normalisation } = await manifestEntry(manifest, model)
  if (dataset === undefined) return { manifest }
  const file = resolve(dirname(manifest), dataset.test.x)
  if (!(await exists(file))) return { manifest }
  const { scale = 1, mean, std, clip } = normalisation
  // Bytes are scaled; tables of features are stored standardised.
  const stored = { scale, mean: typeof mean === 'number' ? mean : 0, deviation: typeof std === 'number' ? std : 1 }
  return { samples: await lastSamples(file, clip === undefined ? stored : { ...stored, clip }, CALIBRATION_SAMPLES) }
}

const manifestSchema = z.looseObject({
  models: z.array(
    z.looseObject({
      file: z.string(),
      dataset: z.looseObject({ test: z.looseObject({ x: z.string() }) }).optional(),
      normalisation: z.looseObject({ scale: z.number().optional(), mean: z.unknown(), std: z.unknown(), clip: z.number().optional() }),
      trainAccuracy: z.looseObject({ maxAbsLogit: z.number() }),
      activationRanges: z.looseObject({ train: z.array(z.looseObject({ layer: z.string(), min: z.number(), max: z.number() })) })
    })
  )
})

interface Measured {
  readonly input: number
  readonly largestLogit: number
  readonly activations: readonly MeasuredActivation[]
}

async function readManifest(path: string, model: string): Promise<Measured> {
  const { normalisation, trainAccuracy, activationRanges } = await manifestEntry(path, model)
  return { input: inputBound(path, normalisation), largestLogit: trainAccuracy.maxAbsLogit, activations: activationRanges.train }
}

async function manifestEntry(path: string, model: string): Promise<z.infer<typeof manifestSchema>['models'][number]> {
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
  const entry = parsed.data.models.find(({ file }) => basename(file) === basename(model))
  if (entry === undefined) {
    throw new DataFileError(
      path,
      'models',
      `an entry for ${basename(model)}`,
      parsed.data.models.map(({ file }) => basename(file)).join(', ')
    )
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
