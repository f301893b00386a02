/**
 * Tensors that live in files beside the model, as exporters write them for large models and PyTorch by default: an entry names a file of the model's folder, where the
 * tensor starts in it, and how long it is.
 */
import { fromBinary } from '@bufbuild/protobuf'
import { TensorProto_DataLocation as DataLocation, ModelProtoSchema, type TensorProto } from 'onnx-buf'
import { ExternalInitializerError, MalformedModelError } from '../errors.js'

/** Contents of a file of the model's folder, undefined when there is none of that name. */
export type ExternalData = (name: string) => Uint8Array | undefined

export const isExternal = (tensor: TensorProto): boolean => tensor.dataLocation === DataLocation.EXTERNAL || tensor.externalData.length > 0

const entryOf = (tensor: TensorProto, key: string): string | undefined => tensor.externalData.find(entry => entry.key === key)?.value

/** A name of a file, without steps to other folders. */
export const isPlainName = (name: string): boolean => name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)

/**
 * Names of the files that the model's tensors live in.
 * @param bytes a whole `.onnx` file
 * @throws MalformedModelError when the bytes are not ONNX; ExternalInitializerError when a name leads to another folder
 */
export function externalDataFiles(bytes: Uint8Array): string[] {
  let tensors: TensorProto[]
  try {
    const graph = fromBinary(ModelProtoSchema, bytes).graph
    const attributes = graph?.node.flatMap(node => node.attribute.flatMap(({ t }) => (t ? [t] : []))) ?? []
    tensors = [...(graph?.initializer ?? []), ...attributes]
  } catch (error) {
    throw new MalformedModelError(`${(error as Error).message} (${bytes.length} bytes; is the file complete?)`, { cause: error })
  }
  return [...new Set(tensors.filter(isExternal).map(tensor => locationOf(tensor, 'initializer')))]
}

/**
 * @param node name of the node that asks, for the error
 * @returns the bytes of the tensor
 * @throws ExternalInitializerError when the file is missing, in another folder, or does not hold the tensor
 */
export function externalBytes(tensor: TensorProto, node: string, external: ExternalData | undefined): Uint8Array {
  const location = locationOf(tensor, node)
  const refuse = (problem: string): ExternalInitializerError =>
    new ExternalInitializerError(node, tensor.name || '(unnamed)', location, problem)
  const file = external?.(location)
  if (!file) throw refuse('which is not there')
  const offset = wholeNumber(entryOf(tensor, 'offset') ?? '0')
  const length = wholeNumber(entryOf(tensor, 'length') ?? String(file.length - (offset ?? 0)))
  if (offset === undefined || length === undefined) throw refuse('at an offset or of a length that is no whole number')
  if (offset + length > file.length) throw refuse(`at bytes ${offset} to ${offset + length} of ${file.length}`)
  return file.subarray(offset, offset + length)
}

function locationOf(tensor: TensorProto, node: string): string {
  const location = entryOf(tensor, 'location') ?? ''
  if (!isPlainName(location))
    throw new ExternalInitializerError(node, tensor.name || '(unnamed)', location, 'which is no plain name of a file beside the model')
  return location
}

function wholeNumber(text: string): number | undefined {
  const value = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(value) ? value : undefined
}
