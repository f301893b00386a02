/** Grants: who may ask a model, how often and until when. Signed by the model's owner; a revocation, signed by the same, ends one. */
import * as z from 'zod'
import { countSchema, type DocumentKind, identifierSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

export interface Grant {
  readonly kind: 'grant'
  readonly version: 1
  readonly epoch: string
  /** Owner of the releases that it is for. */
  readonly issuer: string
  /** Reads the results, under a key of its own that each query names. */
  readonly querier: string
  /** Who may send inputs for it: the querier itself, or owners of data. */
  readonly senders: readonly string[]
  /** Names of models, any revision of them; `*` for all of the issuer's. */
  readonly models: readonly string[]
  readonly nonce: string
  readonly created: number
  readonly expires: number
  /** Queries that it is good for. */
  readonly queries: number
  /** Ciphertexts that may be decrypted under it. */
  readonly decryptions: number
}

export interface Revocation {
  readonly kind: 'revocation'
  readonly version: 1
  readonly epoch: string
  /** Identifier of the grant. */
  readonly grant: string
  readonly issuer: string
  readonly created: number
}

export const GRANT: DocumentKind<Grant> = {
  kind: 'grant',
  schema: z.strictObject({
    kind: z.literal('grant'),
    version: z.literal(1),
    epoch: identifierSchema,
    issuer: peerSchema,
    querier: peerSchema,
    senders: z.array(peerSchema).min(1).max(256),
    models: z
      .array(z.string().regex(/^(\*|[\w][\w.-]{0,63})$/))
      .min(1)
      .max(256),
    nonce: nonceSchema,
    created: timeSchema,
    expires: timeSchema,
    queries: countSchema,
    decryptions: countSchema
  }) as unknown as z.ZodType<Grant>,
  signers: ({ issuer }) => [issuer]
}

export const REVOCATION: DocumentKind<Revocation> = {
  kind: 'revocation',
  schema: z.strictObject({
    kind: z.literal('revocation'),
    version: z.literal(1),
    epoch: identifierSchema,
    grant: identifierSchema,
    issuer: peerSchema,
    created: timeSchema
  }) as unknown as z.ZodType<Revocation>,
  signers: ({ issuer }) => [issuer]
}

export function grantsModel({ models }: Grant, name: string): boolean {
  return models.includes('*') || models.includes(name)
}
