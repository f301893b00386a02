/** Small ONNX models written byte by byte, and what onnxruntime makes of them. */
import { create, toBinary } from '@bufbuild/protobuf'
import * as O from 'onnx-buf'
import * as ort from 'onnxruntime-web'

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'

/** Whole numbers are written as integers; wrap to force a float. */
export type Attribute =
  | number
  | readonly number[]
  | string
  | { float: number }
  | { floats: readonly number[] }
  | { strings: readonly string[] }
  | { tensor: O.TensorProto }

export interface Node {
  operator: string
  inputs: readonly string[]
  outputs: readonly string[]
  attributes?: Readonly<Record<string, Attribute>>
  name?: string
  domain?: string
}

export const node = (
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>> = {}
): Node => ({
  operator,
  inputs,
  outputs: [output],
  attributes,
  name: `${operator} ${output}`
})

type Stored = 'float' | 'double' | 'float16' | 'bfloat16' | 'int64' | 'int32' | 'uint8'

/** Bits of a binary16 for a number that it can hold. */
function float16Bits(value: number): number {
  if (value === 0) return 0
  const exponent = Math.floor(Math.log2(Math.abs(value)))
  const fraction = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024)
  return (value < 0 ? 0x8000 : 0) | ((exponent + 15) << 10) | fraction
}

const encode: Record<Stored, (values: readonly number[]) => ArrayBuffer> = {
  float: values => new Float32Array(values).buffer,
  double: values => new Float64Array(values).buffer,
  float16: values => new Uint16Array(values.map(float16Bits)).buffer,
  bfloat16: values => new Uint16Array(values.map(value => new Uint32Array(new Float32Array([value]).buffer)[0]! >>> 16)).buffer,
  int64: values => new BigInt64Array(values.map(BigInt)).buffer,
  int32: values => new Int32Array(values).buffer,
  uint8: values => new Uint8Array(values).buffer
}

const dataTypes: Record<Stored, O.TensorProto_DataType> = {
  float: O.TensorProto_DataType.FLOAT,
  double: O.TensorProto_DataType.DOUBLE,
  float16: O.TensorProto_DataType.FLOAT16,
  bfloat16: O.TensorProto_DataType.BFLOAT16,
  int64: O.TensorProto_DataType.INT64,
  int32: O.TensorProto_DataType.INT32,
  uint8: O.TensorProto_DataType.UINT8
}

export const tensor = (name: string, dims: readonly number[], values: readonly number[], stored: Stored = 'float'): O.TensorProto =>
  create(O.TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: dataTypes[stored],
    rawData: new Uint8Array(encode[stored](values))
  })

/** A tensor of text. */
export const strings = (name: string, values: readonly string[]): O.TensorProto =>
  create(O.TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: O.TensorProto_DataType.STRING,
    stringData: values.map(value => new TextEncoder().encode(value) as Uint8Array<ArrayBuffer>)
  })

export const int64 = (name: string, values: readonly number[]): O.TensorProto => tensor(name, [values.length], values, 'int64')

function attributeProto(name: string, value: Attribute): O.AttributeProto {
  const T = O.AttributeProto_AttributeType
  const bytes = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>
  if (typeof value === 'string') return create(O.AttributeProtoSchema, { name, type: T.STRING, s: bytes(value) })
  if (typeof value === 'number') {
    if (Number.isInteger(value)) return create(O.AttributeProtoSchema, { name, type: T.INT, i: BigInt(value) })
    return create(O.AttributeProtoSchema, { name, type: T.FLOAT, f: value })
  }
  if ('float' in value) return create(O.AttributeProtoSchema, { name, type: T.FLOAT, f: value.float })
  if ('floats' in value) return create(O.AttributeProtoSchema, { name, type: T.FLOATS, floats: [...value.floats] })
  if ('strings' in value) return create(O.AttributeProtoSchema, { name, type: T.STRINGS, strings: value.strings.map(bytes) })
  if ('tensor' in value) return create(O.AttributeProtoSchema, { name, type: T.TENSOR, t: value.tensor })
  return create(O.AttributeProtoSchema, { name, type: T.INTS, ints: value.map(BigInt) })
}

const valueInfo = (name: string, shape: readonly (number | string)[] | undefined, elemType: number) =>
  create(O.ValueInfoProtoSchema, {
    name,
    type: create(O.TypeProtoSchema, {
      value: {
        case: 'tensorType',
        value: create(O.TypeProto_TensorSchema, {
          elemType,
          ...(shape && {
            shape: create(O.TensorShapeProtoSchema, {
              dim: shape.map(dimension =>
                create(O.TensorShapeProto_DimensionSchema, {
                  value:
                    typeof dimension === 'string' ? { case: 'dimParam', value: dimension } : { case: 'dimValue', value: BigInt(dimension) }
                })
              )
            })
          })
        })
      }
    })
  })

export interface Model {
  opset?: number
  nodes: readonly Node[]
  tensors?: readonly O.TensorProto[]
  /** shape of the input 'x', batch first */
  input: readonly (number | string)[]
  /** names and element types (default 'y', float) */
  outputs?: readonly { name: string; type?: number }[]
}

const IR_VERSIONS: Record<number, bigint> = { 9: 4n, 13: 7n, 17: 8n, 20: 9n, 21: 10n }

export const onnxModel = ({ opset = 13, nodes, tensors = [], input, outputs = [{ name: 'y' }] }: Model): Uint8Array =>
  toBinary(
    O.ModelProtoSchema,
    create(O.ModelProtoSchema, {
      irVersion: IR_VERSIONS[opset] ?? 8n,
      opsetImport: [
        create(O.OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) }),
        ...(nodes.some(({ domain }) => domain === 'ai.onnx.ml')
          ? [
              create(O.OperatorSetIdProtoSchema, {
                domain: 'ai.onnx.ml',
                version: nodes.some(({ operator }) => operator === 'LabelEncoder') ? 2n : 1n
              })
            ]
          : [])
      ],
      graph: create(O.GraphProtoSchema, {
        name: 'test',
        node: nodes.map(({ operator, inputs, outputs: results, attributes = {}, name = '', domain = '' }) =>
          create(O.NodeProtoSchema, {
            opType: operator,
            name,
            domain,
            input: [...inputs],
            output: [...results],
            attribute: Object.entries(attributes).map(([key, value]) => attributeProto(key, value))
          })
        ),
        initializer: [...tensors],
        input: [valueInfo('x', input, 1)],
        output: outputs.map(({ name, type = 1 }) => valueInfo(name, undefined, type))
      })
    })
  )

/** Smooth numbers in (-1, 1), the same on every run. */
export const wave = (length: number, seed: number): number[] =>
  Array.from({ length }, (_, k) => Math.fround(Math.sin(seed + 1.3 * k + 0.01 * k * k)))

/** Outputs of onnxruntime, sample by sample, by name. */
export async function onnxruntime(
  bytes: Uint8Array,
  samples: readonly ArrayLike<number>[],
  shape: readonly number[]
): Promise<Record<string, Float64Array[]>> {
  const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'], logSeverityLevel: 3 })
  try {
    const flat = Float32Array.from(samples.flatMap(sample => Array.from(sample)))
    const results = await session.run({ [session.inputNames[0]!]: new ort.Tensor('float32', flat, [samples.length, ...shape]) })
    const entries = Object.entries(results).map(([name, result]): [string, Float64Array[]] => {
      const data = Float64Array.from(result.data as ArrayLike<number>, Number)
      const width = data.length / samples.length
      return [name, samples.map((_, row) => data.slice(row * width, (row + 1) * width))]
    })
    return Object.fromEntries(entries)
  } finally {
    await session.release()
  }
}
