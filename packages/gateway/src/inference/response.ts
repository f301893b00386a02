/** Inference responses, as JSON or with the binary tensor extension. */
import { bytesOf, type OutputTensor } from '../tensors/encode.js'

export interface ResponseHead {
  readonly id: string | undefined
  readonly model: string
  readonly version: string
}

export interface EncodedResponse {
  readonly body: Buffer
  /** Bytes of JSON before binary data; undefined where there are none. */
  readonly headerLength: number | undefined
}

export function encodeInferenceResponse(
  { id, model, version }: ResponseHead,
  outputs: readonly { readonly tensor: OutputTensor; readonly binary: boolean }[]
): EncodedResponse {
  const sections: Buffer[] = []
  const described = outputs.map(({ tensor, binary }) => {
    const { name, datatype, shape, data } = tensor
    if (!binary) return { name, datatype, shape, data }
    const bytes = bytesOf(tensor)
    sections.push(bytes)
    return { name, datatype, shape, parameters: { binary_data_size: bytes.length } }
  })
  const head = { model_name: model, model_version: version, ...(id === undefined ? {} : { id }), outputs: described }
  const json = Buffer.from(JSON.stringify(head), 'utf8')
  return sections.length === 0
    ? { body: json, headerLength: undefined }
    : { body: Buffer.concat([json, ...sections]), headerLength: json.length }
}
