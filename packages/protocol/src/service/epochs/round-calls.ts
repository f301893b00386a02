/** Calls of making shares anew: evaluator to those who deal and those dealt to. */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { defineCall } from '../calls/call.js'
import { attemptSchema } from '../cryptography/attempt-schema.js'
import { COMPLAINT, DEALT, ENTRY } from '../objects/ceremony.js'
import { SHARING } from '../objects/epoch.js'
import { ROUND } from '../objects/round.js'
import { type DocumentKind, identifierSchema, type Signed, signedSchema } from '../objects/signed.js'

const MAXIMUM_SHARE_BYTES = 64 << 20
const list = <T>(kind: DocumentKind<T>): z.ZodType<Signed<T>[]> => z.array(signedSchema(kind)).max(MAXIMUM_PARTIES)
const nothing = z.strictObject({})
const round = identifierSchema
const points = z.array(z.number().int().min(1).max(MAXIMUM_PARTIES)).max(MAXIMUM_PARTIES)

export const ENTER = defineCall({
  kind: 'sharing/enter',
  request: z.strictObject({ proposal: signedSchema(ROUND) }),
  reply: z.strictObject({ entry: signedSchema(ENTRY) })
})

/** To dealers: all entries, in the order of `participants`. Reply: the announcement, then envelopes in the order of holders. */
export const ROUND_DEAL = defineCall({
  kind: 'sharing/deal',
  request: z.strictObject({ round, entries: list(ENTRY) }),
  reply: z.strictObject({ dealt: signedSchema(DEALT) }),
  replyBlobs: { count: MAXIMUM_PARTIES + 1, bytes: MAXIMUM_SHARE_BYTES }
})

/** To everybody: all announcements, and to those dealt to their envelopes, in the order of dealers. */
export const ROUND_RECEIVE = defineCall({
  kind: 'sharing/receive',
  request: z.strictObject({ round, entries: list(ENTRY), dealt: list(DEALT) }),
  reply: z.strictObject({ contribution: identifierSchema }),
  requestBlobs: { count: 2 * MAXIMUM_PARTIES, bytes: MAXIMUM_SHARE_BYTES }
})

export const ROUND_ANSWER = defineCall({
  kind: 'sharing/answer',
  request: z.strictObject({ round, contributions: z.array(identifierSchema).max(MAXIMUM_PARTIES) }),
  reply: z.strictObject({ dealt: signedSchema(DEALT) }),
  replyBlobs: { count: 1, bytes: 1 << 20 }
})

/** To those dealt to: all answers, in the order of dealers. Reply: complaints, and dealers of whom everybody sees that their dealing is none. */
export const ROUND_CHECK = defineCall({
  kind: 'sharing/check',
  request: z.strictObject({ round, contributions: z.array(identifierSchema).max(MAXIMUM_PARTIES), dealt: list(DEALT) }),
  reply: z.strictObject({ complaints: list(COMPLAINT), wrong: points }),
  requestBlobs: { count: MAXIMUM_PARTIES, bytes: 1 << 20 }
})

/** To who complains: the envelope as it came. */
export const ROUND_ENVELOPE = defineCall({
  kind: 'sharing/envelope',
  request: z.strictObject({ round, dealer: z.number().int().min(1).max(MAXIMUM_PARTIES) }),
  reply: nothing,
  replyBlobs: { count: 1, bytes: MAXIMUM_SHARE_BYTES }
})

/** To the dealer that is complained of. */
export const ROUND_DISPUTE = defineCall({
  kind: 'sharing/dispute',
  request: z.strictObject({ round, complaint: signedSchema(COMPLAINT) }),
  reply: nothing,
  replyBlobs: { count: 1, bytes: 64 }
})

/** To those dealt to: the envelope, and what the dealer opened it with, if it did. */
export const ROUND_JUDGE = defineCall({
  kind: 'sharing/judge',
  request: z.strictObject({ round, complaint: signedSchema(COMPLAINT) }),
  reply: z.strictObject({ guilty: z.enum(['dealer', 'receiver']), point: z.number().int(), because: z.string().max(300) }),
  requestBlobs: { count: 2, bytes: MAXIMUM_SHARE_BYTES }
})

export const ROUND_COMPLETE = defineCall({
  kind: 'sharing/complete',
  request: z.strictObject({ round, accepted: points }),
  reply: z.strictObject({ lineage: identifierSchema })
})

export const ROUND_TEST = defineCall({
  kind: 'sharing/test',
  request: z.strictObject({ round, attempt: attemptSchema }),
  reply: nothing,
  requestBlobs: { count: 1, bytes: MAXIMUM_SHARE_BYTES },
  replyBlobs: { count: 1, bytes: MAXIMUM_SHARE_BYTES }
})

export const ROUND_SIGN = defineCall({
  kind: 'sharing/sign',
  request: z.strictObject({ round, record: signedSchema(SHARING) }),
  reply: z.strictObject({ record: signedSchema(SHARING) })
})

export const ROUND_KEEP = defineCall({
  kind: 'sharing/keep',
  request: z.strictObject({ record: signedSchema(SHARING) }),
  reply: nothing
})
