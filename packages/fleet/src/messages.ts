/** What coordinator and workers say to each other. */
import type { BlockJob, BlockResult } from '@slytherin/protocol/service'
import * as z from 'zod'
import { MalformedFleetMessageError } from './errors.js'

const name = z.string().regex(/^[\w.:@-]{1,200}$/)
const text = z.string().max(4000)
const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const count = z.number().int().min(0)

/** What a worker is, said again and again for as long as it is there. */
const hello = z.object({
  kind: z.literal('hello'),
  worker: name,
  host: z.string().max(256),
  software: z.string().max(64),
  variant: z.string().max(64),
  /** What it makes of the known evaluation. */
  answer: sha256,
  threads: count,
  /** Bytes for keys, weights and evaluations. */
  memory: z.number().min(0),
  /** Hashes of the means whose keys it has in memory. */
  ready: z.array(sha256).max(256),
  /** The part that it is at. */
  busy: name.nullable()
})

const kept = z.object({ space: z.string().max(128), hash: sha256, level: count, scale: z.number().positive(), degree: count })
const keptBlocks = z.array(z.array(kept))
const result: z.ZodType<BlockResult> = z.object({
  refresh: count.nullable(),
  results: keptBlocks,
  values: z.array(z.object({ value: count, blocks: keptBlocks })),
  steps: z.array(
    z.object({
      step: count,
      kind: z.string(),
      layer: z.string(),
      blocks: z.tuple([count, count]),
      seconds: z.number(),
      level: count,
      scale: z.number(),
      noise: z.number()
    })
  ) as unknown as z.ZodType<BlockResult['steps']>
})

const toCoordinator = z.discriminatedUnion('kind', [
  hello,
  z.object({ kind: z.literal('done'), worker: name, part: name, result, seconds: z.number().min(0) }),
  z.object({ kind: z.literal('failed'), worker: name, part: name, code: z.string().max(100), message: text }),
  z.object({ kind: z.literal('bye'), worker: name })
])

const toWorker = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('admitted'), coordinator: name }),
  z.object({ kind: z.literal('refused'), field: z.string().max(100), expected: text, actual: text }),
  // What a worker makes of a job that is none fails as the job does.
  z.object({ kind: z.literal('part'), part: name, job: z.custom<BlockJob>(value => typeof value === 'object' && value !== null) })
])

export type Hello = z.infer<typeof hello>
export type ToCoordinator = z.infer<typeof toCoordinator>
export type ToWorker = z.infer<typeof toWorker>

/** @throws MalformedFleetMessageError */
export const readAtCoordinator = (message: unknown): ToCoordinator => read(toCoordinator, message)

/** @throws MalformedFleetMessageError */
export const readAtWorker = (message: unknown): ToWorker => read(toWorker, message)

function read<T>(schema: z.ZodType<T>, message: unknown): T {
  const parsed = schema.safeParse(message)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new MalformedFleetMessageError(z.core.toDotPath(issue?.path ?? []) || 'message', issue?.message ?? 'something else')
}
