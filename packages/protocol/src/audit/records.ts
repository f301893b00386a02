/**
 * What is kept of a session: one record for everything that somebody signed, and lists of hashes that lead from what was signed to the bytes themselves.
 *
 * Hashes, nonces, salts and signatures are hexadecimal.
 */
import * as z from 'zod'
import { DIGEST_BYTES, digest, toHex } from '../base/digest.js'
import { MAXIMUM_DESCRIPTOR_BYTES, MAXIMUM_TEXT_BYTES } from '../terms/limits.js'
import { ROLES } from '../terms/roster.js'
import type { Statement } from '../terms/statements.js'

const text = z.string().max(MAXIMUM_TEXT_BYTES)
const hash = z.string().regex(new RegExp(`^[0-9a-f]{${2 * DIGEST_BYTES}}$`))
const signature = z.string().regex(/^(?:[0-9a-f]{2}){1,512}$/)
const count = z.number().int().min(0)
const hashes = z.array(hash).max(2 ** 20)
const computed = { query: text, querier: text, inputs: hash, model: hash }
const assisted = { ...computed, assist: z.enum(['refresh', 'switch']), step: count, instance: text, c1: hash }

const statement: z.ZodType<Statement> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('key-share'), protocol: z.enum(['relinearization-2', 'galois']), instance: text, share: hash }),
  z.strictObject({ kind: z.literal('model'), parts: count, hash }),
  z.strictObject({ kind: z.literal('query'), query: text, querier: text, samples: count, inputs: hash }),
  z.strictObject({ kind: z.literal('request'), ...assisted }),
  z.strictObject({ kind: z.literal('endorsement'), ...assisted }),
  z.strictObject({ kind: z.literal('shares'), ...assisted, shares: hash }),
  z.strictObject({ kind: z.literal('result'), ...computed, result: hash })
])

const protocol = z.enum(['public key', 'relinearization'])

/** A line of a session's evidence, discriminated by `record`. Unknown fields are refused, and texts, hashes and lists are bounded. */
export const recordSchema = z.discriminatedUnion('record', [
  /** Whose evidence this is. */
  z.strictObject({ record: z.literal('keeper'), peer: text, roles: z.array(z.enum(ROLES)), blobs: z.boolean() }),
  /** Canonical JSON. */
  z.strictObject({ record: z.literal('descriptor'), text: z.string().max(MAXIMUM_DESCRIPTOR_BYTES) }),
  z.strictObject({
    record: z.literal('acceptance'),
    peer: text,
    commitment: hash,
    /** Empty for parties without a result key. */
    resultKeyHash: z.union([hash, z.literal('')]),
    signature
  }),
  z.strictObject({ record: z.literal('nonce'), peer: text, nonce: hash }),
  z.strictObject({ record: z.literal('commitment'), protocol, peer: text, commitment: hash, signature }),
  z.strictObject({ record: z.literal('revealed'), protocol, peer: text, share: hash, salt: hash, signature }),
  z.strictObject({ record: z.literal('confirmation'), peer: text, hash, signature }),
  z.strictObject({ record: z.literal('statement'), signer: text, statement, signature }),
  /** The byte strings of which a statement names one hash for all (`componentsHash`), each by its own. */
  z.strictObject({ record: z.literal('components'), hash, hashes }),
  /** That a batch of inputs, or of weights where no query is named, are encryptions. Nobody signs it: it proves itself. */
  z.strictObject({ record: z.literal('proof'), query: text, batch: count, hash }),
  /** What the evaluator has handed to the querier, one by one: what it has signed names one hash for all. */
  z.strictObject({ record: z.literal('result'), query: text, hashes }),
  /** Byte strings that are not kept, and why. */
  z.strictObject({ record: z.literal('dropped'), reason: text, bytes: count }),
  /** The session has come to an end. */
  z.strictObject({ record: z.literal('end'), reason: text })
])

/** One record of `recordSchema`. */
export type EvidenceRecord = z.infer<typeof recordSchema>
export type RecordOf<K extends EvidenceRecord['record']> = Extract<EvidenceRecord, { record: K }>

/** Ties a record to all before it. @param previous empty for the first */
export function chained(previous: string, json: string): string {
  return toHex(digest('slytherin evidence', previous, json))
}
