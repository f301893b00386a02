/**
 * Inference requests of the Open Inference Protocol: JSON, or with the binary tensor extension JSON of `Inference-Header-Content-Length` bytes, and behind it the
 * data of all inputs that have a `binary_data_size`, in their order.
 */
import * as z from 'zod'
import { Problem } from '../http/problem.js'
import { sizeOf } from '../tensors/decode.js'

const parameters = z.record(z.string().max(256), z.unknown())
const shape = z
  .array(
    z
      .number()
      .int()
      .min(0)
      .max(2 ** 31)
  )
  .max(16)

const requestSchema = z.object({
  id: z.string().max(1024).optional(),
  parameters: parameters.optional(),
  inputs: z
    .array(
      z.object({
        name: z.string().max(256),
        shape,
        datatype: z.string().max(16),
        parameters: parameters.optional(),
        data: z.unknown().optional()
      })
    )
    .min(1)
    .max(16),
  outputs: z
    .array(z.object({ name: z.string().max(256), parameters: parameters.optional() }))
    .max(64)
    .optional()
})

export interface RequestedInput {
  readonly name: string
  readonly shape: readonly number[]
  readonly datatype: string
  /** As in JSON, where there are no bytes. */
  readonly data?: unknown
  readonly bytes?: Uint8Array
}

export interface RequestedOutput {
  readonly name: string
  readonly binary: boolean
}

export interface InferenceRequest {
  readonly id: string | undefined
  readonly inputs: readonly RequestedInput[]
  /** Undefined where none are named: all are meant. */
  readonly outputs: readonly RequestedOutput[] | undefined
  /** Whether outputs that say nothing of it are wanted as binary data. */
  readonly binary: boolean
}

/** @param headerLength of `Inference-Header-Content-Length`, where there is one @throws Problem */
export function parseInferenceRequest(body: Uint8Array, headerLength: string | undefined): InferenceRequest {
  const length = headerLength === undefined ? body.length : Number(headerLength)
  if (!/^\d{1,12}$/.test(headerLength ?? '0') || length > body.length) {
    throw malformed('Inference-Header-Content-Length', `a number of bytes, at most the ${body.length} of the body`)
  }
  const parsed = requestSchema.safeParse(jsonOf(body.subarray(0, length)))
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!
    throw malformed(path.join('.') || 'body', message)
  }
  const { id, inputs, outputs, parameters: common } = parsed.data
  const binary = flag(common, 'binary_data_output') ?? false
  let offset = length
  const read = inputs.map(({ name, shape: sizes, datatype, parameters: own, data }, k): RequestedInput => {
    refuseSharedMemory(own, `inputs.${k}`)
    // Every element takes a byte at least: a shape cannot make room be laid out that the body does not fill.
    if (sizeOf(sizes) > body.length) throw malformed(`inputs.${k}.shape`, 'no more elements than the body has bytes')
    const size = own?.['binary_data_size']
    if (size === undefined) return { name, shape: sizes, datatype, data }
    if (!Number.isSafeInteger(size) || (size as number) < 0 || offset + (size as number) > body.length) {
      throw malformed(`inputs.${k}.parameters.binary_data_size`, `at most the ${body.length - offset} bytes that are left of the body`)
    }
    if (data !== undefined) throw malformed(`inputs.${k}`, 'either "data" or "binary_data_size"')
    const bytes = body.subarray(offset, offset + (size as number))
    offset += size as number
    return { name, shape: sizes, datatype, bytes }
  })
  if (offset !== body.length) throw malformed('body', `${offset} bytes, as the request says, and it has ${body.length}`)
  return {
    id,
    inputs: read,
    binary,
    outputs: outputs?.map(({ name, parameters: own }, k) => {
      refuseSharedMemory(own, `outputs.${k}`)
      return { name, binary: flag(own, 'binary_data') ?? binary }
    })
  }
}

const text = new TextDecoder('utf-8', { fatal: true })

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(text.decode(bytes))
  } catch {
    // Its message would quote the body.
    throw malformed('body', 'JSON')
  }
}

function flag(given: Readonly<Record<string, unknown>> | undefined, name: string): boolean | undefined {
  const value = given?.[name]
  if (value === undefined || typeof value === 'boolean') return value
  throw malformed(`parameters.${name}`, 'true or false')
}

function refuseSharedMemory(given: Readonly<Record<string, unknown>> | undefined, where: string): void {
  if (given !== undefined && Object.hasOwn(given, 'shared_memory_region')) {
    throw malformed(`${where}.parameters`, 'no shared memory: this gateway reads data from the request')
  }
}

function malformed(where: string, expected: string): Problem {
  return new Problem('malformed-request', `${where}: expected ${expected}`, { members: { field: where, expected } })
}
