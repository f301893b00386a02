/**
 * A plan: everything the parties agree on before they compute. It is plain JSON. What can be derived from the rest (counts, descriptors, keys, output) is in it
 * for whoever reads it, and is derived again and compared when a plan from another party is parsed.
 */
import type { ParametersJson } from '@slytherin/ckks'
import * as z from 'zod'
import { architectureSchema } from '../architecture/architecture.js'
import { InvalidPlanError } from '../errors.js'
import { stepSchema } from '../steps/kinds.js'
import { count, galoisKeyNeedSchema, level, magnitude, positiveCount, scale, weightDescriptorSchema } from '../steps/step.js'

const operand = z.enum(['clear', 'encrypted'])

export const parametersSchema: z.ZodType<ParametersJson> = z.strictObject({
  logN: z.int().min(4).max(17),
  primes: z.array(z.string().max(20)).min(1).max(63),
  specialPrimes: z.array(z.string().max(20)).min(1).max(16),
  scale: z.number().positive(),
  insecure: z.literal(true).optional()
})

const seconds = z.number().min(0)
const bytes = z.number().min(0)

/**
 * Raised whenever the same plan would be derived otherwise, since a plan is checked by deriving it again. 2: the noise that shares add is counted with its margin. 3: what
 * flooding is sized by is a number of its own, and so is the statistical distance. 4: the threshold is a number beside that of the key holders.
 * 5: public coins of inputs and refreshed ciphertexts are counted. What a plan may leave out, and an earlier one lacked, does not raise it.
 */
export const PLAN_VERSION = 5

/**
 * What of the model owner's word the flooding rests on. `magnitudes`: largest values only, which also size scales, so that whoever understates them pays for it;
 * `norms`: norms and sensitivities, too, which cost nothing to understate.
 */
export const FLOODING_BOUNDS = ['magnitudes', 'norms'] as const
export type FloodingBounds = (typeof FLOODING_BOUNDS)[number]

/** Statistical distance over a session, as minus log2, that flooding is planned for unless another is asked for. */
export const WANTED_DISTANCE_BITS = 40

/** The document's form; `parsePlan` checks what it says, too. */
export const planSchema = z.strictObject({
  version: z.literal(PLAN_VERSION),
  model: z.string().max(512),
  architecture: architectureSchema,
  operands: z.strictObject({ data: operand, weights: operand }),
  /** n: key holders whose ternary secrets the key sums, and so what its variance is */
  parties: z.int().min(1).max(256),
  /** t: key holders whose shares every refresh and switch sums, at most n */
  threshold: z.int().min(1).max(256),
  /** samples */
  batch: z
    .int()
    .min(1)
    .max(2 ** 22),
  /** whether a slot holds one sample or two */
  packing: z.enum(['real', 'complex']),
  /** samples in one ciphertext block, a power of two */
  batchBlock: positiveCount,
  batchBlocks: positiveCount,
  /** batch blocks evaluated together; weights are asked for once per pass */
  batchBlocksPerPass: positiveCount,
  /** s: bits of security of the flooding, in the sense of Kullback–Leibler divergence */
  floodingBits: z.number().min(1).max(256),
  /** minus log2 of the statistical distance over all decryptions of a session */
  floodingDistanceBits: z.number(),
  floodingBounds: z.enum(FLOODING_BOUNDS),
  maximumDecryptions: z.int().min(1).max(Number.MAX_SAFE_INTEGER),
  parameters: parametersSchema,
  /** Galois keys, ascending by element: each for the highest level at which a step uses it, and so for all below */
  galoisKeys: z.array(galoisKeyNeedSchema).max(4096),
  /** highest level at which a step relinearises; null when no two ciphertexts are multiplied, and no such key is made */
  relinearizationLevel: level.nullable(),
  /**
   * input ciphertexts per batch block. Seeded: encrypted with the secret key, by the one party that holds the whole of it, and half as long, for a seed stands for the
   * second component
   */
  inputs: z.strictObject({ count: positiveCount, level, scale, magnitude, seeded: z.literal(true).optional() }),
  /** weights in order of use */
  weights: z.strictObject({
    count,
    items: z.array(weightDescriptorSchema).max(2 ** 20)
  }),
  steps: z.array(stepSchema).min(1).max(4096),
  refreshes: z.array(z.strictObject({ step: count, ciphertextsPerBlock: positiveCount, level, scale, magnitude })).max(1024),
  /** noise: what the error of the logits is expected to be; floodedNoise: what their flooding is sized by (log2 σ per coefficient) */
  output: z.strictObject({
    level,
    scale,
    magnitude,
    ciphertextsPerBlock: positiveCount,
    features: positiveCount,
    noise: z.number(),
    floodedNoise: z.number()
  }),
  precision: z.strictObject({
    /** worst absolute logit error expected after flooding */
    worstError: z.number().min(0),
    /** the same relative to the largest logit */
    relativeError: z.number().min(0)
  }),
  costs: z.strictObject({
    model: z.string().max(64),
    seconds: z.strictObject({
      /** from the last input to the last result: refreshes and the switch to the querier's key included */
      evaluation: seconds,
      refresh: seconds,
      /** the switch to the querier's key */
      result: seconds,
      /** what each step adds to the evaluation */
      steps: z.array(seconds).max(4096),
      dataEncryption: seconds,
      modelEncryption: seconds,
      keys: seconds
    }),
    bytes: z.strictObject({ input: bytes, model: bytes, keysPerParty: bytes, refreshesPerParty: bytes, evaluatorMemory: bytes })
  })
})

/** How a network is evaluated: parameters, packing, weights, steps, refreshes, keys, precision and costs; JSON, the same for every party, signed by all. */
export type Plan = z.infer<typeof planSchema>

/** What a plan is derived from. */
export type PlanCore = Pick<
  Plan,
  | 'architecture'
  | 'operands'
  | 'parties'
  | 'threshold'
  | 'batch'
  | 'packing'
  | 'batchBlock'
  | 'batchBlocksPerPass'
  | 'floodingBits'
  | 'floodingBounds'
  | 'maximumDecryptions'
  | 'parameters'
  | 'steps'
> & { readonly inputScale: number; readonly inputLevel: number; readonly seededInputs: boolean }

/** @throws InvalidPlanError when the document breaks the schema */
export function parsePlanDocument(json: unknown): Plan {
  const version = versionOf(json)
  if (version !== undefined && version !== PLAN_VERSION) {
    throw new InvalidPlanError('version', `${version}, where ${PLAN_VERSION} is read here: plan anew with the release that is to read it`)
  }
  const parsed = planSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new InvalidPlanError(issue.path.join('.') || 'document', issue.message)
}

function versionOf(json: unknown): number | undefined {
  const version = typeof json === 'object' && json !== null && 'version' in json ? json.version : undefined
  return typeof version === 'number' ? version : undefined
}
