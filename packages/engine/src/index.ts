/**
 * Networks under encryption: ONNX file → layer graph → fused network → public architecture → plan → packed slots → run.
 */
export { type Architecture, type ArchitectureLayer, architectureOf, parseArchitecture, type Ranges } from './architecture.js'
export { type CalibrationOptions, calibrate, DEFAULT_MARGIN, type MeasuredActivation, rangesFromActivations } from './calibrate.js'
export { type CostModel, KERNEL_COSTS, SEAL_COSTS } from './cost.js'
export { describePlan } from './describe.js'
export * from './errors.js'
export { fuse } from './fuse.js'
export type { ConvolutionGeometry, PoolGeometry, WindowGeometry } from './geometry.js'
export type { FinalOperator, GraphNode, GraphOperator, NetworkGraph } from './graph.js'
export { type AffineLayer, type ConvolutionTaps, type Layer, Network, type PolynomialLayer, type SquareLayer } from './network.js'
export { type ImportOptions, importOnnx } from './onnx/import.js'
export type { LinearOperation } from './operations.js'
export { packInput, packInputs, packWeight, unpackOutputs } from './pack.js'
export { DiagonalsPacking, fullDiagonals, presentDiagonals, rowPeriod } from './packing/diagonals.js'
export { chunkDiagonals, chunkedLayout, type Layout, locate, periodicLayout, repeatOverBatch, sequentialLayout } from './packing/layout.js'
export { type TapArrangement, TapsPacking } from './packing/taps.js'
export { type Plan, type PlanStep, planSchema, type WeightDescriptor } from './plan.js'
export { PRECISION_TARGET, parsePlan } from './plan-derivation.js'
export { type PlanOptions, plan } from './planner.js'
export { evaluate } from './reference.js'
export { minimumRefreshLevel } from './refresh-level.js'
export {
  type InputSource,
  type Operand,
  type Refresher,
  type RunOptions,
  type RunProgress,
  run,
  type StepReport,
  type WeightSource
} from './run.js'
export { SimulatedCiphertext, SimulationError, SimulatorEvaluator, type SimulatorOptions } from './simulator.js'
export { SparseMatrix } from './sparse.js'
export { ClearWeights, clearInputs } from './sources.js'
export { type OperandKind, type Operands, refreshShares } from './operands.js'
export { weightDescriptor } from './pack.js'
