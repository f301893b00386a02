/**
 * Model releases: a model that has been put up in an epoch. Its owner signs what it is, what plan evaluates it and the hash of all its encrypted parts; whoever
 * computes or helps checks that before it does. A withdrawal, signed by the owner, ends it.
 */
import * as z from 'zod'
import type { Plan } from '../../terms/plan.js'
import { type DocumentKind, identifierSchema, nameSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

export interface Release {
  readonly kind: 'release'
  readonly version: 1
  /** Identifier of the epoch (epochIdentifier). */
  readonly epoch: string
  readonly owner: string
  readonly name: string
  /** Of the model, as its owner counts: "1", "2024-05". */
  readonly revision: string
  readonly nonce: string
  readonly created: number
  /** The engine's plan as JSON; it says its parameters, which are the epoch's, and the keys that it uses. */
  readonly plan: Plan
  /** Encrypted parts in the plan's order: SHA-256 of each, hexadecimal, and `partsRoot` of them all. None where the model is clear at its evaluator. */
  readonly parts: readonly string[]
  readonly root: string
  /** Classes by name, where results are classes; empty when not said. */
  readonly classes: readonly string[]
}

export interface Withdrawal {
  readonly kind: 'withdrawal'
  readonly version: 1
  readonly epoch: string
  /** Identifier of the release. */
  readonly release: string
  readonly owner: string
  readonly created: number
}

const schema = z.strictObject({
  kind: z.literal('release'),
  version: z.literal(1),
  epoch: identifierSchema,
  owner: peerSchema,
  name: nameSchema,
  revision: nameSchema,
  nonce: nonceSchema,
  created: timeSchema,
  plan: z.json(),
  parts: z.array(identifierSchema).max(1 << 16),
  root: identifierSchema,
  classes: z.array(z.string().max(120)).max(4096)
}) as unknown as z.ZodType<Release>

/** The plan in it is parsed and checked by whoever uses it (terms/plan.ts). */
export const RELEASE: DocumentKind<Release> = { kind: 'release', schema, signers: ({ owner }) => [owner] }

export const WITHDRAWAL: DocumentKind<Withdrawal> = {
  kind: 'withdrawal',
  schema: z.strictObject({
    kind: z.literal('withdrawal'),
    version: z.literal(1),
    epoch: identifierSchema,
    release: identifierSchema,
    owner: peerSchema,
    created: timeSchema
  }) as unknown as z.ZodType<Withdrawal>,
  signers: ({ owner }) => [owner]
}
