/** Inputs and outputs of a model as the protocol describes them, and answers as such outputs. */
import type { SampleAnswer, ServedModel } from '../backend.js'
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
    inputs: [{ name: INPUT, datatype: 'FP32', shape: [-1, ...model.shape] }],
    outputs: outputsOf(model)
  }
}

/** `logits`; `prediction` as the task says; `near_tie`, where errors could have turned a prediction. */
function outputsOf({ task, features, labels }: ServedModel): readonly TensorMetadata[] {
  const predicted = { classification: [-1], binary: [-1], 'multi-label': [-1, labels?.length ?? features], regression: [-1, -1] }[task]
  return [
    { name: 'logits', datatype: 'FP64', shape: [-1, features] },
    { name: 'prediction', datatype: predictedType(task, labels), shape: predicted },
    { name: 'near_tie', datatype: 'BOOL', shape: [-1] }
  ]
}

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
  const size = sizeOf(model.shape)
  const wanted = shown(['n', ...model.shape])
  const [input] = inputs
  if (input === undefined || inputs.length > 1 || input.name !== INPUT) {
    throw refused(
      model,
      `one input "${INPUT}"`,
      inputs
        .map(({ name }) => `"${name}"`)
        .join(', ')
        .slice(0, 256)
    )
  }
  const type = DATATYPES.get(input.datatype)
  if (type === undefined) throw refused(model, `a datatype of ${[...DATATYPES.keys()].join(', ')}`, `"${input.datatype}"`)
  const [rows = 0, ...sample] = input.shape
  // A flat row has no layout of its own.
  const fits = shown(sample) === shown(model.shape) || (sample.length === 1 && sample[0] === size)
  if (!fits || rows < 1) throw refused(model, `shape ${wanted}, n at least 1`, shown(input.shape))
  const values =
    input.bytes === undefined ? numbersOfJson(input.data, input.shape, type, INPUT) : numbersOfBytes(input.bytes, input.shape, type, INPUT)
  const beyond = values.findIndex(value => !(Math.abs(value) <= model.magnitude))
  if (beyond >= 0) {
    const where = `row ${Math.floor(beyond / size)}, position ${beyond % size}`
    throw refused(model, `values within ±${model.magnitude} (is the input normalised as the model expects?)`, `another at ${where}`)
  }
  return { rows, values }
}

function refused({ name, shape }: ServedModel, expected: string, actual: string): Problem {
  const detail = `model "${name}": expected ${expected}, got ${actual}`
  return new Problem('wrong-input', detail, {
    members: { expected, input: { name: INPUT, shape: [-1, ...shape], datatypes: [...DATATYPES.keys()] } }
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
  if (name === 'near_tie') return { name, datatype, shape: [rows], data: answers.map(({ nearTie }) => nearTie) }
  const data: Elements[] = answers.map(({ prediction }) => predicted(model, prediction))
  const one = model.task === 'classification' || model.task === 'binary'
  return { name, datatype, shape: one ? [rows] : [rows, data[0]?.length ?? 0], data: data.flat() }
}

function predicted({ task, labels, features }: ServedModel, prediction: SampleAnswer['prediction']): Elements {
  const said = Array.isArray(prediction) ? (prediction as readonly (string | number)[]) : [prediction as string | number]
  if (task !== 'multi-label') return said
  return (labels ?? Array.from({ length: features }, (_, k) => k)).map(label => said.includes(label))
}
