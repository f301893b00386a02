/** Inputs and refreshed ciphertexts as they are computed with (mhe/public-coins.ts), for whoever evaluates, and for whoever follows or audits it. */
import type { Ciphertext, Evaluator, EvaluatorCiphertext } from '@slytherin/ckks'
import type { OpenSession } from './open-session.js'

/** What an input belongs to. */
export interface CoinedQuery {
  readonly query: string
  /** Hash of all parts of the encrypted model: coins of an input depend on the weights that it meets. */
  readonly model: string
  /** Nonce of the release; empty in a session, which has one model. */
  readonly release: string
}

/** Input `index` of a query, from its owner's. @param ciphertext stays as it is */
export function coinedInput(
  session: OpenSession,
  evaluator: Evaluator,
  of: CoinedQuery,
  index: number,
  ciphertext: Ciphertext
): EvaluatorCiphertext {
  const coins = session.coins('input')
  if (coins === undefined) return evaluator.load(ciphertext)
  using made = coins.rerandomize({ purpose: 'input', names: [of.release, of.query, of.model, String(index)] }, ciphertext)
  return evaluator.load(made)
}

/** What key holders' shares have come to. @param instance of this ciphertext alone; it names query and step @param ciphertext stays as it is */
export function coinedRefreshed(session: OpenSession, evaluator: Evaluator, instance: string, ciphertext: Ciphertext): EvaluatorCiphertext {
  const coins = session.coins('refreshed')
  if (coins === undefined) return evaluator.load(ciphertext)
  using made = coins.rerandomize({ purpose: 'refreshed', names: [instance] }, ciphertext)
  return evaluator.load(made)
}
