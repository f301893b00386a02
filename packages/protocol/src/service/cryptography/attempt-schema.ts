/** Attempts as calls carry them. */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { identifierSchema } from '../objects/signed.js'
import type { AttemptName } from './epoch.js'

const point = z.number().int().min(1).max(MAXIMUM_PARTIES)
const points = z.array(point).min(1).max(MAXIMUM_PARTIES)
const name = z.string().regex(/^[\w.:@-]{1,200}$/)

export const sharingSchema = z.strictObject({
  generation: z
    .number()
    .int()
    .min(0)
    .max(2 ** 40),
  lineage: identifierSchema,
  threshold: point,
  points
})

export const attemptSchema = z.strictObject({
  sharing: sharingSchema,
  query: name,
  step: name,
  number: z
    .number()
    .int()
    .min(0)
    .max(2 ** 40),
  active: points
}) as unknown as z.ZodType<AttemptName>
