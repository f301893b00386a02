/**
 * Networks under encryption: ONNX file → layer graph → fused network → public architecture → plan → packed slots → run.
 */
export {
  type ActivationApproximationOptions,
  type ApproximatedActivation,
  type ApproximatedNetwork,
  type ApproximationReport,
  approximateActivations
} from './approximation/activations.js'
export {
  type ApproximationMethod,
  type ApproximationRequest,
  approximateFunction,
  DEFAULT_MAXIMUM_DEGREE,
  DEFAULT_RELATIVE_ERROR,
  depthOf,
  type PolynomialApproximation
} from './approximation/approximate.js'
export { type ApproximationOptions, type ApproximationSource, approximate } from './approximation/approximate-network.js'
export { chebyshevToPower, clenshaw, type Interval, powerToChebyshev } from './approximation/chebyshev.js'
export { DEFAULT_AGREEMENT, type FitOptions, fitActivations, LOGIT_TOLERANCE } from './approximation/fit.js'
export {
  type ActivationFunction,
  type ActivationName,
  applyActivation,
  type RealFunction,
  realFunction
} from './approximation/functions.js'
export { countOutOfInterval, DEFAULT_INTERVAL_MARGIN, type IntervalReport, measureActivations, widen } from './approximation/ranges.js'
export { type Architecture, type ArchitectureLayer, architectureOf, parseArchitecture, type Ranges } from './architecture.js'
export {
  type ActivationDefinition,
  type AveragePoolDefinition,
  type BatchNormalizationDefinition,
  type ConvolutionDefinition,
  type DenseDefinition,
  type NetworkBuilder,
  type NetworkDefinition,
  network,
  type Values,
  type WindowDefinition
} from './builder.js'
export { type CalibrationOptions, calibrate, DEFAULT_MARGIN, type MeasuredActivation, rangesFromActivations } from './calibrate.js'
export { type CostModel, costModelSchema, KERNEL_COSTS, SEAL_COSTS } from './cost-model.js'
export { describePlan } from './describe.js'
export * from './errors.js'
export { applyFinal, argmax } from './final.js'
export { type FuseOptions, fuse } from './fuse.js'
export type { ConvolutionGeometry, PoolGeometry, WindowGeometry } from './geometry.js'
export type { FinalOperator, GraphNode, GraphOperator, NetworkGraph } from './graph.js'
export { type MeasureCostsOptions, measureCosts } from './measure-costs.js'
export { type AffineLayer, type ConvolutionTaps, type Layer, Network, type PolynomialLayer, type SquareLayer } from './network.js'
export { type ImportOptions, importOnnx } from './onnx/import.js'
export { type OperandKind, type Operands, refreshShares, rerandomizes, switchShares } from './operands.js'
export type { LinearOperation } from './operations.js'
export { InputPacker, packInput, packInputs, packScalar, packWeight, unpackOutputs, weightDescriptor } from './pack.js'
export { DiagonalsPacking, fullDiagonals, presentDiagonals, rowPeriod } from './packing/diagonals.js'
export { chunkDiagonals, chunkedLayout, type Layout, locate, periodicLayout, repeatOverBatch, sequentialLayout } from './packing/layout.js'
export { type SlotPacking, samplesPerSlot } from './packing/slots.js'
export { type TapArrangement, TapsPacking } from './packing/taps.js'
export { type GaloisKeyNeed, type Plan, type PlanStep, planSchema, type WeightDescriptor } from './plan.js'
export { PRECISION_TARGET, parsePlan } from './plan-derivation.js'
export type { PlanOptions } from './plan-options.js'
export { plan } from './planner.js'
export { evaluate } from './reference.js'
export { minimumRefreshLevel } from './refresh-level.js'
export { hasRoom, RESIDENT_INPUT_BYTES, RESIDENT_WEIGHT_BYTES } from './residence.js'
export { run } from './run.js'
export type { InputSource, Operand, Refresher, RunOptions, RunProgress, StepReport, WeightSource } from './run-options.js'
export { WEIGHTS_HELD } from './run-options.js'
export { SimulatedCiphertext, SimulationError, SimulatorEvaluator, type SimulatorOptions } from './simulator.js'
export { ClearWeights, clearInputs } from './sources.js'
export { SparseMatrix } from './sparse.js'
