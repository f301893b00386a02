/**
 * A network on encrypted samples in a few lines, with one party's own key: what encryption costs and does to the answers, before anybody else is asked. Between parties who do
 * not trust each other: `slytherin/protocol`, `slytherin/node` and the `slytherin` command.
 *
 * @module
 */
export type { Answer, OperandKind, Plan, Precision, Prediction, RunProgress, Task } from '@slytherin/engine'
export { describePlan } from '@slytherin/engine'
export { NotPlannedError } from './errors.js'
export { type LoadOptions, Model, type ModelSource, type PlanRequest, type PredictOptions, type Rows } from './model.js'
