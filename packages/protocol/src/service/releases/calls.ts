/** Calls of publishing a model: owner to evaluator. Every one may be repeated, after a restart of either side too. */
import * as z from 'zod'
import type { Plan } from '../../terms/plan.js'
import { PROOF_BATCH } from '../../terms/proof-batches.js'
import { defineCall } from '../calls/call.js'
import type { GaloisKeyName } from '../objects/epoch.js'
import { countSchema, identifierSchema, nameSchema, nonceSchema } from '../objects/signed.js'

/** Of a part, a key or a proof: what the largest rings make, with room. */
const MAXIMUM_PART_BYTES = 64 << 20

const levelSchema = z.number().int().min(0).max(64)
/** Evaluation keys of an epoch: level of the relinearisation key or null, Galois keys. */
export const keysSchema = z.strictObject({
  relinearizationLevel: levelSchema.nullable(),
  galois: z.array(z.strictObject({ element: countSchema, level: levelSchema })).max(4096)
}) as unknown as z.ZodType<{ relinearizationLevel: number | null; galois: GaloisKeyName[] }>

const nothing = z.strictObject({})

/** What a model is planned into: the evaluation keys that there are; the public key comes along. */
export const EPOCH_KEYS = defineCall({
  kind: 'release/epoch-keys',
  request: z.strictObject({ epoch: identifierSchema }),
  reply: keysSchema,
  replyBlobs: { count: 1, bytes: MAXIMUM_PART_BYTES }
})

const draftSchema = z.strictObject({
  epoch: identifierSchema,
  name: nameSchema,
  revision: nameSchema,
  nonce: nonceSchema,
  plan: z.json() as unknown as z.ZodType<Plan>
})

/** Begins an upload, or goes on with it. */
export const BEGIN = defineCall({ kind: 'release/begin', request: draftSchema, reply: nothing })

const place = { epoch: identifierSchema, nonce: nonceSchema }

/** How far a batch (terms/proof-batches.ts) has come: hashes of its parts, where they are there, and whether they are proved. */
export const BATCH = defineCall({
  kind: 'release/batch',
  request: z.strictObject({ ...place, batch: countSchema }),
  reply: z.strictObject({ parts: z.array(identifierSchema.nullable()).max(PROOF_BATCH), proved: z.boolean() })
})

/** One encrypted part of the model, by its index and SHA-256. */
export const PART = defineCall({
  kind: 'release/part',
  request: z.strictObject({ ...place, index: countSchema, hash: identifierSchema }),
  reply: nothing,
  requestBlobs: { count: 1, bytes: MAXIMUM_PART_BYTES }
})

/** Proof that the parts of a batch are encryptions, once all of them are there. */
export const PROOF = defineCall({
  kind: 'release/proof',
  request: z.strictObject({ ...place, batch: countSchema }),
  reply: nothing,
  requestBlobs: { count: 1, bytes: MAXIMUM_PART_BYTES }
})

/** States of a release, as `ReleaseState` explains them. */
export const RELEASE_STATES = ['keys', 'ready', 'withdrawn', 'damaged'] as const

/**
 * `keys`: evaluation keys that the epoch lacked are being made; `ready`: it may be asked; `withdrawn` by its owner; `damaged`: parts of it are lost.
 */
export type ReleaseState = (typeof RELEASE_STATES)[number]

const stateSchema = z.strictObject({
  release: identifierSchema,
  state: z.enum(RELEASE_STATES),
  /** Why it is not ready yet, where that is known. */
  reason: z.string().max(1000)
})

/** The signed release, as a blob: everything has been sent. */
export const SIGN = defineCall({
  kind: 'release/sign',
  request: nothing,
  reply: stateSchema,
  requestBlobs: { count: 1, bytes: 8 << 20 }
})

/** How a release stands at the evaluator. */
export const STATE = defineCall({ kind: 'release/state', request: z.strictObject({ release: identifierSchema }), reply: stateSchema })

/** A witness to the evaluator: proofs of a release's batches, by their SHA-256; none where its owner proves nothing. */
export const PROOFS = defineCall({
  kind: 'release/proofs',
  request: z.strictObject({ release: identifierSchema }),
  reply: z.strictObject({ proofs: z.array(identifierSchema).max(1 << 16) })
})

/** A part of a release, or a proof, by its SHA-256. */
export const FETCH = defineCall({
  kind: 'release/fetch',
  request: z.strictObject({ release: identifierSchema, hash: identifierSchema }),
  reply: nothing,
  replyBlobs: { count: 1, bytes: MAXIMUM_PART_BYTES }
})
