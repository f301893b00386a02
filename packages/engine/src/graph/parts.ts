/**
 * Several inputs or outputs of one network, by name. Under encryption there is one row in and one row out: inputs stand in it one after the other, in the order of the
 * file, and so do the logits of all outputs. Whoever asks joins inputs before encryption, and reads answers part by part after decryption.
 */
import * as z from 'zod'
import { InvalidInputError } from '../errors.js'
import { finalOperatorSchema, MAXIMUM_FINAL_OPERATORS } from './final.js'
import { sizeOf } from './geometry.js'
import { type OutputPart, taskSchema } from './task.js'

const MAXIMUM_PARTS = 64
const MAXIMUM_SIZE = 2 ** 24

/** Names travel to queriers, who print them: no control characters, nothing endless. */
const partName = z
  .string()
  .min(1)
  .max(256)
  .regex(/^\P{Cc}*$/u, { error: 'expected text without control characters' })
const size = z.int().min(1).max(MAXIMUM_SIZE)

const named = <T extends z.ZodType<{ name: string }>>(part: T) =>
  z
    .array(part)
    .min(2)
    .max(MAXIMUM_PARTS)
    .refine(parts => new Set(parts.map(({ name }) => name)).size === parts.length, { error: 'expected names that differ' })

/** Inputs by name, in the order in which they stand in a row. */
export const inputPartsSchema = named(z.strictObject({ name: partName, shape: z.array(size).max(8) }))

/** Outputs by name, in the order in which their logits stand in a row. */
export const outputPartsSchema = named(
  z.strictObject({
    name: partName,
    /** logits of it */
    features: size,
    final: z.array(finalOperatorSchema).max(MAXIMUM_FINAL_OPERATORS),
    task: taskSchema
  })
)

/** One of several inputs. */
export interface InputPart {
  readonly name: string
  /** of one sample */
  readonly shape: readonly number[]
}

/** Numbers of all inputs together, or logits of all outputs. */
export const inputsSize = (parts: readonly InputPart[]): number => parts.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
export const outputsSize = (parts: readonly OutputPart[]): number => parts.reduce((sum, { features }) => sum + features, 0)

/**
 * The row that a sample is, of its inputs by name.
 * @param inputs values of each input, row-major
 * @throws InvalidInputError for an input that is missing, unknown or of another size
 */
export function joinInputs(parts: readonly InputPart[], inputs: Readonly<Record<string, ArrayLike<number>>>): Float64Array {
  const known = parts.map(({ name }) => name)
  const unknown = Object.keys(inputs).find(name => !known.includes(name))
  if (unknown !== undefined) throw new InvalidInputError(`input '${unknown}'`, `one of ${known.join(', ')}`, 'another name')
  const row = new Float64Array(inputsSize(parts))
  let start = 0
  for (const { name, shape } of parts) {
    const values = Object.hasOwn(inputs, name) ? inputs[name] : undefined
    const wanted = sizeOf(shape)
    if (values?.length !== wanted)
      throw new InvalidInputError(`input '${name}'`, `${wanted} values (${shape.join('×') || 'one number'})`, `${values?.length ?? 'none'}`)
    row.set(values, start)
    start += wanted
  }
  return row
}
