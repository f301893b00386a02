/**
 * The parts of the engine's plan that the protocol reads: how many messages of which kind a session will carry, and how large they may be.
 */
import * as z from 'zod'

const level = z.number().int().min(0).max(64)
const count = z
  .number()
  .int()
  .min(0)
  .max(2 ** 24)
const positive = z
  .number()
  .int()
  .min(1)
  .max(2 ** 24)

const parametersSchema = z.looseObject({
  logN: z.number().int().min(4).max(17),
  primes: z.array(z.string().max(20)).min(1).max(64),
  specialPrimes: z.array(z.string().max(20)).min(1).max(64),
  scale: z.number().positive(),
  insecure: z.literal(true).optional()
})

export const planSchema = z.looseObject({
  version: z.literal(1),
  model: z.string().max(512),
  parties: positive,
  batch: positive,
  batchBlocks: positive,
  parameters: parametersSchema,
  rotations: z.array(z.number().int()).max(4096),
  inputs: z.looseObject({ count, level }),
  weights: z.looseObject({ count }),
  refreshes: z.array(z.looseObject({ level, ciphertextsPerBlock: positive })).max(1024),
  output: z.looseObject({ level, ciphertextsPerBlock: positive })
})

export type Plan = z.infer<typeof planSchema>
export type PlanParameters = Plan['parameters']
/** Public shape of a model, made by its owner and read by the planner only. */
export type Architecture = unknown

/** @throws ZodError */
export function parsePlan(json: unknown): Plan {
  return planSchema.parse(json)
}

/** @throws when the parameters are not valid or below the security table */
export function checkParameters(parameters: PlanParameters, options: { allowInsecure: boolean }): void {
  if (parameters.insecure === true && !options.allowInsecure) throw new RangeError('parameters below the security table')
}

/** Galois elements of the keys that a plan needs, ascending: 3^r mod 2N for a rotation by r slots (SEAL's left rotation). */
export function galoisElements(plan: Plan): number[] {
  const order = 2 ** plan.parameters.logN * 2
  const slots = order / 4
  const elements = new Set<number>()
  for (const rotation of plan.rotations) {
    let element = 1
    for (let steps = ((rotation % slots) + slots) % slots; steps > 0; steps--) element = (element * 3) % order
    if (element !== 1) elements.add(element)
  }
  return [...elements].sort((a, b) => a - b)
}

/** Ciphertexts of one query's input. */
export function inputCount(plan: Plan): number {
  return plan.inputs.count * plan.batchBlocks
}

/** Ciphertexts of one query's result, and so of its switch. */
export function outputCount(plan: Plan): number {
  return plan.output.ciphertextsPerBlock * plan.batchBlocks
}
