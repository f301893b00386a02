/** A query: what is asked of which release, under which grant, with which inputs and for which key. Signed by whoever sends the inputs. */
import * as z from 'zod'
import { countSchema, type DocumentKind, identifierSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

/** What is asked, signed before it is queued. Peers by id; documents by identifier; times in milliseconds since 1970. */
export interface Query {
  readonly kind: 'query'
  readonly version: 1
  readonly epoch: string
  /** Of the model that is asked. */
  readonly release: string
  /** That it is charged to. */
  readonly grant: string
  /** Chosen by the sender, unique in the epoch: 16 random bytes in hexadecimal. Inputs and proofs are made for it, before there is a signature. */
  readonly query: string
  /** Who has encrypted the inputs. */
  readonly sender: string
  /** Who reads the result; the grant's. */
  readonly querier: string
  /** At most the plan's batch. */
  readonly samples: number
  /** `componentsHash` (terms/statements.ts) of the inputs in order, hexadecimal. */
  readonly inputs: string
  /** SHA-256 of the serialised public key that results are switched to. */
  readonly resultKey: string
  /** The querier's signature over the same key, where somebody else sends the inputs; otherwise empty. */
  readonly resultKeySignature: string
  readonly created: number
  /** Until when it may wait, and then its result. */
  readonly expires: number
}

/** Signed by its sender. */
export const QUERY: DocumentKind<Query> = {
  kind: 'query',
  schema: z.strictObject({
    kind: z.literal('query'),
    version: z.literal(1),
    epoch: identifierSchema,
    release: identifierSchema,
    grant: identifierSchema,
    query: nonceSchema,
    sender: peerSchema,
    querier: peerSchema,
    samples: countSchema,
    inputs: identifierSchema,
    resultKey: identifierSchema,
    resultKeySignature: z.string().regex(/^([0-9a-f]{2}){0,512}$/),
    created: timeSchema,
    expires: timeSchema
  }) as unknown as z.ZodType<Query>,
  signers: ({ sender }) => [sender]
}
