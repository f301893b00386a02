/**
 * What a key epoch fixes for every model that is planned into it: ring and chain, flooding, and the evaluation keys that its holders have made. A key of a level serves all
 * levels below it, so that a plan lacks a key where there is none of its element, or one for lower levels only.
 */
import type { ParametersJson } from '@slytherin/ckks'
import * as z from 'zod'
import { InvalidInputError } from '../errors.js'
import { galoisKeyNeedSchema, level } from '../steps/step.js'
import { parametersSchema } from './plan.js'

/** Evaluation keys by what they are for. */
export interface EvaluationKeyNames {
  /** of the relinearisation key; null for none */
  readonly relinearizationLevel: number | null
  /** ascending by element */
  readonly galois: readonly { readonly element: number; readonly level: number }[]
}

export interface EpochKeys extends EvaluationKeyNames {
  readonly parameters: ParametersJson
  /** s of every switch in the epoch */
  readonly floodingBits: number
  /** τ of the epoch */
  readonly maximumDecryptions: number
}

export const NO_KEYS: EvaluationKeyNames = { relinearizationLevel: null, galois: [] }

/** What a plan says that it needs. */
interface KeyNeeds {
  readonly galoisKeys: EvaluationKeyNames['galois']
  readonly relinearizationLevel: number | null
}

const epochKeysSchema = z.strictObject({
  parameters: parametersSchema,
  relinearizationLevel: level.nullable(),
  galois: z.array(galoisKeyNeedSchema).max(4096),
  floodingBits: z.number().min(1).max(256),
  maximumDecryptions: z.int().min(1).max(Number.MAX_SAFE_INTEGER)
})

/** @throws InvalidInputError naming the field */
export function parseEpochKeys(json: unknown): EpochKeys {
  const parsed = epochKeysSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new InvalidInputError(`epoch keys: ${issue.path.join('.') || 'document'}`, 'the key terms of an epoch', issue.message)
}

/** What an epoch must still make before a plan runs in it: elements with levels, and the relinearisation key where there is none or too low a one. */
export function missingKeys(needed: KeyNeeds, held: EvaluationKeyNames): EvaluationKeyNames {
  const levels = galoisLevels(held)
  const { relinearizationLevel } = needed
  const relinearizes = relinearizationLevel !== null && relinearizationLevel > (held.relinearizationLevel ?? -1)
  return {
    relinearizationLevel: relinearizes ? relinearizationLevel : null,
    galois: needed.galoisKeys.filter(key => key.level > (levels.get(key.element) ?? -1))
  }
}

/** Level by element. */
export const galoisLevels = ({ galois }: EvaluationKeyNames): Map<number, number> =>
  new Map(galois.map(({ element, level: of }) => [element, of]))

/** All keys of both, each at the higher of its levels. */
export function joinKeys(a: EvaluationKeyNames, b: EvaluationKeyNames): EvaluationKeyNames {
  const levels = galoisLevels(a)
  for (const { element, level: of } of b.galois) levels.set(element, Math.max(of, levels.get(element) ?? -1))
  const relinearization = Math.max(a.relinearizationLevel ?? -1, b.relinearizationLevel ?? -1)
  return {
    relinearizationLevel: relinearization < 0 ? null : relinearization,
    galois: [...levels].map(([element, of]) => ({ element, level: of })).sort((x, y) => x.element - y.element)
  }
}
