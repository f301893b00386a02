/** What a release's cryptography rests on in its epoch. */
import type { Context, Evaluator, PublicKey } from '@slytherin/ckks'
import type { Sharing, ThresholdShareGiver, WholeKeyHolder } from '@slytherin/mhe'
import type { BlockMeans } from '../cryptography/blocks.js'
import type { EpochTerms } from '../cryptography/epoch.js'

/** A holder's hand, for the sharing that is current. */
export interface EpochHand {
  readonly sharing: Sharing
  readonly giver: ThresholdShareGiver
  /** Where this party holds the whole key. */
  readonly whole: WholeKeyHolder | undefined
}

/** An epoch's context, keys and this party's hand in it, as releases compute with them. */
export interface EpochMeans {
  readonly terms: EpochTerms
  /** t. */
  readonly threshold: number
  readonly context: Context
  /** @throws SessionStateError before it is known */
  readonly publicKey: PublicKey
  /** With the epoch's evaluation keys. @throws SessionStateError where this party does not compute */
  readonly evaluator: Evaluator
  /** The evaluation keys that are in use, by where they are kept; none where this party does not compute. */
  readonly keys: BlockMeans['keys']
  /** @throws SessionStateError where this party holds no share */
  readonly hand: EpochHand
}
