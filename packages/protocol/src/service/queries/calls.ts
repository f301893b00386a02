/**
 * Calls of queries. Every one may be repeated, after a restart of either side too.
 *
 *   sender or querier → evaluator   open · input · proof · submit · status · cancel · result · fetched
 *   evaluator → key holder          announce · refresh · switch, several of these two in one message: joint-call.ts
 *   witness → evaluator             witness-calls.ts
 */
import * as z from 'zod'
import { defineCall } from '../calls/call.js'
import { attemptSchema } from '../cryptography/attempt-schema.js'
import { countSchema, identifierSchema, nonceSchema, peerSchema } from '../objects/signed.js'

/** Of an input, a component, a share or a key: what the largest rings make, with room. */
export const PART_BYTES = 64 << 20
/** All ciphertexts of one refresh or result together. */
export const REQUEST_BYTES = 2 ** 31
/** Most ciphertexts of one refresh or of a result. */
export const CIPHERTEXTS = 2048

const nothing = z.strictObject({})
/** A signature in hexadecimal, up to 512 bytes. */
export const signatureSchema = z.string().regex(/^([0-9a-f]{2}){1,512}$/)

/** States of a query, as `QueryState` explains them. */
export const QUERY_STATES = ['open', 'queued', 'running', 'done', 'failed', 'cancelled', 'fetched', 'expired'] as const

/**
 * `open`: inputs are coming; `queued`, `running`; `done`: the result waits, encrypted, for its querier; `fetched`: it was delivered and is erased; `failed`,
 * `cancelled`, `expired`: there is none, and inputs are erased.
 */
export type QueryState = (typeof QUERY_STATES)[number]

const statusSchema = z.strictObject({
  query: nonceSchema,
  state: z.enum(QUERY_STATES),
  /** Grows with every change. */
  version: countSchema,
  /** Queries that are served before it, one that is running included. */
  position: countSchema,
  /** Until the result, as far as can be told; null when it cannot. */
  secondsLeft: z.number().min(0).nullable(),
  done: countSchema,
  total: countSchema,
  /** What is being computed or waited for, or why it failed; plain words. */
  step: z.string().max(1000),
  /** Code of the error of a query that failed; empty otherwise. */
  code: z.string().max(80)
})

/** How a query stands, as its sender and its querier are told. */
export type QueryStatus = z.infer<typeof statusSchema>

/** Asks for a place before there are inputs, or what has come of them. */
export const OPEN = defineCall({
  kind: 'query/open',
  request: z.strictObject({
    epoch: identifierSchema,
    release: identifierSchema,
    grant: identifierSchema,
    query: nonceSchema,
    querier: peerSchema,
    samples: countSchema
  }),
  reply: z.strictObject({
    /** Hashes of the inputs that are there, in order. */
    inputs: z.array(identifierSchema.nullable()).max(1 << 16),
    /** Batches whose proof holds. */
    proved: z.array(countSchema).max(1 << 12),
    state: z.enum(QUERY_STATES)
  })
})

/** One encrypted input, by its index and SHA-256; what is there already is answered at once. */
export const INPUT = defineCall({
  kind: 'query/input',
  request: z.strictObject({ query: nonceSchema, index: countSchema, hash: identifierSchema }),
  reply: nothing,
  requestBlobs: { count: 1, bytes: PART_BYTES }
})

/** Proof that the inputs of a batch are encryptions, once all of them are there. */
export const PROVE = defineCall({
  kind: 'query/proof',
  request: z.strictObject({ query: nonceSchema, batch: countSchema }),
  reply: nothing,
  requestBlobs: { count: 1, bytes: PART_BYTES }
})

/** The signed query, the key that results are switched to, and the signed grant. */
export const SUBMIT = defineCall({
  kind: 'query/submit',
  request: nothing,
  reply: statusSchema,
  requestBlobs: { count: 3, bytes: PART_BYTES }
})

/** Waits for news. @see QueryStatus */
export const STATUS = defineCall({
  kind: 'query/status',
  request: z.strictObject({
    query: nonceSchema,
    /** Answered as soon as the version is another. */
    version: countSchema,
    /** Or after so many milliseconds. */
    wait: z.number().int().min(0).max(30_000)
  }),
  reply: statusSchema
})

/** Gives a query up, for its sender or its querier; inputs are erased. */
export const CANCEL = defineCall({ kind: 'query/cancel', request: z.strictObject({ query: nonceSchema }), reply: statusSchema })

/** To its querier alone: the signed query, then the encrypted result, under the evaluator's signature. */
export const RESULT = defineCall({
  kind: 'query/result',
  request: z.strictObject({ query: nonceSchema }),
  reply: z.strictObject({ signature: signatureSchema }),
  replyBlobs: { count: CIPHERTEXTS + 1, bytes: PART_BYTES, total: REQUEST_BYTES }
})

/** The querier has read it: it is erased. */
export const FETCHED = defineCall({ kind: 'query/fetched', request: z.strictObject({ query: nonceSchema }), reply: statusSchema })

/**
 * To a key holder: what it will be asked for. Blobs: the signed query and grant, the key that results are switched to, and, when the holder says that it lacks it,
 * the signed release.
 */
export const ANNOUNCE = defineCall({
  kind: 'query/announce',
  request: nothing,
  reply: z.strictObject({
    needsRelease: z.boolean(),
    /** How many witnesses it wants to see endorse what it is asked, and which count, where not all of the epoch do. */
    witnesses: z.number().int().min(0).max(255),
    from: z.array(peerSchema).max(256).nullable()
  }),
  requestBlobs: { count: 4, bytes: PART_BYTES }
})

const assisted = {
  query: nonceSchema,
  attempt: attemptSchema,
  instance: z.string().min(1).max(1024),
  /** The evaluator's, under the request. */
  signature: signatureSchema,
  /** Witnesses' signatures over the same, each of another one. */
  endorsements: z.array(z.strictObject({ peer: peerSchema, signature: signatureSchema })).max(256)
}

/** To a key holder: shares of a refresh. Blobs: second components; back come the shares, with the holder's signature. */
export const REFRESH = defineCall({
  kind: 'query/refresh',
  request: z.strictObject({
    ...assisted,
    step: countSchema,
    level: z.number().int().min(0).max(64),
    scale: z.number().positive(),
    magnitude: z.number().positive(),
    /** Ciphertexts; where one party holds the whole key, their masked first components come behind their second ones. */
    count: z.number().int().min(1).max(CIPHERTEXTS)
  }),
  reply: z.strictObject({ signature: signatureSchema }),
  requestBlobs: { count: 2 * CIPHERTEXTS, bytes: PART_BYTES, total: REQUEST_BYTES },
  replyBlobs: { count: CIPHERTEXTS, bytes: PART_BYTES, total: REQUEST_BYTES }
})

/** To a key holder: shares of the switch of a result to the querier's key. */
export const SWITCH = defineCall({
  kind: 'query/switch',
  request: z.strictObject({ ...assisted, level: z.number().int().min(0).max(64), noise: z.number() }),
  reply: z.strictObject({ signature: signatureSchema }),
  requestBlobs: { count: CIPHERTEXTS, bytes: PART_BYTES, total: REQUEST_BYTES },
  replyBlobs: { count: CIPHERTEXTS, bytes: PART_BYTES, total: REQUEST_BYTES }
})
