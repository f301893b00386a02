/**
 * Calls of witnesses, all from a witness to the evaluator of its epochs: what there is to follow, what it follows from, and what it comes to. Every one may be
 * repeated, after a restart of either side too.
 */
import * as z from 'zod'
import { defineCall } from '../calls/call.js'
import { attemptSchema } from '../cryptography/attempt-schema.js'
import { countSchema, identifierSchema, nonceSchema } from '../objects/signed.js'
import { CIPHERTEXTS, PART_BYTES, signatureSchema } from './calls.js'

const nothing = z.strictObject({})
/** Milliseconds that the evaluator may wait for news before it answers. */
const waitSchema = z.number().int().min(0).max(60_000)
const stepSchema = z.string().regex(/^[\w.]{1,40}$/)
const place = { query: nonceSchema, step: stepSchema }

/** Queries that run and that this witness may follow; resolves when there are others than at a version, or after a time. */
export const WITNESS_QUERIES = defineCall({
  kind: 'witness/queries',
  request: z.strictObject({ version: countSchema, wait: waitSchema }),
  reply: z.strictObject({ version: countSchema, queries: z.array(nonceSchema).max(4096) })
})

/** One of them: hashes of its inputs and of their proofs, by batch. Blobs: the signed query and grant, the key that results are switched to. */
export const WITNESS_QUERY = defineCall({
  kind: 'witness/query',
  request: z.strictObject({ query: nonceSchema }),
  reply: z.strictObject({
    inputs: z.array(identifierSchema).max(1 << 16),
    proofs: z.record(z.string().regex(/^\d{1,6}$/), identifierSchema)
  }),
  replyBlobs: { count: 3, bytes: PART_BYTES }
})

/** An input, a proof, or a holder's answer, by its SHA-256. */
export const WITNESS_FETCH = defineCall({
  kind: 'witness/fetch',
  request: z.strictObject({ query: nonceSchema, hash: identifierSchema }),
  reply: nothing,
  replyBlobs: { count: 1, bytes: PART_BYTES }
})

const stepNewsSchema = z.strictObject({
  /** The query does not run any more. */
  over: z.boolean(),
  attempt: attemptSchema.nullable(),
  asked: z.strictObject({ instance: z.string().min(1).max(1024), c1: identifierSchema, signature: signatureSchema }).nullable(),
  answered: z
    .strictObject({ shares: z.array(z.array(identifierSchema).max(CIPHERTEXTS)).max(64), signatures: z.array(signatureSchema).max(64) })
    .nullable()
})

export type StepNews = z.infer<typeof stepNewsSchema>

/**
 * How it stands with a step: its last attempt, once holders are to be asked (`asked`, with what the evaluator has signed of its request) or have answered
 * (`answered`, with the hashes of their answers and what they have signed). Resolves when there is another attempt than
 * number `known`, or the answer to that one where it is not `answered` to the witness's knowledge, or an evaluator that was started again
 * lacks its endorsement.
 */
export const WITNESS_STEP = defineCall({
  kind: 'witness/step',
  request: z.strictObject({
    ...place,
    known: z
      .number()
      .int()
      .min(-1)
      .max(1 << 16),
    answered: z.boolean(),
    wait: waitSchema
  }),
  reply: stepNewsSchema
})

/** The witness has come to the same. */
export const WITNESS_ENDORSE = defineCall({
  kind: 'witness/endorse',
  request: z.strictObject({ ...place, instance: z.string().min(1).max(1024), signature: signatureSchema }),
  reply: nothing
})

/** It does not follow a query any more, and why: an error's code and words. */
export const WITNESS_REFUSE = defineCall({
  kind: 'witness/refuse',
  request: z.strictObject({ query: nonceSchema, code: z.string().max(80), reason: z.string().max(1000) }),
  reply: nothing
})
