/** One function per ONNX operator: checks the node and appends its meaning to the layer graph. An operator without a function here is refused by the importer. */
import type { Operator } from './context.js'
import * as elementwise from './operators/elementwise.js'
import * as layers from './operators/layers.js'
import * as learning from './operators/learning.js'
import * as shapes from './operators/shapes.js'

/** Operators of the standard set. */
const STANDARD: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['Conv', layers.convolution],
  ['Gemm', layers.gemm],
  ['MatMul', layers.matMul],
  ['AveragePool', layers.averagePool],
  ['GlobalAveragePool', layers.globalAveragePool],
  ['ReduceMean', layers.reduceMean],
  ['BatchNormalization', layers.batchNormalization],
  ['Add', elementwise.arithmetic('add')],
  ['Sub', elementwise.arithmetic('subtract')],
  ['Mul', elementwise.arithmetic('multiply')],
  ['Div', elementwise.arithmetic('divide')],
  ['Sum', elementwise.sum],
  ['Pow', elementwise.power],
  ['Neg', elementwise.negative],
  ['Relu', elementwise.relu],
  ['LeakyRelu', elementwise.leakyRelu],
  ['PRelu', elementwise.prelu],
  ['Elu', elementwise.elu],
  ['Sigmoid', elementwise.sigmoid],
  ['Tanh', elementwise.tanh],
  ['Softplus', elementwise.softplus],
  ['Swish', elementwise.swish],
  ['Gelu', elementwise.gelu],
  ['Erf', elementwise.erf],
  ['Flatten', shapes.flatten],
  ['Reshape', shapes.reshape],
  ['Transpose', shapes.transpose],
  ['Squeeze', shapes.squeeze],
  ['Unsqueeze', shapes.unsqueeze],
  ['Identity', elementwise.identity],
  ['Dropout', elementwise.dropout],
  ['Cast', elementwise.cast]
])

/** Operators of ai.onnx.ml. */
const LEARNING: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['LinearClassifier', learning.linearClassifier],
  ['LinearRegressor', learning.linearRegressor],
  ['Scaler', learning.scaler]
])

const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx'

export const operatorFor = (domain: string, operator: string): Operator | undefined =>
  isStandard(domain) ? STANDARD.get(operator) : domain === 'ai.onnx.ml' ? LEARNING.get(operator) : undefined

/** Name of an operator in messages: with its domain unless it is a standard one. */
export const qualifiedName = (domain: string, operator: string): string => (isStandard(domain) ? operator : `${domain}.${operator}`)
