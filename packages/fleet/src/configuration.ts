/** How a fleet is configured: the same words at the evaluator and at its workers. */
import * as z from 'zod'

const path = z.string().min(1)
const bytes = z.number().int().min(0)

/** A Redis or Valkey server, without a password: that is in a file or a variable. */
const redisUrl = z.url({ protocol: /^rediss?$/, error: 'expected a URL redis://HOST:PORT or rediss://HOST:PORT' }).refine(
  url => {
    try {
      return new URL(url).password === ''
    } catch {
      return true
    }
  },
  { error: 'expected a URL without a password: use "redisPasswordFile" or "redisPasswordEnvironment"' }
)

const store = z
  .strictObject({
    /** That all machines of the fleet see under this name. */
    directory: path.optional(),
    /** A bucket of an S3-compatible service; credentials come from where the AWS SDK looks for them. */
    s3: z
      .strictObject({
        bucket: z.string().min(1),
        /** Before every key. */
        prefix: z
          .string()
          .regex(/^[\w.-]+(\/[\w.-]+)*$/)
          .optional(),
        region: z.string().min(1).optional(),
        endpoint: z.url().optional(),
        pathStyle: z.boolean().default(false)
      })
      .optional()
  })
  .refine(({ directory, s3 }) => (directory === undefined) !== (s3 === undefined), {
    error: 'expected exactly one of "directory" and "s3"'
  })

const connection = {
  /** Fleets that share a Redis have different names. */
  name: z
    .string()
    .regex(/^[\w-]{1,64}$/, { error: 'expected letters, digits, hyphens and underscores' })
    .default('fleet'),
  redis: redisUrl,
  redisPasswordFile: path.optional(),
  redisPasswordEnvironment: z.string().min(1).optional(),
  /** Where keys, encrypted parts and what is between two parts of an evaluation lie. */
  store
}

/** At the evaluator. */
export const fleetSchema = z.strictObject({
  ...connection,
  /** Whether the evaluator does parts of evaluations, too. */
  here: z.boolean().default(true),
  /** Queries that are evaluated at the same time. */
  queries: z.number().int().min(1).max(256).default(8),
  /** Share of parts that a second machine does again, to find one that comes to wrong results. */
  check: z.number().min(0).max(1).default(0.01),
  /** Whether models that are clear at the evaluator may be in the store, in the clear, for workers to compute with. */
  clearModels: z.boolean().default(false),
  /** Longest that a part should take, seconds: about what a small query waits for while a large one runs. */
  partSeconds: z.number().positive().default(30)
})

/** At a worker. */
export const workerFleetSchema = z.strictObject(connection)

/** What a worker keeps on its own machine of what it has fetched. */
export const cacheSchema = z.strictObject({
  directory: path.optional(),
  diskBytes: bytes.default(50e9),
  memoryBytes: bytes.default(2 ** 28)
})

/** `fleet` in the evaluator's party.yaml, with defaults filled in. */
export type FleetConfiguration = z.infer<typeof fleetSchema>
/** `fleet` in a worker's configuration: which queue and which store. */
export type WorkerFleetConfiguration = z.infer<typeof workerFleetSchema>
