/** Calls in which parties tell each other what they hold. The evaluator of an epoch is the hub: it asks, and it passes on. */
import * as z from 'zod'
import { defineCall } from '../calls/call.js'
import { identifierSchema } from '../objects/signed.js'

/** Documents named in one call, and carried in one. */
export const NAMES_AT_ONCE = 4096
/** Documents carried in one call. */
export const DOCUMENTS_AT_ONCE = 64
const MAXIMUM_DOCUMENT_BYTES = 8 << 20

const nameSchema = z.strictObject({ kind: z.string().max(40), identifier: identifierSchema })
/** A document by its kind and identifier. */
export type DocumentName = z.infer<typeof nameSchema>

const softwareSchema = z.strictObject({ software: z.string().max(80), service: z.number().int().min(1) })

/** Who is there, what it runs, what it holds. */
export const GREET = defineCall({
  kind: 'members/greet',
  request: softwareSchema,
  reply: softwareSchema.extend({ held: z.array(nameSchema).max(NAMES_AT_ONCE) })
})

/** Asks for documents by name; what is not there, or is not the asker's concern, is left out of the answer. */
export const GIVE = defineCall({
  kind: 'members/give',
  request: z.strictObject({ names: z.array(nameSchema).max(DOCUMENTS_AT_ONCE) }),
  reply: z.strictObject({ kinds: z.array(z.string().max(40)).max(DOCUMENTS_AT_ONCE) }),
  replyBlobs: { count: DOCUMENTS_AT_ONCE, bytes: MAXIMUM_DOCUMENT_BYTES }
})

/** Documents that the receiver may lack; those that it refuses are named with why. */
export const OFFER = defineCall({
  kind: 'members/offer',
  request: z.strictObject({ kinds: z.array(z.string().max(40)).max(DOCUMENTS_AT_ONCE) }),
  reply: z.strictObject({
    refused: z.array(z.strictObject({ index: z.number().int().min(0), reason: z.string().max(600) })).max(DOCUMENTS_AT_ONCE)
  }),
  requestBlobs: { count: DOCUMENTS_AT_ONCE, bytes: MAXIMUM_DOCUMENT_BYTES }
})
