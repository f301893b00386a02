/** Bodies as the OpenAPI document describes them. */
import * as z from 'zod'
import { DATATYPES } from '../tensors/datatypes.js'
import { PROBLEMS, type ProblemKind } from './problem.js'

const datatype = z.enum(['BOOL', ...DATATYPES.keys(), 'BYTES'].filter((name, k, all) => all.indexOf(name) === k) as [string, ...string[]])
const shape = z.array(z.number().int())
const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
const tensorData = z.array(z.unknown()).describe('flat, row-major, or nested as the shape says')

export const serverMetadata = z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) })
export const modelIndex = z.object({
  models: z.array(z.object({ name: z.string(), versions: z.array(z.string()), owner: z.string(), batch: z.number().int() }))
})
export const repositoryIndex = z.array(z.object({ name: z.string(), version: z.string(), state: z.string(), reason: z.string() }))
const tensorMetadata = z.object({ name: z.string(), datatype, shape: shape.describe('-1 for what a request says') })
export const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata)
})
export const liveness = z.object({ live: z.boolean() })
export const readiness = z.object({ ready: z.boolean() })
export const modelReadiness = z.object({ name: z.string(), ready: z.boolean() })

export const inferenceRequest = z
  .object({
    id: z.string().optional().describe('comes back in the response'),
    parameters: parameters.optional().describe('binary_data_output: whether outputs that say nothing of it come as binary data'),
    inputs: z.array(
      z.object({
        name: z.string(),
        shape: shape.describe('samples first'),
        datatype,
        parameters: parameters.optional().describe('binary_data_size: bytes of this input behind the JSON'),
        data: tensorData.optional()
      })
    ),
    outputs: z
      .array(z.object({ name: z.string(), parameters: parameters.optional().describe('binary_data: whether it comes as binary data') }))
      .optional()
      .describe('all that the model has when absent')
  })
  .describe('With the header Inference-Header-Content-Length, so many bytes of this and binary data behind it')

export const inferenceResponse = z.object({
  model_name: z.string(),
  model_version: z.string(),
  id: z.string().optional(),
  outputs: z.array(z.object({ name: z.string(), shape, datatype, parameters: parameters.optional(), data: tensorData.optional() }))
})

const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    error: z.string().describe('the detail again, where clients of the Open Inference Protocol look for it')
  })
  .describe('Problem details, RFC 9457')

/** As JSON Schema, without what says which dialect it is. */
export function jsonSchema(schema: z.ZodType): Record<string, unknown> {
  const { $schema: _dialect, ...plain } = z.toJSONSchema(schema, { target: 'draft-2020-12' })
  return plain
}

/** Responses of a route: what it answers, and the problems that it may answer instead. */
export function responses(answer: z.ZodType, ...kinds: readonly ProblemKind[]): Record<string, unknown> {
  const byStatus = new Map<number, ProblemKind[]>()
  for (const kind of kinds) byStatus.set(PROBLEMS[kind].status, [...(byStatus.get(PROBLEMS[kind].status) ?? []), kind])
  const content = { 'application/problem+json': { schema: jsonSchema(problem) } }
  const problems = [...byStatus].map(([status, some]) => [
    status,
    { description: some.map(kind => `${PROBLEMS[kind].title} (${kind})`).join('; '), content }
  ])
  return {
    200: { description: 'as asked', content: { 'application/json': { schema: jsonSchema(answer) } } },
    ...Object.fromEntries(problems)
  }
}
