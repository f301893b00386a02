/** What a page is told of its cohort by whoever serves it. A roster is a matter of trust, as it is at every party: it comes with the page, from the page's author. */
import { ROLES } from '@slytherin/protocol'
import * as z from 'zod'
import { MalformedInputError } from '../errors.js'

const peer = z.string().regex(/^12D3KooW[1-9A-HJ-NP-Za-km-z]{20,60}$/)

const schema = z.strictObject({
  version: z.literal(1),
  /** Release of the software that the page is of. */
  software: z.string().max(64),
  evaluator: z.strictObject({
    peer,
    /** Where its WebSockets are. */
    url: z.string().regex(/^wss?:\/\/[^\s]{1,300}$/)
  }),
  roster: z
    .array(z.strictObject({ peer, name: z.string().min(1).max(128), roles: z.array(z.enum(ROLES)).min(1) }))
    .min(1)
    .max(1024)
})

export type CohortTerms = z.infer<typeof schema>

/** @throws MalformedInputError, naming the field */
export function readCohortTerms(json: unknown): CohortTerms {
  const { success, data, error } = schema.safeParse(json)
  if (!success) {
    const [issue] = error.issues
    throw new MalformedInputError('cohort', issue?.path.join('.') || 'cohort', issue?.message ?? 'of its schema')
  }
  const { peer: evaluator } = data.evaluator
  if (!data.roster.some(entry => entry.peer === evaluator && entry.roles.includes('evaluator'))) {
    throw new MalformedInputError('cohort', 'evaluator.peer', 'an evaluator of the roster')
  }
  return data
}
