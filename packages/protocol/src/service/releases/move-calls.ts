/**
 * Calls of moving releases to the epoch that follows: evaluator to holder of the old key; and witness to evaluator, for what it makes the moved parts of itself. Every one
 * may be repeated, after a restart of either side too.
 */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { PROOF_BATCH } from '../../terms/proof-batches.js'
import { defineCall } from '../calls/call.js'
import { attemptSchema } from '../cryptography/attempt-schema.js'
import { RELEASE } from '../objects/release.js'
import { countSchema, identifierSchema, nonceSchema, signedSchema } from '../objects/signed.js'

/** Of a part, a share or a proof: what the largest rings make, with room. */
const PART_BYTES = 64 << 20

const nothing = z.strictObject({})
const release = identifierSchema
const one = { count: 1, bytes: PART_BYTES }

/** Attempts at one move, as holders allow: each one after a holder was lost. */
export const MOVE_ATTEMPTS = 4
/** The step of an attempt at a move. */
export const MOVE_STEP = 'move'

/** As attempts call a move: unique in the epoch. */
export function moveQuery(from: string, to: string): string {
  return `move:${from.slice(0, 32)}:${to.slice(0, 32)}`
}

/** `release` is what is moved, `nonce` that of what comes of it. */
export const MOVE_BEGIN = defineCall({
  kind: 'move/begin',
  request: z.strictObject({ release, to: identifierSchema, nonce: nonceSchema, attempt: attemptSchema }),
  reply: nothing
})

/** The part as it is in the release; reply: the holder's share of its switch. */
export const MOVE_SHARE = defineCall({
  kind: 'move/share',
  request: z.strictObject({ release, number: countSchema, index: countSchema }),
  reply: nothing,
  requestBlobs: one,
  replyBlobs: one
})

/** When all shares of a batch were given since the move was begun. */
export const MOVE_PROOF = defineCall({
  kind: 'move/proof',
  request: z.strictObject({ release, number: countSchema, batch: countSchema }),
  reply: nothing,
  replyBlobs: one
})

/** What has come of it: each holder signs that the shares in it are those that it gave. */
export const MOVE_SIGN = defineCall({
  kind: 'move/sign',
  request: z.strictObject({ release, number: countSchema, moved: signedSchema(RELEASE) }),
  reply: z.strictObject({ moved: signedSchema(RELEASE) })
})

/** At a witness of the epoch that was moved to: how a batch of a moved release came about. Hashes of shares by holder, in the order of the document, and of their proofs. */
export const MOVE_COPY = defineCall({
  kind: 'move/copy',
  request: z.strictObject({ release, batch: countSchema }),
  reply: z.strictObject({
    number: countSchema,
    shares: z.array(z.array(identifierSchema).max(PROOF_BATCH)).max(MAXIMUM_PARTIES),
    proofs: z.array(identifierSchema).max(MAXIMUM_PARTIES)
  })
})

/** A share or a proof, by its hash. */
export const MOVE_COPY_FETCH = defineCall({
  kind: 'move/copy-fetch',
  request: z.strictObject({ release, hash: identifierSchema }),
  reply: nothing,
  replyBlobs: one
})
