/** Inputs and outputs of a model as the protocol describes them, and answers as such outputs. */
import type { SampleAnswer, ServedModel, ServedOutput } from '../backend.js'
import { Problem } from '../http/problem.js'
import { DATATYPES } from '../tensors/datatypes.js'
import { numbersOfBytes, numbersOfJson, shown, sizeOf } from '../tensors/decode.js'
import type { Elements, OutputTensor } from '../tensors/encode.js'
import type { RequestedInput } from './request.js'

export const INPUT = 'input'
export const PLATFORM = 'slytherin_ckks'

export interface TensorMetadata {
  readonly name: string
  readonly datatype: string
  /** -1 for what a request says. */
  readonly shape: readonly number[]
}

export interface ModelMetadata {
  readonly name: string
  readonly versions: readonly string[]
  readonly platform: string
  readonly inputs: readonly TensorMetadata[]
  readonly outputs: readonly TensorMetadata[]
}

export function metadataOf(model: ServedModel, versions: readonly string[]): ModelMetadata {
  return {
    name: model.name,
    versions,
    platform: PLATFORM,
    inputs: inputsOf(model).map(({ name, shape }) => ({ name, datatype: 'FP32', shape: [-1, ...shape] })),
    outputs: outputsOf(model)
  }
}

/** What a request names: the inputs of the model where they have names, otherwise the only one. */
const inputsOf = ({ inputs, shape }: ServedModel): readonly { readonly name: string; readonly shape: readonly number[] }[] =>
  inputs ?? [{ name: INPUT, shape }]

/** `logits`; `values`, what the file's last operator makes of them; `prediction` as the task says; `near_tie`, where errors could have turned a prediction. */
function outputsOf({ task, features, values, labels, outputs = [] }: ServedModel): readonly TensorMetadata[] {
  const predicted = { classification: [-1], binary: [-1], 'multi-label': [-1, labels?.length ?? features], regression: [-1, -1] }[task]
  return [
    { name: 'logits', datatype: 'FP64', shape: [-1, features] },
    { name: 'values', datatype: 'FP64', shape: [-1, values] },
    { name: 'prediction', datatype: predictedType(task, labels), shape: predicted },
    { name: 'near_tie', datatype: 'BOOL', shape: [-1] },
    ...outputs.flatMap(output => [
      { name: `${output.name}${OF_VALUES}`, datatype: 'FP64', shape: [-1, output.values] },
      { name: `${output.name}${OF_PREDICTION}`, datatype: predictedType(output.task, output.labels), shape: predictedShape(output) }
    ])
  ]
}

/** Of a model with several outputs, `NAME.values` is what one gives and `NAME.prediction` what that means. */
const OF_VALUES = '.values'
const OF_PREDICTION = '.prediction'

const predictedShape = ({ task, values, labels }: ServedOutput): readonly number[] =>
  ({ classification: [-1], binary: [-1], 'multi-label': [-1, labels?.length ?? values], regression: [-1, -1] })[task]

function predictedType(task: ServedModel['task'], labels: ServedModel['labels']): string {
  if (task === 'multi-label') return 'BOOL'
  if (task === 'regression') return 'FP64'
  if (labels === undefined || labels.every(label => Number.isSafeInteger(label))) return 'INT64'
  return labels.every(label => typeof label === 'number') ? 'FP64' : 'BYTES'
}

/**
 * The samples of a request.
 * @returns rows × values, row-major
 * @throws Problem saying what the model reads
 */
export function samplesOf(inputs: readonly RequestedInput[], model: ServedModel): { readonly rows: number; readonly values: Float64Array } {
  const wanted = inputsOf(model)
  const given = new Map(inputs.map(input => [input.name, input]))
  if (given.size !== inputs.length || given.size !== wanted.length || wanted.some(({ name }) => !given.has(name))) {
    throw refused(
      model,
      wanted.length === 1 ? `one input "${INPUT}"` : `the inputs ${wanted.map(({ name }) => `"${name}"`).join(', ')}`,
      inputs
        .map(({ name }) => `"${name}"`)
        .join(', ')
        .slice(0, 256)
    )
  }
  const parts = wanted.map(part => valuesOf(given.get(part.name)!, part, model))
  const rows = parts[0]!.rows
  const uneven = parts.findIndex(part => part.rows !== rows)
  if (uneven >= 0) throw refused(model, `${rows} rows of every input`, `${parts[uneven]!.rows} of "${wanted[uneven]!.name}"`)
  if (parts.length === 1) return { rows, values: parts[0]!.values }
  const widths = wanted.map(({ shape }) => sizeOf(shape))
  const values = Float64Array.from(
    Array.from({ length: rows }, (_, row) =>
      parts.flatMap((part, k) => [...part.values.subarray(row * widths[k]!, (row + 1) * widths[k]!)])
    ).flat()
  )
  return { rows, values }
}

/** The values of one input. */
function valuesOf(
  input: RequestedInput,
  { name, shape }: { readonly name: string; readonly shape: readonly number[] },
  model: ServedModel
): { readonly rows: number; readonly values: Float64Array } {
  const size = sizeOf(shape)
  const type = DATATYPES.get(input.datatype)
  if (type === undefined) throw refused(model, `a datatype of ${[...DATATYPES.keys()].join(', ')}`, `"${input.datatype}"`)
  const [rows = 0, ...sample] = input.shape
  // A flat row has no layout of its own.
  const fits = shown(sample) === shown(shape) || (sample.length === 1 && sample[0] === size)
  if (!fits || rows < 1) throw refused(model, `shape ${shown(['n', ...shape])} of "${name}", n at least 1`, shown(input.shape))
  const values =
    input.bytes === undefined ? numbersOfJson(input.data, input.shape, type, name) : numbersOfBytes(input.bytes, input.shape, type, name)
  const beyond = values.findIndex(value => !(Math.abs(value) <= model.magnitude))
  if (beyond >= 0) {
    const where = `row ${Math.floor(beyond / size)}, position ${beyond % size}${model.inputs === undefined ? '' : ` of "${name}"`}`
    throw refused(model, `values within ±${model.magnitude} (is the input normalised as the model expects?)`, `another at ${where}`)
  }
  return { rows, values }
}

function refused(model: ServedModel, expected: string, actual: string): Problem {
  const detail = `model "${model.name}": expected ${expected}, got ${actual}`
  const described = inputsOf(model).map(({ name, shape }) => ({ name, shape: [-1, ...shape], datatypes: [...DATATYPES.keys()] }))
  return new Problem('wrong-input', detail, {
    members: { expected, ...(model.inputs === undefined ? { input: described[0] } : { inputs: described }) }
  })
}

/** @param names of outputs that are wanted; all where undefined @throws Problem for one that there is not */
export function outputNames(model: ServedModel, names: readonly string[] | undefined): readonly string[] {
  const known = outputsOf(model).map(({ name }) => name)
  const unknown = names?.find(name => !known.includes(name))
  if (unknown !== undefined) throw new Problem('malformed-request', `outputs: expected some of ${known.join(', ')}, got "${unknown}"`)
  return names ?? known
}

/** Answers as an output of the model. */
export function outputTensor(model: ServedModel, name: string, answers: readonly SampleAnswer[]): OutputTensor {
  const { datatype } = outputsOf(model).find(output => output.name === name)!
  const rows = answers.length
  if (name === 'logits') return { name, datatype, shape: [rows, model.features], data: answers.flatMap(({ logits }) => logits) }
  if (name === 'values') return { name, datatype, shape: [rows, model.values], data: answers.flatMap(({ values }) => values) }
  if (name === 'near_tie') return { name, datatype, shape: [rows], data: answers.map(({ nearTie }) => nearTie) }
  const part = model.outputs?.findIndex(output => [OF_VALUES, OF_PREDICTION].some(ending => name === `${output.name}${ending}`)) ?? -1
  if (part >= 0)
    return partTensor(
      model.outputs![part]!,
      name,
      datatype,
      answers.map(answer => answer.parts![part]!)
    )
  const data: Elements[] = answers.map(({ prediction }) => predicted(model, prediction))
  const one = model.task === 'classification' || model.task === 'binary'
  return { name, datatype, shape: one ? [rows] : [rows, data[0]?.length ?? 0], data: data.flat() }
}

/** One of several outputs: its values, or what they mean. */
function partTensor(output: ServedOutput, name: string, datatype: string, answers: NonNullable<SampleAnswer['parts']>): OutputTensor {
  const rows = answers.length
  if (name === `${output.name}${OF_VALUES}`)
    return { name, datatype, shape: [rows, output.values], data: answers.flatMap(({ values }) => values) }
  const data: Elements[] = answers.map(({ prediction }) => predicted({ ...output, features: output.values }, prediction))
  const one = output.task === 'classification' || output.task === 'binary'
  return { name, datatype, shape: one ? [rows] : [rows, data[0]?.length ?? 0], data: data.flat() }
}

function predicted(
  { task, labels, features }: Pick<ServedModel, 'task' | 'labels' | 'features'>,
  prediction: SampleAnswer['prediction']
): Elements {
  const said = Array.isArray(prediction) ? (prediction as readonly (string | number)[]) : [prediction as string | number]
  if (task !== 'multi-label') return said
  return (labels ?? Array.from({ length: features }, (_, k) => k)).map(label => said.includes(label))
}
