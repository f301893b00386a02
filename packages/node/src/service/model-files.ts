/** A model file as a command names it, as this party's cryptography reads it. */
import { dirname, join } from 'node:path'
import type { CalibrationConfiguration, SamplesConfiguration } from '../configuration/schema.js'
import type { ParametersOf } from '../control/commands.js'
import { CommandRefusedError } from '../control/errors.js'
import { manifestCalibration, manifestTask } from '../data/calibration.js'
import { exists } from '../data/read.js'
import { SampleFile, samplesIn } from '../data/samples.js'
import type { ModelOptions, PlanRequest } from '../worker/cryptography-module.js'

type ModelParameters = ParametersOf<'cohort.create'>['for'][number]
type DataParameters = Extract<ParametersOf<'query.ask'>['samples'], { file: unknown }>

/** Samples that bounds are measured on, where the command does not say. */
const DEFAULT_COUNT = 256

/** @throws DataFileError for a file without samples, CommandRefusedError where nothing is known of the model's values */
export async function modelOptions(model: ModelParameters, wishes: PlanRequest): Promise<ModelOptions & { readonly wishes: PlanRequest }> {
  const { file: path, output, degree, replace } = model
  const { calibration, manifest } = await knownOf(model)
  const task = model.task === undefined ? (manifest === undefined ? undefined : await manifestTask(manifest, path)) : { kind: model.task }
  return {
    path,
    calibration,
    wishes,
    ...(output === undefined ? {} : { output }),
    ...(replace === undefined ? {} : { replace }),
    ...(task === undefined ? {} : { task }),
    ...(degree === undefined ? {} : { approximation: { degree } })
  }
}

/** @throws DataFileError */
export function samplesOf({
  file,
  offset = 0,
  count,
  scale = 1,
  mean = 0,
  deviation = 1,
  layout,
  label
}: DataParameters): SamplesConfiguration {
  return {
    ...samplesIn(file),
    offset,
    normalisation: { scale, mean, deviation },
    ...(count === undefined ? {} : { count }),
    ...(layout === undefined ? {} : { layout }),
    ...(label === undefined ? {} : { label })
  }
}

async function knownOf({ file, data, manifest }: ModelParameters): Promise<{ calibration: CalibrationConfiguration; manifest?: string }> {
  if (data !== undefined) {
    const { count: all } = await SampleFile.open(samplesOf({ ...data, count: undefined }))
    return { calibration: { samples: samplesOf({ ...data, count: Math.min(data.count ?? DEFAULT_COUNT, all) }) } }
  }
  const beside = [join(dirname(file), 'manifest.json'), join(dirname(file), '..', 'manifest.json')]
  for (const candidate of manifest === undefined ? beside : [manifest]) {
    if (manifest !== undefined || (await exists(candidate))) {
      return { calibration: await manifestCalibration(candidate, file), manifest: candidate }
    }
  }
  throw new CommandRefusedError(
    'wrong-parameters',
    `nothing is known of the values that flow through ${file}`,
    'Give samples with --data, or a --manifest; or put a manifest.json beside the model.'
  )
}
