/** Calls of making keys: evaluator to holder, but for the last, which anybody asks the evaluator. */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { defineCall } from '../calls/call.js'
import { attemptSchema, sharingSchema } from '../cryptography/attempt-schema.js'
import { COMPLAINT, DEALT, ENTRY, SHARE_COMMITMENT } from '../objects/ceremony.js'
import { EPOCH, EPOCH_PROPOSAL } from '../objects/epoch.js'
import { countSchema, type DocumentKind, identifierSchema, type Signed, signedSchema } from '../objects/signed.js'

/** An envelope or a share of the largest ring. */
const MAXIMUM_SHARE_BYTES = 64 << 20
const MAXIMUM_SMALL_BYTES = 1 << 20

const list = <T>(kind: DocumentKind<T>): z.ZodType<Signed<T>[]> => z.array(signedSchema(kind)).max(MAXIMUM_PARTIES)
const nothing = z.strictObject({})
const ceremony = identifierSchema
const point = z.number().int().min(1).max(MAXIMUM_PARTIES)
const many = { count: MAXIMUM_PARTIES, bytes: MAXIMUM_SHARE_BYTES }
const one = { count: 1, bytes: MAXIMUM_SHARE_BYTES }

/** The evaluator's signature is under it. */
export const PROPOSE = defineCall({
  kind: 'epoch/propose',
  request: z.strictObject({ proposal: signedSchema(EPOCH_PROPOSAL) }),
  reply: z.strictObject({ proposal: signedSchema(EPOCH_PROPOSAL), entry: signedSchema(ENTRY) })
})

/** The proposal with everybody's signature, and everybody's entry, in the order of holders. */
export const OPEN = defineCall({
  kind: 'epoch/open',
  request: z.strictObject({ proposal: signedSchema(EPOCH_PROPOSAL), entries: list(ENTRY) }),
  reply: z.strictObject({ nonce: identifierSchema })
})

/** Reply: the dealer's announcement, then its envelopes in the order of holders. */
export const DEAL = defineCall({
  kind: 'epoch/deal',
  request: z.strictObject({ ceremony, nonces: z.array(identifierSchema).max(MAXIMUM_PARTIES) }),
  reply: z.strictObject({ dealt: signedSchema(DEALT) }),
  replyBlobs: { count: MAXIMUM_PARTIES + 1, bytes: MAXIMUM_SHARE_BYTES }
})

/** All announcements, then the envelopes of this receiver, in the order of dealers. */
export const RECEIVE = defineCall({
  kind: 'epoch/receive',
  request: z.strictObject({ ceremony, dealt: list(DEALT) }),
  reply: z.strictObject({ contribution: identifierSchema, complaints: list(COMPLAINT) }),
  requestBlobs: { count: 2 * MAXIMUM_PARTIES, bytes: MAXIMUM_SHARE_BYTES }
})

export const ANSWER = defineCall({
  kind: 'epoch/answer',
  request: z.strictObject({ ceremony, contributions: z.array(identifierSchema).max(MAXIMUM_PARTIES) }),
  reply: z.strictObject({ dealt: signedSchema(DEALT) }),
  replyBlobs: { count: 1, bytes: MAXIMUM_SMALL_BYTES }
})

/** All answers, in the order of dealers. */
export const CHECK = defineCall({
  kind: 'epoch/check',
  request: z.strictObject({ ceremony, dealt: list(DEALT) }),
  reply: z.strictObject({ complaints: list(COMPLAINT) }),
  requestBlobs: { count: MAXIMUM_PARTIES, bytes: MAXIMUM_SMALL_BYTES }
})

/** To a dealer that is complained of. */
export const DISPUTE = defineCall({
  kind: 'epoch/dispute',
  request: z.strictObject({ ceremony, complaint: signedSchema(COMPLAINT) }),
  reply: nothing,
  replyBlobs: { count: 1, bytes: 64 }
})

/** To a receiver that complains: the envelope as it came to it. */
export const ENVELOPE = defineCall({
  kind: 'epoch/envelope',
  request: z.strictObject({ ceremony, dealer: point }),
  reply: nothing,
  replyBlobs: one
})

/** To everybody: the receiver's envelope, and what the dealer opened it with, if it did. */
export const JUDGE = defineCall({
  kind: 'epoch/judge',
  request: z.strictObject({ ceremony, complaint: signedSchema(COMPLAINT) }),
  reply: z.strictObject({ guilty: z.enum(['dealer', 'receiver']), point, because: z.string().max(300) }),
  requestBlobs: { count: 2, bytes: MAXIMUM_SHARE_BYTES }
})

export const COMPLETE = defineCall({ kind: 'epoch/complete', request: z.strictObject({ ceremony }), reply: sharingSchema })

export const PUBLIC_KEY_COMMIT = defineCall({
  kind: 'epoch/public-key-commit',
  request: z.strictObject({ ceremony, attempt: attemptSchema }),
  reply: z.strictObject({ commitment: signedSchema(SHARE_COMMITMENT) })
})

export const PUBLIC_KEY_SHOW = defineCall({
  kind: 'epoch/public-key-show',
  request: z.strictObject({ ceremony, attempt: attemptSchema, commitments: list(SHARE_COMMITMENT) }),
  reply: nothing,
  replyBlobs: one
})

/** To every holder: the shares of the active ones, in the order of their points. */
export const PUBLIC_KEY_SUM = defineCall({
  kind: 'epoch/public-key-sum',
  request: z.strictObject({ ceremony, attempt: attemptSchema, commitments: list(SHARE_COMMITMENT) }),
  reply: z.strictObject({ hash: identifierSchema }),
  requestBlobs: many
})

export const SIGN_RECORD = defineCall({
  kind: 'epoch/sign',
  request: z.strictObject({ ceremony, record: signedSchema(EPOCH) }),
  reply: z.strictObject({ record: signedSchema(EPOCH) })
})

/** The record with everybody's signature: the epoch is in force. */
export const KEEP_RECORD = defineCall({ kind: 'epoch/keep', request: z.strictObject({ record: signedSchema(EPOCH) }), reply: nothing })

/** It will not come to anything: who is to blame, and why. */
export const ABANDON = defineCall({
  kind: 'epoch/abandon',
  request: z.strictObject({ ceremony, culprit: z.string().max(512), reason: z.string().max(600) }),
  reply: nothing
})

const level = z.number().int().min(0).max(64)
const keyPlace = { epoch: identifierSchema, attempt: attemptSchema, level }

export const ONE_COMMIT = defineCall({
  kind: 'key/one-commit',
  request: z.strictObject(keyPlace),
  reply: z.strictObject({ commitment: signedSchema(SHARE_COMMITMENT) })
})

export const ONE_SHOW = defineCall({
  kind: 'key/one-show',
  request: z.strictObject({ ...keyPlace, commitments: list(SHARE_COMMITMENT) }),
  reply: nothing,
  replyBlobs: one
})

/** The active holders' shares of round one: each sums them itself. */
export const TWO = defineCall({
  kind: 'key/two',
  request: z.strictObject({ ...keyPlace, commitments: list(SHARE_COMMITMENT) }),
  reply: z.strictObject({ commitment: signedSchema(SHARE_COMMITMENT) }),
  requestBlobs: many,
  replyBlobs: one
})

export const GALOIS = defineCall({
  kind: 'key/galois',
  request: z.strictObject({ ...keyPlace, element: countSchema }),
  reply: z.strictObject({ commitment: signedSchema(SHARE_COMMITMENT) }),
  replyBlobs: one
})

export const PUBLIC_KEY = defineCall({
  kind: 'epoch/public-key',
  request: z.strictObject({ epoch: identifierSchema }),
  reply: nothing,
  replyBlobs: one
})

const keyNameSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('relinearization'), level: z.number().int().min(0).max(64) }),
  z.strictObject({ kind: z.literal('galois'), level: z.number().int().min(0).max(64), element: countSchema })
])

/** A witness to the evaluator: the keys that it uses, by the SHA-256 of each. */
export const KEYS_IN_USE = defineCall({
  kind: 'key/in-use',
  request: z.strictObject({ epoch: identifierSchema }),
  reply: z.strictObject({ keys: z.array(z.strictObject({ key: keyNameSchema, hash: identifierSchema })).max(8192) })
})

/** What a key was summed from: what the active holders have signed of their shares. */
export const KEY_SHARES = defineCall({
  kind: 'key/shares',
  request: z.strictObject({ epoch: identifierSchema, hash: identifierSchema }),
  reply: z.strictObject({ attempt: keyPlace.attempt, ones: list(SHARE_COMMITMENT), shares: list(SHARE_COMMITMENT) })
})

/** One of these shares. */
export const KEY_SHARE = defineCall({
  kind: 'key/share',
  request: z.strictObject({ epoch: identifierSchema, hash: identifierSchema }),
  reply: nothing,
  replyBlobs: one
})

/** The epoch's evaluator asks a holder what of its budgets is spent, by that holder's count. */
export const SPENT = defineCall({
  kind: 'epoch/spent',
  request: z.strictObject({ epoch: identifierSchema }),
  reply: z.strictObject({ decryptions: countSchema, refreshes: countSchema })
})
