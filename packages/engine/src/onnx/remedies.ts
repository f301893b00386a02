/** What to use instead of an operator that has no counterpart under encryption. */
import type { Replacements } from './context.js'

const rounding = 'rounding cannot be approximated; export the network before quantisation'
const average =
  "ask for maxima of pairs (--replace maxPool=pairs, option 'replace'), which are activations, or use AveragePool instead and fine-tune the network (or see what maxPool=average leaves of it)"
const comparison = 'comparisons cannot be evaluated; use Add or an average'
const recurrent = 'unroll it into dense layers with polynomial activations'
const normalisation = 'use BatchNormalization, which folds into the weights, or LayerNormalization'
const quantized = 'export the network before quantisation, with float weights'
const rounded =
  "export the network before quantisation, with float weights, or ask to leave the rounding out (--replace fakeQuantization=identity, option 'replace')"
const tree = 'trees need comparisons; train a linear model or a small network (MLPClassifier) on the same data'
const preprocessing = 'apply it to the samples before they are encrypted, and export the model without it'
const finalOnly = (operator: string): string => `only a final ${operator} is allowed, which the querier applies; remove this one`

const REMEDIES: Readonly<Record<string, string>> = {
  Floor: rounding,
  Ceil: rounding,
  Round: rounding,
  MaxPool: average,
  LpPool: average,
  GlobalMaxPool: average,
  GlobalLpPool: 'use GlobalAveragePool instead and fine-tune the network',
  ReduceMax: average,
  ReduceMin: 'use ReduceMean instead and fine-tune the network',
  TopK: comparison,
  Softmax: finalOnly('Softmax'),
  LogSoftmax: finalOnly('LogSoftmax'),
  ArgMax: finalOnly('ArgMax'),
  ZipMap: finalOnly('ZipMap'),
  Normalizer: finalOnly('Normalizer with norm L1 after LinearClassifier'),
  LRN: normalisation,
  MeanVarianceNormalization: normalisation,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Attention: 'products of computed values cannot be evaluated; use dense layers or convolutions',
  If: 'branches cannot be evaluated; export the branch that inference takes',
  Loop: 'unroll the loop when exporting',
  Scan: 'unroll the loop when exporting',
  QuantizeLinear: rounded,
  DequantizeLinear: rounded,
  DynamicQuantizeLinear: quantized,
  QLinearConv: quantized,
  QLinearMatMul: quantized,
  ConvInteger: quantized,
  MatMulInteger: quantized,
  TreeEnsemble: tree,
  TreeEnsembleClassifier: tree,
  TreeEnsembleRegressor: tree,
  SVMClassifier: 'kernels need exponentials of computed values; train a linear model (LinearSVC, LogisticRegression) or a small network',
  SVMRegressor: 'kernels need exponentials of computed values; train a linear model (LinearSVR, Ridge) or a small network',
  Binarizer: preprocessing,
  LabelEncoder: preprocessing,
  OneHotEncoder: preprocessing,
  CategoryMapper: preprocessing,
  DictVectorizer: preprocessing,
  FeatureVectorizer: preprocessing
}

export const remedyFor = (operator: string): string =>
  REMEDIES[operator] ??
  'rewrite the model with Conv, Gemm, MatMul, AveragePool, GlobalAveragePool, ReduceMean, BatchNormalization, Add, Sub, Mul, Pow, Flatten, Reshape, Transpose and ' +
    'element-wise activations of one value'

/** Operators that others may be asked to stand for. */
const MAXIMA = ['MaxPool', 'GlobalMaxPool']
const ROUNDING = ['QuantizeLinear', 'DequantizeLinear']

/** What no change of a setting helps against, in ascending order of depth. */
const HOPELESS: readonly ReadonlySet<string>[] = [
  new Set([...MAXIMA, 'LRN', 'Attention']),
  new Set([...ROUNDING, 'DynamicQuantizeLinear', 'QLinearConv', 'QLinearMatMul', 'ConvInteger', 'MatMulInteger']),
  new Set(['LSTM', 'GRU', 'RNN', 'Loop', 'Scan', 'If']),
  new Set(['TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor', 'SVMClassifier', 'SVMRegressor'])
]

/** How deep the reason is why an operator cannot be evaluated; 0 where another node or setting may be the reason. */
export function hopelessness(operator: string, { maxPool, fakeQuantization }: Replacements = {}): number {
  if (maxPool !== undefined && MAXIMA.includes(operator)) return 0
  if (fakeQuantization !== undefined && ROUNDING.includes(operator)) return 0
  return 1 + HOPELESS.findIndex(operators => operators.has(operator))
}
