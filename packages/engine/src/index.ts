/**
 * Networks under encryption: ONNX file → layer graph → fused network → public architecture → plan → packed slots → run.
 *
 * @module
 */
export {
  type ActivationApproximationOptions,
  type ApproximatedActivation,
  type ApproximatedNetwork,
  type ApproximationReport,
  approximateActivations
} from './approximation/activations.js'
export { type ApproximationOptions, type ApproximationSource, approximate } from './approximation/approximate-network.js'
export { Calibration, type MeasuredValues } from './approximation/calibration.js'
export { LOGIT_TOLERANCE } from './approximation/choose-degree.js'
export { describeApproximation } from './approximation/describe.js'
export {
  DEFAULT_AGREEMENT,
  DEFAULT_DETERMINATION,
  FEW_SAMPLES,
  type FitOptions,
  fitActivations
} from './approximation/fit.js'
export { countOutOfInterval, DEFAULT_INTERVAL_MARGIN, type IntervalReport, measureActivations, widen } from './approximation/intervals.js'
export { ARCHITECTURE_VERSION, type Architecture, type ArchitectureLayer, parseArchitecture } from './architecture/architecture.js'
export type { LinearOperation } from './architecture/linear-operations.js'
export { formatBytes } from './costs/byte-size.js'
export { type CostModel, costModelSchema, DEFAULT_LINK, KERNEL_COSTS, type Link, SEAL_COSTS } from './costs/cost-model.js'
export { type MeasureCostsOptions, measureCosts } from './costs/measure.js'
export { hasRoom, RESIDENT_CLEAR_WEIGHT_BYTES, RESIDENT_INPUT_BYTES, RESIDENT_WEIGHT_BYTES, WEIGHTS_HELD } from './costs/residence.js'
export { ASSUMED_MEMORY_BANDWIDTH, type Cores, speedupOf, withThreads } from './costs/threads.js'
export * from './errors.js'
export { nextTurn } from './event-loop.js'
export { agreementOf, determination, likeness, type Measure, measureOf } from './graph/agreement.js'
export { type NetworkBuilder, network, type Path } from './graph/builder.js'
export type {
  ActivationDefinition,
  AveragePoolDefinition,
  BatchNormalizationDefinition,
  ConvolutionDefinition,
  DenseDefinition,
  NetworkDefinition,
  Values,
  WindowDefinition
} from './graph/definitions.js'
export { evaluate } from './graph/evaluate.js'
export { applyFinal, argmax, describeFinal, type FinalOperator, finalLength } from './graph/final.js'
export type { ConvolutionGeometry, PoolGeometry, WindowGeometry } from './graph/geometry.js'
export { type GraphNode, type GraphOperator, inputShape, type NetworkGraph } from './graph/graph.js'
export { type InputPart, inputsSize, joinInputs } from './graph/parts.js'
export { fitsShape } from './graph/sample-shape.js'
export {
  type Answer,
  answerOf,
  type Label,
  NEAR_TIE_DEVIATIONS,
  type OutputMeaning,
  type OutputPart,
  type Prediction,
  splitOutputs,
  TASK_KINDS,
  type Task,
  type TaskChoice,
  type TaskKind,
  taskOf
} from './graph/task.js'
export type { Ranges } from './network/bounds.js'
export { type CalibrationOptions, calibrate, DEFAULT_MARGIN, rangesFromActivations } from './network/calibrate.js'
export { type FuseOptions, fuse } from './network/fuse.js'
export type { MeasuredActivation } from './network/measured.js'
export {
  type AffineLayer,
  type ConvolutionTaps,
  type Layer,
  Network,
  type PolynomialLayer,
  type ProductLayer,
  type SquareLayer,
  type SumLayer
} from './network/network.js'
export { architectureOf } from './network/publish.js'
export { type ActivationFunction, type ActivationName, applyActivation, realFunction } from './numeric/activation-functions.js'
export {
  type ApproximationMethod,
  type ApproximationRequest,
  approximateFunction,
  DEFAULT_MAXIMUM_DEGREE,
  DEFAULT_RELATIVE_ERROR,
  depthOf,
  type PolynomialApproximation
} from './numeric/best-polynomial.js'
export type { Interval } from './numeric/chebyshev.js'
export type { Expression } from './numeric/expression.js'
export type { RealFunction } from './numeric/named-functions.js'
export { SparseMatrix } from './numeric/sparse.js'
export type { Replacements } from './onnx/context.js'
export { type ExternalData, externalDataFiles, isPlainName } from './onnx/external-data.js'
export { type ImportOptions, importOnnx } from './onnx/import.js'
export { DiagonalsPacking } from './packing/diagonals.js'
export {
  chunkDiagonals,
  chunkedLayout,
  type Layout,
  locate,
  rowPeriod,
  sequentialLayout
} from './packing/layout.js'
export { type SlotPacking, samplesPerSlot } from './packing/slots.js'
export { TapsPacking } from './packing/taps.js'
export { PRECISION_TARGET, parsePlan } from './plan/derive.js'
export { describeMissingKeys, describePlan } from './plan/describe.js'
export { describeEndToEnd, type EndToEnd, endToEnd, firstOfStreamSeconds, LAN, streamSeconds, WAN } from './plan/end-to-end.js'
export { type EpochKeys, type EvaluationKeyNames, joinKeys, missingKeys, parseEpochKeys } from './plan/epoch-keys.js'
export { layoutsOf } from './plan/layouts.js'
export { type MovedPrecision, movedPrecision } from './plan/moved.js'
export { type Plan, planSchema } from './plan/plan.js'
export { logitDeviation } from './plan/precision.js'
export { describeOnThreads } from './plan/threads.js'
export { type WitnessedSeconds, witnessedSeconds } from './plan/witnessed.js'
export { describeOnWorkers, type OnWorkers, onWorkers, type WorkerBound } from './plan/workers.js'
export type { InputSource, Operand, Refresher, RunOptions, RunProgress, StepReport, WeightSource } from './run/options.js'
export type { AliveValues, Stretch, StretchEnd } from './run/run.js'
export { refreshedValue, run, runStretch } from './run/run.js'
export { type EpochModel, type EpochOptions, type PlannedEpoch, planEpoch } from './search/epoch-for-models.js'
export type { PlanOptions, Precision } from './search/options.js'
export { obstacleToPlan, plan } from './search/planner.js'
export type { PlanStep } from './steps/kinds.js'
export { type OperandKind, type Operands, publicCoins, refreshShares, rerandomizes, switchShares } from './steps/operands.js'
export type { GaloisKeyNeed, WeightDescriptor } from './steps/step.js'
export { InputPacker, packInput, packInputs } from './vectors/inputs.js'
export { unpackOutputs } from './vectors/outputs.js'
export { ClearWeights, clearInputs, type WeightItems } from './vectors/sources.js'
export { itemValues, itemWidths, packScalar, packWeight, weightDescriptor } from './vectors/weights.js'
