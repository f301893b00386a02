/** One function per ONNX operator: checks the node and appends its meaning to the layer graph. An operator without a function here is refused by the importer. */
import type { Operator } from './context.js'
import { einsum } from './operators/einsum.js'
import * as elementwise from './operators/elementwise.js'
import * as layers from './operators/layers.js'
import * as learning from './operators/learning.js'
import * as maxima from './operators/maxima.js'
import * as normalisation from './operators/normalisation.js'
import * as quantisation from './operators/quantisation.js'
import * as rearrange from './operators/rearrange.js'
import * as reductions from './operators/reductions.js'
import { resize } from './operators/resize.js'
import * as shapes from './operators/shapes.js'
import { transposedConvolution } from './operators/transposed-convolution.js'

/** Operators of the standard set. */
const STANDARD: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['Conv', layers.convolution],
  ['Gemm', layers.gemm],
  ['MatMul', layers.matMul],
  ['AveragePool', layers.averagePool],
  ['ConvTranspose', transposedConvolution],
  ['Einsum', einsum],
  ['GlobalAveragePool', reductions.globalAveragePool],
  ['ReduceMean', reductions.reduceMean],
  ['ReduceSum', reductions.reduceSum],
  ['ReduceSumSquare', reductions.reduceSumSquare],
  ['ReduceL1', reductions.reduceL1],
  ['ReduceL2', reductions.reduceL2],
  ['ReduceProd', reductions.reduceProduct],
  ['CumSum', reductions.cumulativeSum],
  ['MaxPool', maxima.maxPool],
  ['GlobalMaxPool', maxima.globalMaxPool],
  ['ReduceMax', maxima.reduceMax],
  ['BatchNormalization', normalisation.batchNormalization],
  ['LayerNormalization', normalisation.layerNormalization],
  ['RMSNormalization', normalisation.rmsNormalization],
  ['InstanceNormalization', normalisation.instanceNormalization],
  ['GroupNormalization', normalisation.groupNormalization],
  ['LpNormalization', normalisation.lpNormalization],
  ['QuantizeLinear', quantisation.quantizeLinear],
  ['DequantizeLinear', quantisation.dequantizeLinear],
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
  ['Clip', elementwise.clip],
  ['HardSigmoid', elementwise.hardSigmoid],
  ['HardSwish', elementwise.hardSwish],
  ['Selu', elementwise.selu],
  ['Celu', elementwise.celu],
  ['Mish', elementwise.mish],
  ['Softsign', elementwise.softsign],
  ['ThresholdedRelu', elementwise.thresholdedRelu],
  ['Abs', elementwise.abs],
  ['Exp', elementwise.elementwise('exp')],
  ['Log', elementwise.elementwise('log')],
  ['Sqrt', elementwise.elementwise('sqrt')],
  ['Reciprocal', elementwise.elementwise('reciprocal')],
  ['Sign', elementwise.elementwise('sign')],
  ['Sin', elementwise.elementwise('sin')],
  ['Cos', elementwise.elementwise('cos')],
  ['Tan', elementwise.elementwise('tan')],
  ['Asin', elementwise.elementwise('asin')],
  ['Acos', elementwise.elementwise('acos')],
  ['Atan', elementwise.elementwise('atan')],
  ['Sinh', elementwise.elementwise('sinh')],
  ['Cosh', elementwise.elementwise('cosh')],
  ['Asinh', elementwise.elementwise('asinh')],
  ['Acosh', elementwise.elementwise('acosh')],
  ['Atanh', elementwise.elementwise('atanh')],
  ['Min', elementwise.elementwise('minimum')],
  ['Max', elementwise.elementwise('maximum')],
  ['Greater', elementwise.elementwise('greater')],
  ['GreaterOrEqual', elementwise.elementwise('greaterOrEqual')],
  ['Less', elementwise.elementwise('less')],
  ['LessOrEqual', elementwise.elementwise('lessOrEqual')],
  ['Equal', elementwise.elementwise('equal')],
  ['And', elementwise.elementwise('and')],
  ['Or', elementwise.elementwise('or')],
  ['Not', elementwise.elementwise('not')],
  ['Where', elementwise.elementwise('where')],
  ['Flatten', shapes.flatten],
  ['Reshape', shapes.reshape],
  ['Transpose', shapes.transpose],
  ['Squeeze', shapes.squeeze],
  ['Unsqueeze', shapes.unsqueeze],
  ['Expand', shapes.expand],
  ['Tile', shapes.tile],
  ['Gather', shapes.gather],
  ['GatherND', shapes.gatherND],
  ['Slice', shapes.slice],
  ['Split', shapes.split],
  ['Concat', shapes.concat],
  ['Pad', shapes.pad],
  ['Resize', resize],
  ['Upsample', resize],
  ['DepthToSpace', rearrange.depthToSpace],
  ['SpaceToDepth', rearrange.spaceToDepth],
  ['Identity', elementwise.identity],
  ['Dropout', elementwise.dropout],
  ['Cast', elementwise.cast]
])

/** Operators of ai.onnx.ml. */
const LEARNING: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['LinearClassifier', learning.linearClassifier],
  ['LinearRegressor', learning.linearRegressor],
  ['Scaler', learning.scaler],
  ['ArrayFeatureExtractor', learning.arrayFeatureExtractor],
  ['Imputer', learning.imputer]
])

const isStandard = (domain: string): boolean => domain === '' || domain === 'ai.onnx'

export const operatorFor = (domain: string, operator: string): Operator | undefined =>
  isStandard(domain) ? STANDARD.get(operator) : domain === 'ai.onnx.ml' ? LEARNING.get(operator) : undefined

/** Name of an operator in messages: with its domain unless it is a standard one. */
export const qualifiedName = (domain: string, operator: string): string => (isStandard(domain) ? operator : `${domain}.${operator}`)
