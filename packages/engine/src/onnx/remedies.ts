/** What to use instead of an operator that has no counterpart under encryption. */

const rounding = 'rounding cannot be approximated; export the network before quantisation'
const average = 'use AveragePool instead and fine-tune the network'
const comparison = 'comparisons cannot be evaluated; use Add or an average'
const recurrent = 'unroll it into dense layers with polynomial activations'
const normalisation = 'use BatchNormalization, which folds into the weights'
const quantized = 'export the network before quantisation, with float weights'
const tree = 'trees need comparisons; train a linear model or a small network (MLPClassifier) on the same data'
const preprocessing = 'apply it to the samples before they are encrypted, and export the model without it'
const finalOnly = (operator: string): string => `only a final ${operator} is allowed, which the querier applies; remove this one`

const REMEDIES: Readonly<Record<string, string>> = {
  Floor: rounding,
  Ceil: rounding,
  Round: rounding,
  MaxPool: average,
  LpPool: average,
  GlobalMaxPool: 'use GlobalAveragePool instead and fine-tune the network',
  GlobalLpPool: 'use GlobalAveragePool instead and fine-tune the network',
  ReduceMax: 'use ReduceMean instead and fine-tune the network',
  ReduceMin: 'use ReduceMean instead and fine-tune the network',
  TopK: comparison,
  Softmax: finalOnly('Softmax'),
  LogSoftmax: finalOnly('LogSoftmax'),
  ArgMax: finalOnly('ArgMax'),
  ZipMap: finalOnly('ZipMap'),
  Normalizer: finalOnly('Normalizer with norm L1 after LinearClassifier'),
  ArrayFeatureExtractor: finalOnly('choice of labels'),
  LayerNormalization: normalisation,
  InstanceNormalization: normalisation,
  GroupNormalization: normalisation,
  LRN: normalisation,
  LpNormalization: normalisation,
  MeanVarianceNormalization: normalisation,
  ConvTranspose: 'use Conv, or a Gemm with the equivalent matrix',
  Resize: 'resize the samples before they are encrypted',
  Upsample: 'resize the samples before they are encrypted',
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Attention: 'products of computed values cannot be evaluated; use dense layers or convolutions',
  Einsum: 'use MatMul or Gemm with a constant matrix',
  If: 'branches cannot be evaluated; export the branch that inference takes',
  Loop: 'unroll the loop when exporting',
  Scan: 'unroll the loop when exporting',
  QuantizeLinear: quantized,
  DequantizeLinear: quantized,
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
  Imputer: preprocessing,
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

/** What no change of a setting helps against, in ascending order of depth. */
const HOPELESS: readonly ReadonlySet<string>[] = [
  new Set(['MaxPool', 'GlobalMaxPool', 'LayerNormalization', 'InstanceNormalization', 'GroupNormalization', 'LRN', 'Attention']),
  new Set(['QuantizeLinear', 'DequantizeLinear', 'DynamicQuantizeLinear', 'QLinearConv', 'QLinearMatMul', 'ConvInteger', 'MatMulInteger']),
  new Set(['LSTM', 'GRU', 'RNN', 'Loop', 'Scan', 'If']),
  new Set(['TreeEnsemble', 'TreeEnsembleClassifier', 'TreeEnsembleRegressor', 'SVMClassifier', 'SVMRegressor'])
]

/** How deep the reason is why an operator cannot be evaluated; 0 where another node or setting may be the reason. */
export const hopelessness = (operator: string): number => 1 + HOPELESS.findIndex(operators => operators.has(operator))
