/** Names of classes, as classifiers, dictionaries and look-up tables of a file have them. */
import { TensorProto_DataType as DataType, type TensorProto } from 'onnx-buf'
import { UnsupportedAttributeError } from '../errors.js'
import type { Label } from '../graph/task.js'
import type { Constants, Producers } from './constants.js'
import { decodeTensor, type OnnxModel, type OnnxNode } from './decode.js'

/** Labels that attributes of the node list; undefined when it has none. */
export function attributeLabels(node: OnnxNode): readonly Label[] | undefined {
  for (const name of ['classlabels_strings', 'classlabels_int64s', 'classlabels_ints']) {
    const attribute = node.attributes.get(name)
    const labels = attribute?.texts ?? attribute?.integers
    if (labels !== undefined && labels.length > 0) return labels
  }
  return undefined
}

/** Labels of a constant, numbers or strings. */
export function constantLabels(
  model: OnnxModel,
  producers: Producers,
  constants: Constants,
  node: OnnxNode,
  name: string
): readonly Label[] {
  const source = producers.get(name)
  const texts = source?.operator === 'Constant' ? source.attributes.get('value_strings')?.texts : undefined
  if (texts !== undefined) return texts
  const tensor = model.initializers.get(name) ?? (source?.operator === 'Constant' ? source.attributes.get('value')?.tensor : undefined)
  if (tensor !== undefined && tensor.dataType === DataType.STRING) return strings(tensor)
  return [...constants.numbers(node, name, 0).values]
}

const strings = (tensor: TensorProto): string[] => tensor.stringData.map(bytes => new TextDecoder().decode(bytes))

const ENCODER_TYPES = ['int64s', 'strings', 'floats'] as const

/** Values of one side of a LabelEncoder. */
function side(node: OnnxNode, name: 'keys' | 'values'): readonly Label[] | undefined {
  for (const type of ENCODER_TYPES) {
    const { integers, texts, floats } = node.attributes.get(`${name}_${type}`) ?? {}
    const list = integers ?? texts ?? floats
    if (list !== undefined && list.length > 0) return list
  }
  const tensor = node.attributes.get(`${name}_tensor`)?.tensor
  if (tensor === undefined) return undefined
  return tensor.dataType === DataType.STRING ? strings(tensor) : [...decodeTensor(tensor, node.name).values]
}

/**
 * What a LabelEncoder makes of labels.
 * @throws UnsupportedAttributeError unless it has a value for every key
 */
export function encodedLabels(node: OnnxNode, labels: readonly Label[]): readonly Label[] {
  const [keys, values] = [side(node, 'keys'), side(node, 'values')]
  if (keys === undefined || values === undefined || keys.length !== values.length) {
    const counts = `${keys?.length ?? 0} and ${values?.length ?? 0}`
    throw new UnsupportedAttributeError(node.name, node.operator, 'keys and values', counts, 'give a value for every key')
  }
  const map = new Map(keys.map((key, k) => [key, values[k]!]))
  return labels.map(label => {
    const value = map.get(label)
    if (value === undefined)
      throw new UnsupportedAttributeError(node.name, node.operator, 'keys', `none for ${label}`, 'give a value for every class')
    return value
  })
}
