/** A party's own demands. */
import type { Plan } from './plan.js'

/** What a party demands of a descriptor before it signs. */
export interface AcceptancePolicy {
  /** Least bits of security of flooding. Default 30; lower values are refused. */
  minimumFloodingBits?: number
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
  /** Rings below the security table; unit tests only. */
  allowInsecure?: boolean
  /** Further checks of the plan (e.g. the model owner's: is this my model?). Throws to refuse. */
  checkPlan?(plan: Plan): void | Promise<void>
}
