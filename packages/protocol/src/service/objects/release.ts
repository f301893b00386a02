/**
 * Model releases: a model that has been put up in an epoch. Its owner signs what it is, what plan evaluates it and the hash of all its encrypted parts; whoever
 * computes or helps checks that before it does. A withdrawal, signed by the owner, ends it.
 *
 * A release whose owner has allowed it may be moved to the epoch that follows, once: t holders of the old key switch every part to the new one. What comes of that is a
 * release, too, signed by the evaluator and these holders in place of the owner (objects/move.ts says when it holds); a withdrawal of either ends both.
 */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import type { Plan } from '../../terms/plan.js'
import { countSchema, type DocumentKind, identifierSchema, nameSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

/** How often a model may be moved before it is uploaded again: each time leaves noise in its weights. */
export const MAXIMUM_MOVES = 64

/** A model that its owner has put up in an epoch: plan, hashes of the encrypted parts, names of its classes. */
export interface Release {
  readonly kind: 'release'
  readonly version: 1
  /** Identifier of the epoch (epochIdentifier). */
  readonly epoch: string
  /** Peer id. */
  readonly owner: string
  /** What people call the model; grants name it so. */
  readonly name: string
  /** Of the model, as its owner counts: "1", "2024-05". */
  readonly revision: string
  readonly nonce: string
  /** Milliseconds since 1970. */
  readonly created: number
  /** The engine's plan as JSON; it says its parameters, which are the epoch's, and the keys that it uses. */
  readonly plan: Plan
  /** Encrypted parts in the plan's order: SHA-256 of each, hexadecimal, and `partsRoot` of them all. None where the model is clear at its evaluator. */
  readonly parts: readonly string[]
  /** `partsRoot` of `parts`. */
  readonly root: string
  /** Classes by name, where results are classes; empty when not said. */
  readonly classes: readonly string[]
  /** Whether its owner lets it be moved to epochs that follow; not when left out. */
  readonly movable?: boolean
  /** Of one that was moved. */
  readonly moved?: Moved
}

/** Where a moved release comes from. */
export interface Moved {
  /** Epoch and identifier of all releases that it was before; the first is the one that the owner has signed. */
  readonly from: readonly { readonly epoch: string; readonly release: string }[]
  /** Of both epochs. */
  readonly evaluator: string
  /** Of the sharing whose holders have switched it. */
  readonly generation: number
  /** Those holders, by ascending point, and `partsRoot` of the hashes of the shares that each has given, one for every part. */
  readonly shares: readonly { readonly holder: string; readonly root: string }[]
}

/** Ends a release; of one that was moved, withdrawing it before or after the move ends both. */
export interface Withdrawal {
  readonly kind: 'withdrawal'
  readonly version: 1
  /** Of the release. */
  readonly epoch: string
  /** Identifier of the release. */
  readonly release: string
  /** Of the release. */
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
  classes: z.array(z.string().max(120)).max(4096),
  movable: z.boolean().optional(),
  moved: z
    .strictObject({
      from: z
        .array(z.strictObject({ epoch: identifierSchema, release: identifierSchema }))
        .min(1)
        .max(MAXIMUM_MOVES),
      evaluator: peerSchema,
      generation: countSchema,
      shares: z
        .array(z.strictObject({ holder: peerSchema, root: identifierSchema }))
        .min(2)
        .max(MAXIMUM_PARTIES)
    })
    .optional()
}) as unknown as z.ZodType<Release>

/** The plan in it is parsed and checked by whoever uses it (terms/plan.ts), and so is where a moved one comes from (objects/move.ts). */
export const RELEASE: DocumentKind<Release> = {
  kind: 'release',
  schema,
  signers: ({ owner, moved }) =>
    moved === undefined ? [owner] : [...new Set([moved.evaluator, ...moved.shares.map(({ holder }) => holder)])]
}

/** Identifiers of all that a release was before it was moved; none of most. */
export function formerReleases({ moved }: Pick<Release, 'moved'>): readonly string[] {
  return moved?.from.map(({ release }) => release) ?? []
}

/** Epochs whose grants are good for a release: its own, and those that it was moved from. */
export function grantEpochs({ epoch, moved }: Pick<Release, 'epoch' | 'moved'>): readonly string[] {
  return [epoch, ...(moved?.from.map(origin => origin.epoch) ?? [])]
}

/** Signed by the owner of the release. */
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
