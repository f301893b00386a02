/** Schema of worker.yaml: a further machine of an evaluator's fleet. Sizes are bytes. */
import { cacheSchema, workerFleetSchema } from '@slytherin/fleet'
import * as z from 'zod'
import { bytes, logLevel, path, threads } from './parts.js'

export const workerSchema = z.strictObject({
  /** What this worker calls itself in its log. */
  name: z.string().min(1).max(128).default('worker'),
  /** Queue and store, in the same words as at the evaluator. */
  fleet: workerFleetSchema,
  /** What of keys and encrypted models is kept on this machine. */
  cache: cacheSchema.prefault({}),
  /** Threads that share an operation; all cores when absent. Several workers on one machine divide them. */
  threads,
  /** Weights of all models that are kept in memory, ready to be computed with. */
  weightBytes: bytes.default(2 ** 30),
  /** Memory for keys, weights and evaluations: parts that take more go to other workers; four fifths of this machine's when absent. */
  memoryBytes: bytes.optional(),
  log: z.strictObject({ level: logLevel, file: path.optional() }).prefault({})
})

export type WorkerConfiguration = z.infer<typeof workerSchema>
