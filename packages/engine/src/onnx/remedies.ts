/** What to use instead of an operator that has no counterpart under encryption. */

const polynomial = 'replace it by a polynomial activation (x² or c₂x² + c₁x + c₀) and fine-tune the network'
const average = 'use AveragePool instead and fine-tune the network'

const REMEDIES: Readonly<Record<string, string>> = {
  Relu: polynomial,
  LeakyRelu: polynomial,
  PRelu: polynomial,
  Elu: polynomial,
  Selu: polynomial,
  Celu: polynomial,
  Gelu: polynomial,
  Sigmoid: polynomial,
  HardSigmoid: polynomial,
  HardSwish: polynomial,
  Mish: polynomial,
  Tanh: polynomial,
  Softplus: polynomial,
  Softsign: polynomial,
  Erf: polynomial,
  Exp: polynomial,
  Log: polynomial,
  Sqrt: polynomial,
  Abs: polynomial,
  Clip: polynomial,
  ThresholdedRelu: polynomial,
  MaxPool: average,
  GlobalMaxPool: 'use GlobalAveragePool instead and fine-tune the network',
  LpPool: average,
  Max: 'comparisons cannot be evaluated; use Add or an average',
  Min: 'comparisons cannot be evaluated; use Add or an average',
  Softmax: 'only a final Softmax is allowed, which the querier applies; remove this one',
  LogSoftmax: 'only a final Softmax is allowed, which the querier applies; remove this one',
  ArgMax: 'only a final ArgMax is allowed, which the querier applies; remove this one',
  LayerNormalization: 'use BatchNormalization, which folds into the weights',
  InstanceNormalization: 'use BatchNormalization, which folds into the weights',
  GroupNormalization: 'use BatchNormalization, which folds into the weights',
  Pad: "move the padding into the convolution's pads attribute",
  Div: 'division by a computed value cannot be evaluated; divide by a constant',
  LSTM: 'unroll it into dense layers with polynomial activations',
  GRU: 'unroll it into dense layers with polynomial activations',
  RNN: 'unroll it into dense layers with polynomial activations'
}

export const remedyFor = (operator: string): string =>
  REMEDIES[operator] ??
  'rewrite the model with Conv, Gemm, MatMul, AveragePool, GlobalAveragePool, BatchNormalization, Add, Sub, Mul, Pow, Flatten, Reshape and Transpose'
