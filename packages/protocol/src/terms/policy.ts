/** A party's own demands. */
import type { Plan } from './plan.js'
import { peersWith, type RosterEntry } from './roster.js'

/**
 * Who checks, for a key holder, the proofs that what it helps to refresh and decrypt was encrypted by the rules: itself, a witness, which endorses nothing before
 * it has checked them, or the evaluator.
 */
export type ProofReliance = 'own' | 'witness' | 'evaluator'

/** How many witnesses must have come to the same second components. */
export interface EndorsementDemand {
  readonly witnesses: number
  /** Witnesses that count; all of the roster when not given. */
  readonly from?: readonly string[]
}

/** What a key holder wants to see before it gives shares of refreshes and switches. Witnesses: one by default, where the roster has any. */
export interface AssistancePolicy extends Partial<EndorsementDemand> {
  /**
   * Default `witness` where endorsements are demanded, `evaluator` otherwise: a check of its own sends a key holder all that is encrypted, and protects it only
   * where the evaluator is honest (SECURITY.md). `witness` demands one endorsement at least, and so a session with a witness.
   */
  readonly proofs?: ProofReliance
}

/** What a party demands of a descriptor before it signs. */
export interface AcceptancePolicy {
  /** Least bits of security of flooding. Default 30; lower values are refused. */
  minimumFloodingBits?: number
  /** Least statistical distance of flooded results over a session, as minus log2. Default: no bound of its own. */
  minimumFloodingDistanceBits?: number
  /**
   * What of the model owner's word flooding may rest on where this party is a key holder of an encrypted model that is not its own. Default `magnitudes`: a plan whose
   * flooding rests on norms and sensitivities, which cost their publisher nothing to understate, is refused.
   */
  floodingBounds?: Plan['floodingBounds']
  /** Most ciphertexts switched per querier. Default: no bound of its own. */
  maximumSwitchesPerQuerier?: number
  /** Largest error of a logit that this party accepts, the worst of a batch. Default: no bound of its own. */
  precision?: { readonly bits: number } | { readonly logitError: number }
  /** Most ciphertexts refreshed in the session. Default: no bound of its own. */
  maximumRefreshes?: number
  /** How samples must be protected where this party owns data. Default `encrypted`: a plan on clear data is refused. */
  data?: 'clear' | 'encrypted'
  /** How weights must be protected where this party owns the model. Default `encrypted`: a plan on clear weights is refused. */
  weights?: 'clear' | 'encrypted'
  /** That the evaluator holds the whole key of what others encrypt; only an attack that shows what this would lay open allows it. */
  allowSoleKeyEvaluator?: boolean
  /** What a key holder wants to see before it helps. */
  assist?: AssistancePolicy
  /** That encryptions are not proved; only an attack that shows what this would lay open allows it. */
  allowUnproved?: boolean
  /** That a key holder which is the only one gives shares; only an attack that shows what this would lay open allows it. */
  allowSoleShares?: boolean
  /** Rings below the security table; unit tests only. */
  allowInsecure?: boolean
  /** Further checks of the plan (e.g. the model owner's: is this my model?). Throws to refuse. */
  checkPlan?(plan: Plan): void | Promise<void>
}

/** What a key holder with this policy demands in a session of this roster. Who puts a witness into its roster wants it heard, unless it says otherwise. */
export function endorsementDemand({ assist }: Pick<AcceptancePolicy, 'assist'>, roster: readonly RosterEntry[]): EndorsementDemand {
  const from = assist?.from
  const wanted = assist?.witnesses ?? Math.min(1, peersWith(roster, 'witness').length)
  const witnesses = assist?.proofs === 'witness' ? Math.max(1, wanted) : wanted
  return from === undefined ? { witnesses } : { witnesses, from }
}

/** The line of the configuration that asks for endorsements. */
export function endorsementLine(policy: Pick<AcceptancePolicy, 'assist'>, roster: readonly RosterEntry[]): string {
  const { witnesses, from } = endorsementDemand(policy, roster)
  const line =
    (policy.assist?.witnesses ?? 0) < 1 && policy.assist?.proofs === 'witness'
      ? 'assist.proofs is witness'
      : `assist.witnesses is ${witnesses}`
  return `${witnesses} of the witnesses${from === undefined ? '' : ` ${from.join(', ')}`}, for ${line} here`
}

/** Whom a key holder with this policy relies on for proofs, in a session of this roster. */
export function proofReliance(policy: AcceptancePolicy, roster: readonly RosterEntry[]): ProofReliance {
  return policy.assist?.proofs ?? (endorsementDemand(policy, roster).witnesses > 0 ? 'witness' : 'evaluator')
}

/** Whether a key holder with this policy is sent what others have proved, and checks it. */
export function checksProofsItself({ assist }: AcceptancePolicy): boolean {
  return assist?.proofs === 'own'
}
