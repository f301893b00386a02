/** The compiled form of plans, kept beside them. */
import type { Plan, PlanCore } from './plan.js'
import { compile, type Program } from './program.js'

const programs = new WeakMap<Plan, Program>()

/** The compiled form of a plan that has been made or parsed here. */
export function programOf(plan: Plan): Program {
  let program = programs.get(plan)
  if (!program) {
    // Security was checked where the plan was made or parsed; a copy of it (from a worker) is compiled as it is.
    program = compile(coreOf(plan), { allowInsecure: true })
    programs.set(plan, program)
  }
  return program
}

/** For whoever has just compiled the plan. */
export function keepProgram(plan: Plan, program: Program): void {
  programs.set(plan, program)
}

/** What the rest of the plan is derived from. */
export const coreOf = (plan: Plan): PlanCore => ({
  ...plan,
  inputScale: plan.inputs.scale,
  inputLevel: plan.inputs.level,
  seededInputs: plan.inputs.seeded === true
})
