/** The samples of a configuration: a range of a data file, normalised as the model wants them. */
import { fitsShape, type InputPart } from '@slytherin/engine'
import type { Normalisation, SamplesConfiguration } from '../configuration/schema.js'
import { channelsFirst, type SampleArray } from './array.js'
import { DataFileError } from './errors.js'
import { type ArraySource, type Labels, labelsOf, readArray, readLabels, sourceOf } from './read-array.js'

/** Samples of a configuration: rows of numbers as a network reads them. */
export interface Samples extends Iterable<Float64Array> {
  /** How many there are. */
  readonly count: number
  /** Classes of the samples, where a file says them. */
  readonly labels: Labels | undefined
  /**
   * The same, for a network that reads samples of this shape.
   * @param parts its inputs by name, where it has several
   * @throws DataFileError when they are laid out otherwise
   */
  as(shape: readonly number[], parts?: readonly InputPart[]): Samples
}

/** A range of a data file. The file's bytes are held; its samples are made into numbers one by one, as they are read. */
export class SampleFile implements Samples {
  private constructor(
    private readonly array: SampleArray,
    private readonly configuration: SamplesConfiguration,
    private readonly file: string,
    readonly count: number
  ) {}

  /** @throws DataFileError when the file is not what it should be or has too few samples */
  static async open(configuration: SamplesConfiguration): Promise<Samples> {
    const { inputs, ...common } = configuration
    if (inputs === undefined) return await SampleFile.file(configuration)
    const opened = new Map<string, Samples>()
    for (const [name, { normalisation = common.normalisation, ...source }] of Object.entries(inputs)) {
      opened.set(
        name,
        await SampleFile.file({ layout: common.layout, ...source, offset: common.offset, count: common.count, normalisation }, true)
      )
    }
    return new JoinedSamples(opened)
  }

  /** @param one of several inputs, whose layout is said of those that are images */
  private static async file(configuration: SamplesConfiguration, one = false): Promise<SampleFile> {
    const { file, array: stored } = await readArray(configuration)
    const image = !one || stored.sampleShape.length === 3
    const array = configuration.layout === 'nhwc' && image ? channelsFirst(stored, file) : stored
    const { offset } = configuration
    const count = configuration.count ?? array.rows - offset
    if (count < 1 || offset + count > array.rows) {
      throw new DataFileError(file, 'samples', `at least ${offset + Math.max(count, 1)}`, String(array.rows), {
        remedy: 'Ask about fewer, or from an earlier one on.'
      })
    }
    return new SampleFile(array, configuration, file, count)
  }

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

/** Samples whose inputs are in several files: the k-th of each makes the k-th sample. */
class JoinedSamples implements Samples {
  readonly count: number
  readonly labels = undefined

  /** @throws DataFileError unless there are as many of each */
  constructor(private readonly inputs: ReadonlyMap<string, Samples>) {
    const counts = [...inputs].map(([name, samples]) => ({ name, count: samples.count }))
    this.count = counts[0]?.count ?? 0
    const other = counts.find(({ count }) => count !== this.count)
    if (other !== undefined)
      throw new DataFileError(
        `input "${other.name}"`,
        'samples',
        `as many as of "${counts[0]!.name}", ${this.count}`,
        String(other.count),
        {
          remedy: 'Sample k is the k-th of every input: choose ranges of one length.'
        }
      )
  }

  as(_shape: readonly number[], parts: readonly InputPart[] = []): Samples {
    const wanted = parts.map(({ name }) => name)
    const given = [...this.inputs.keys()]
    if (wanted.length !== given.length || wanted.some(name => !this.inputs.has(name)))
      throw new DataFileError('samples', 'inputs', wanted.join(', ') || 'one input without a name', given.join(', '), {
        remedy: 'Name the inputs as the model does.'
      })
    return new JoinedSamples(new Map(parts.map(({ name, shape }) => [name, this.inputs.get(name)!.as(shape)])))
  }

  *[Symbol.iterator](): Generator<Float64Array> {
    const rows = [...this.inputs.values()].map(samples => samples[Symbol.iterator]())
    for (let k = 0; k < this.count; k++) yield Float64Array.from(rows.flatMap(row => [...(row.next().value as Float64Array)]))
  }
}

/**
 * @param shape of one sample as the network reads it; not checked when not given
 * @param parts its inputs by name, where it has several
 * @returns one row of numbers per sample, all at once
 * @throws DataFileError as `SampleFile`
 */
export async function loadSamples(
  configuration: SamplesConfiguration,
  shape?: readonly number[],
  parts?: readonly InputPart[]
): Promise<Float64Array[]> {
  const samples = await SampleFile.open(configuration)
  return [...(shape === undefined ? samples : samples.as(shape, parts))]
}

/** Samples as a command line names them: a file, or one for each input by its name. */
export const samplesIn = (file: string | Readonly<Record<string, string>>): ArraySource & Pick<SamplesConfiguration, 'inputs'> =>
  typeof file === 'string'
    ? sourceOf(file)
    : { inputs: Object.fromEntries(Object.entries(file).map(([name, one]) => [name, sourceOf(one)])) }

/**
 * @returns the last `wanted` samples of a file, all when it has fewer
 * @throws DataFileError when the file is not what it should be
 */
export async function lastSamples(source: ArraySource, normalisation: Normalisation, wanted: number): Promise<SamplesConfiguration> {
  const whole = { ...source, offset: 0, normalisation }
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
