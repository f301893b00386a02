/** Grants: who may ask a model, how often and until when. Signed by the model's owner; a revocation, signed by the same, ends one. */
import * as z from 'zod'
import { countSchema, type DocumentKind, identifierSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

/** Who may ask which models of an owner, how often and until when. */
export interface Grant {
  readonly kind: 'grant'
  readonly version: 1
  /** Identifier of the epoch that it is given in; it follows releases that are moved. */
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
  /** Milliseconds since 1970, as `expires`. */
  readonly created: number
  /** Until when queries may be asked under it. */
  readonly expires: number
  /** Queries that it is good for. */
  readonly queries: number
  /** Ciphertexts that may be decrypted under it. */
  readonly decryptions: number
}

/** Ends a grant before it expires. */
export interface Revocation {
  readonly kind: 'revocation'
  readonly version: 1
  /** Of the grant. */
  readonly epoch: string
  /** Identifier of the grant. */
  readonly grant: string
  /** Of the grant. */
  readonly issuer: string
  readonly created: number
}

/** Signed by its issuer. */
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

/** Signed by the issuer of the grant; that it is the same one is checked where it is taken. */
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

/** Whether a grant is for a model of this name. */
export function grantsModel({ models }: Grant, name: string): boolean {
  return models.includes('*') || models.includes(name)
}
