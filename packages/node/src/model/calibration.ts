/**
 * Bounds on what flows through a model, without which nothing can be planned: measured by its owner on samples, written down by hand, or
 * taken from a manifest that lies beside the model.
 */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { calibrate, type MeasuredActivation, type Network, type Ranges, rangesFromActivations } from '@slytherin/engine'
import { z } from 'zod'
import type { CalibrationConfiguration } from '../configuration/schema.js'
import { DataFileError } from '../data/errors.js'
import { loadSamples } from '../data/samples.js'

/**
 * @param model path of the model, by whose file name a manifest lists it
 * @throws DataFileError for samples or a manifest that are not what they should be; the engine's InvalidInputError for a missing activation
 */
export async function rangesOf(network: Network, model: string, calibration: CalibrationConfiguration): Promise<Ranges> {
  const options = calibration.margin === undefined ? {} : { margin: calibration.margin }
  if (calibration.samples !== undefined) return calibrate(network, await loadSamples(calibration.samples), options)
  const { activations, ...bounds } = calibration.measured ?? (await readManifest(calibration.manifest!, model))
  return rangesFromActivations(network, activations, bounds, options)
}

const manifestSchema = z.looseObject({
  models: z.array(
    z.looseObject({
      file: z.string(),
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
  const { normalisation, trainAccuracy, activationRanges } = entry
  return { input: inputBound(path, normalisation), largestLogit: trainAccuracy.maxAbsLogit, activations: activationRanges.train }
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
