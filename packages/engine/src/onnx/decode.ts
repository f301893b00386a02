/**
 * ONNX bytes → plain model: nodes, attributes and constant tensors as ordinary values, every tensor checked against its own header.
 *
 * Format: onnx.proto (IR version 3 to 12), decoded with the published descriptors of `onnx-buf`. Tensors kept in
 * files beside the model are read when a node needs them.
 */
import { fromBinary } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataType as DataType,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  type ValueInfoProto
} from 'onnx-buf'
import { MalformedModelError, MalformedTensorError } from '../errors.js'
import { type ExternalData, externalBytes, isExternal } from './external-data.js'

/** A constant tensor, row-major, as float64 whatever its stored type. */
export interface ConstantTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly values: Float64Array
  /** TensorProto.DataType of what the file stores; undefined of what was computed */
  readonly type?: number
}

/** Values of an attribute in the forms the operators ask for. */
export interface OnnxAttribute {
  readonly integers?: readonly number[]
  readonly integer?: number
  readonly float?: number
  readonly floats?: readonly number[]
  readonly text?: string
  readonly texts?: readonly string[]
  readonly tensor?: TensorProto
}

export interface OnnxNode {
  /** Name in the file, or operator and position when the file gives none. */
  readonly name: string
  readonly operator: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttribute>
}

/** A graph input or output. The batch dimension and symbolic ones are -1. */
export interface OnnxValue {
  readonly name: string
  readonly shape: readonly number[] | undefined
}

export interface OnnxModel {
  readonly name: string
  readonly opset: number
  readonly producer: string
  readonly nodes: readonly OnnxNode[]
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
  readonly initializers: ReadonlyMap<string, TensorProto>
  readonly metadata: ReadonlyMap<string, string>
  /** files that hold tensors */
  readonly external: ExternalData | undefined
}

const MINIMUM_OPSET = 7
const MAXIMUM_OPSET = 25
const MAXIMUM_TENSOR_ELEMENTS = 2 ** 28

/**
 * @param bytes a whole `.onnx` file
 * @throws MalformedModelError when the bytes are truncated or not ONNX
 */
export function decodeOnnx(bytes: Uint8Array, external?: ExternalData): OnnxModel {
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (error) {
    throw new MalformedModelError(
      `${error instanceof Error ? error.message : String(error)} (${bytes.length} bytes; is the file complete?)`,
      {
        cause: error
      }
    )
  }
  const graph = model.graph
  if (!graph || graph.node.length === 0) throw new MalformedModelError(`${bytes.length} bytes hold no graph; is the file complete?`)
  const standard = model.opsetImport.find(entry => entry.domain === '' || entry.domain === 'ai.onnx')
  if (!standard) throw new MalformedModelError('no operator set is declared; is the file complete?')
  const opset = Number(standard.version)
  if (opset < MINIMUM_OPSET || opset > MAXIMUM_OPSET) {
    throw new MalformedModelError(`operator set ${opset} is outside ${MINIMUM_OPSET} to ${MAXIMUM_OPSET}; export again with opset 13`)
  }
  if (graph.sparseInitializer.length > 0) throw new MalformedModelError('sparse initialisers are not read; store dense tensors')
  const initializers = new Map<string, TensorProto>()
  for (const tensor of graph.initializer) {
    if (initializers.has(tensor.name)) throw new MalformedModelError(`two initialisers are named '${tensor.name}'`)
    initializers.set(tensor.name, tensor)
  }
  const nodes = graph.node.map((node, index): OnnxNode => {
    if (node.opType === '') throw new MalformedModelError(`node ${index} ('${node.name}') names no operator`)
    return {
      name: node.name || `${node.opType}#${index}`,
      operator: node.opType,
      domain: node.domain,
      inputs: node.input,
      outputs: node.output,
      attributes: new Map(node.attribute.map(attribute => [attribute.name, decodeAttribute(attribute)]))
    }
  })
  return {
    name: graph.name,
    opset,
    producer: model.producerName,
    nodes,
    inputs: graph.input.filter(input => !initializers.has(input.name)).map(decodeValue),
    outputs: graph.output.map(decodeValue),
    initializers,
    metadata: new Map(model.metadataProps.map(entry => [entry.key, entry.value])),
    external
  }
}

function decodeAttribute(attribute: AttributeProto): OnnxAttribute {
  switch (attribute.type) {
    case AttributeType.INT:
      return { integer: Number(attribute.i) }
    case AttributeType.INTS:
      return { integers: attribute.ints.map(Number) }
    case AttributeType.FLOAT:
      return { float: attribute.f }
    case AttributeType.FLOATS:
      return { floats: attribute.floats }
    case AttributeType.STRING:
      return { text: new TextDecoder().decode(attribute.s) }
    case AttributeType.STRINGS:
      return { texts: attribute.strings.map(text => new TextDecoder().decode(text)) }
    case AttributeType.TENSOR:
      return attribute.t ? { tensor: attribute.t } : {}
    default:
      return {}
  }
}

function decodeValue(value: ValueInfoProto): OnnxValue {
  const type = value.type?.value
  if (type?.case !== 'tensorType') return { name: value.name, shape: undefined }
  const shape = type.value.shape?.dim.map(dimension => (dimension.value.case === 'dimValue' ? Number(dimension.value.value) : -1))
  return { name: value.name, shape }
}

/**
 * Reads a constant tensor.
 * @param node name of the node that asks, for the error
 * @param external files beside the model, when it has any
 * @throws ExternalInitializerError, MalformedTensorError
 */
export function decodeTensor(tensor: TensorProto, node: string, external?: ExternalData): ConstantTensor {
  const name = tensor.name || '(unnamed)'
  const shape = tensor.dims.map(Number)
  const count = shape.reduce((product, dimension) => product * dimension, 1)
  if (shape.some(dimension => dimension < 0) || count > MAXIMUM_TENSOR_ELEMENTS) {
    throw new MalformedTensorError(node, name, `dimensions ${shape.join('×')} are out of range`)
  }
  const raw: Uint8Array = isExternal(tensor) ? externalBytes(tensor, node, external) : tensor.rawData
  const values = decodeValues(tensor, raw, node, name)
  if (values.length !== count) {
    throw new MalformedTensorError(node, name, `${values.length} values for dimensions ${shape.join('×') || 'of a scalar'}`)
  }
  return { name, shape, values, type: tensor.dataType }
}

function decodeValues(tensor: TensorProto, raw: Uint8Array, node: string, name: string): Float64Array {
  if (raw.length > 0) {
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength)
    const read = (size: number, at: (offset: number) => number): Float64Array => {
      if (raw.length % size !== 0) throw new MalformedTensorError(node, name, `${raw.length} raw bytes are not a multiple of ${size}`)
      return Float64Array.from({ length: raw.length / size }, (_, index) => at(index * size))
    }
    switch (tensor.dataType) {
      case DataType.FLOAT:
        return read(4, offset => view.getFloat32(offset, true))
      case DataType.DOUBLE:
        return read(8, offset => view.getFloat64(offset, true))
      case DataType.FLOAT16:
        return read(2, offset => float16(view.getUint16(offset, true)))
      case DataType.BFLOAT16:
        return read(2, offset => bfloat16(view.getUint16(offset, true)))
      case DataType.INT64:
        return read(8, offset => Number(view.getBigInt64(offset, true)))
      case DataType.UINT64:
        return read(8, offset => Number(view.getBigUint64(offset, true)))
      case DataType.INT32:
        return read(4, offset => view.getInt32(offset, true))
      case DataType.UINT32:
        return read(4, offset => view.getUint32(offset, true))
      case DataType.INT16:
        return read(2, offset => view.getInt16(offset, true))
      case DataType.UINT16:
        return read(2, offset => view.getUint16(offset, true))
      case DataType.INT8:
        return read(1, offset => view.getInt8(offset))
      case DataType.UINT8:
      case DataType.BOOL:
        return read(1, offset => view.getUint8(offset))
    }
  } else {
    switch (tensor.dataType) {
      case DataType.FLOAT:
        return Float64Array.from(tensor.floatData)
      case DataType.DOUBLE:
        return Float64Array.from(tensor.doubleData)
      case DataType.INT64:
        return Float64Array.from(tensor.int64Data, Number)
      case DataType.UINT32:
      case DataType.UINT64:
        return Float64Array.from(tensor.uint64Data, Number)
      case DataType.INT32:
      case DataType.INT16:
      case DataType.UINT16:
      case DataType.INT8:
      case DataType.UINT8:
      case DataType.BOOL:
        return Float64Array.from(tensor.int32Data)
      // half precision is kept as its 16 bits
      case DataType.FLOAT16:
        return Float64Array.from(tensor.int32Data, float16)
      case DataType.BFLOAT16:
        return Float64Array.from(tensor.int32Data, bfloat16)
    }
  }
  throw new MalformedTensorError(
    node,
    name,
    `data type ${DataType[tensor.dataType] ?? tensor.dataType} is not read; store float32 or float64`
  )
}

/** IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The upper half of a float32. */
function bfloat16(bits: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint16(0, bits & 0xffff)
  return view.getFloat32(0)
}
