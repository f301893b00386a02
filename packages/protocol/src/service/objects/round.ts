/** Rounds in which shares of an epoch's secret are made anew: proposed by the evaluator, allowed by every holder that takes part. */
import * as z from 'zod'
import { MAXIMUM_PARTIES } from '../../terms/limits.js'
import { checkHolders, type Holder } from './epoch.js'
import { countSchema, type DocumentKind, identifierSchema, nonceSchema, peerSchema, timeSchema } from './signed.js'

export interface RoundProposal {
  readonly kind: 'sharing-round'
  readonly version: 1
  readonly epoch: string
  /** `zero`: other shares for the same holders; `reshare`: shares for other holders, or another threshold. */
  readonly what: 'zero' | 'reshare'
  readonly evaluator: string
  /** Generation and lineage of the sharing that there is. */
  readonly generation: number
  readonly lineage: string
  /** Of its holders, those that deal, by ascending point. */
  readonly dealers: readonly Holder[]
  /** Of the sharing to come. */
  readonly threshold: number
  readonly holders: readonly Holder[]
  readonly nonce: string
  readonly created: number
}

const holdersSchema = z
  .array(z.strictObject({ peer: peerSchema, point: z.number().int().min(1).max(MAXIMUM_PARTIES) }))
  .min(1)
  .max(MAXIMUM_PARTIES)

export const ROUND: DocumentKind<RoundProposal> = {
  kind: 'sharing-round',
  schema: z.strictObject({
    kind: z.literal('sharing-round'),
    version: z.literal(1),
    epoch: identifierSchema,
    what: z.enum(['zero', 'reshare']),
    evaluator: peerSchema,
    generation: countSchema,
    lineage: identifierSchema,
    dealers: holdersSchema,
    threshold: z.number().int().min(1).max(MAXIMUM_PARTIES),
    holders: holdersSchema,
    nonce: nonceSchema,
    created: timeSchema
  }) as unknown as z.ZodType<RoundProposal>,
  signers: ({ evaluator }) => [evaluator],
  // Before anything is dealt: a peer at two points would have two shares.
  check: ({ dealers, holders, threshold }, peer) => {
    checkHolders(holders, threshold, 'sharing-round', peer)
    checkHolders(dealers, 1, 'sharing-round', peer)
  }
}

/** Everybody who takes part, in an order that all agree on: a coin is made of what they add in it. */
export function participants({ dealers, holders }: RoundProposal): string[] {
  return [...new Set([...dealers, ...holders].map(({ peer }) => peer))].sort()
}
