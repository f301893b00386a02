/** The samples of a configuration: a range of a data file, normalised as the model wants them. */
import { fitsShape } from '@slytherin/engine'
import type { Normalisation, SamplesConfiguration } from '../configuration/schema.js'
import { channelsFirst, type SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import { type Labels, labelsOf, readArray, readLabels, sourceOf } from './read-array.js'

/** A range of a data file. The file's bytes are held; its samples are made into numbers one by one, as they are read. */
export class SampleFile implements Iterable<Float64Array> {
  private constructor(
    private readonly array: SampleArray,
    private readonly configuration: SamplesConfiguration,
    private readonly file: string,
    readonly count: number
  ) {}

  /** @throws DataFileError when the file is not what it should be or has too few samples */
  static async open(configuration: SamplesConfiguration): Promise<SampleFile> {
    const { file, array: stored } = await readArray(configuration)
    const array = configuration.layout === 'nhwc' ? channelsFirst(stored, file) : stored
    const { offset } = configuration
    const count = configuration.count ?? array.rows - offset
    if (count < 1 || offset + count > array.rows) {
      throw new DataFileError(file, 'samples', `at least ${offset + Math.max(count, 1)}`, String(array.rows), {
        remedy: 'Ask about fewer, or from an earlier one on.'
      })
    }
    return new SampleFile(array, configuration, file, count)
  }

  /**
   * The same, for a network that reads samples of this shape.
   * @throws DataFileError when they are laid out otherwise
   */
  as(shape: readonly number[]): SampleFile {
    const { sampleShape } = this.array
    if (fitsShape(sampleShape, shape)) return this
    const reshaped = this.array.reshaped?.(shape)
    if (reshaped !== undefined && fitsShape(reshaped.sampleShape, shape)) {
      return new SampleFile(reshaped, this.configuration, this.file, this.count)
    }
    const [channels, ...area] = shape
    const last = fitsShape(sampleShape, [...area, channels!])
    throw new DataFileError(this.file, 'shape of a sample', shape.join('×'), sampleShape.join('×') || 'one number', {
      remedy: last ? 'Its channels are last: say so with layout: nhwc, or --layout nhwc.' : remedyFor(sampleShape, shape)
    })
  }

  /** Classes of the samples of this range, where the file says them. */
  get labels(): Labels | undefined {
    const labels = labelsOf(this.array)
    const { offset } = this.configuration
    return labels && { ...labels, labels: labels.labels.slice(offset, offset + this.count) }
  }

  /** @throws DataFileError when a value is not a number or the normalisation does not fit */
  *[Symbol.iterator](): Generator<Float64Array> {
    const { offset, normalisation } = this.configuration
    for (let i = 0; i < this.count; i++) yield normalise(this.array, offset + i, normalisation, this.file)
  }
}

/**
 * @param shape of one sample as the network reads it; not checked when not given
 * @returns one row of numbers per sample, all at once
 * @throws DataFileError as `SampleFile`
 */
export async function loadSamples(configuration: SamplesConfiguration, shape?: readonly number[]): Promise<Float64Array[]> {
  const samples = await SampleFile.open(configuration)
  return [...(shape === undefined ? samples : samples.as(shape))]
}

/**
 * @returns the last `wanted` samples of a file, all when it has fewer
 * @throws DataFileError when the file is not what it should be
 */
export async function lastSamples(file: string, normalisation: Normalisation, wanted: number): Promise<SamplesConfiguration> {
  const whole = { ...sourceOf(file), offset: 0, normalisation }
  const { count: rows } = await SampleFile.open(whole)
  const count = Math.min(wanted, rows)
  return { ...whole, offset: rows - count, count }
}

/** What may be the matter with samples of another number of values. */
function remedyFor(stored: readonly number[], shape: readonly number[]): string | undefined {
  const size = (axes: readonly number[]): number => axes.reduce((product, axis) => product * axis, 1)
  if (stored.length === 1 && size(stored) === size(shape) + 1) {
    return 'There is one value too many: is one column the class? Then name it ("label", or --label-column), or choose "columns".'
  }
  return size(stored) === size(shape) ? undefined : 'Bring the samples to the size that the model reads, as in its training.'
}

function normalise(array: SampleArray, row: number, { scale, mean, deviation, clip }: Normalisation, file: string): Float64Array {
  for (const [field, values] of Object.entries({ mean, deviation })) {
    if (Array.isArray(values) && values.length !== array.columns) {
      throw new DataFileError(file, `normalisation.${field}`, `one number, or ${array.columns}`, `${values.length} numbers`)
    }
  }
  const sample = new Float64Array(array.columns)
  for (let column = 0; column < array.columns; column++) {
    const centre = typeof mean === 'number' ? mean : mean[column]!
    const spread = typeof deviation === 'number' ? deviation : deviation[column]!
    const value = (array.value(row, column) * scale - centre) / spread
    if (!Number.isFinite(value))
      throw new DataFileError(file, `sample ${row}, value ${column}`, 'a finite number', 'none', {
        remedy: 'Fill in what is missing, as in training, or leave the sample out.'
      })
    sample[column] = clip === undefined ? value : Math.max(-clip, Math.min(clip, value))
  }
  return sample
}

/**
 * The labels of samples, from a file of their own.
 * @param select as of the samples
 * @returns classes by name or number, or rows of numbers: the values of a regression, a 0 or 1 for every label
 * @throws DataFileError when there are fewer than samples
 */
export async function loadLabels(
  file: string,
  select: { readonly offset: number; readonly count: number }
): Promise<Labels | readonly Float64Array[]> {
  const named = await readLabels(sourceOf(file))
  if (named === undefined) return await loadSamples({ ...sourceOf(file), ...select, normalisation: { scale: 1, mean: 0, deviation: 1 } })
  const { offset, count } = select
  if (named.labels.length >= offset + count) return { ...named, labels: named.labels.slice(offset, offset + count) }
  throw new DataFileError(file, 'labels', `at least ${offset + count}, one for each sample`, String(named.labels.length))
}
