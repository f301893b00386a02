/** Attempts as mhe knows them, from the names in which they travel; and the evaluator's randomness in them. */
import type { Ciphertext } from '@slytherin/ckks'
import { rerandomizes } from '@slytherin/engine'
import { Attempt, encodeComponent, rerandomize, type Sharing } from '@slytherin/mhe'
import { deriveSeed } from '@slytherin/ring'
import { digest, fromHex } from '../../base/digest.js'
import { ciphertextInstance } from '../../local/instances.js'
import type { OpenSession } from '../../local/open-session.js'
import type { AttemptName } from '../cryptography/epoch.js'

/** @throws InvalidSharingError for names and sets that are none */
export function attemptOf(epoch: Uint8Array, { sharing, ...init }: AttemptName): Attempt {
  const { generation, lineage, threshold, points } = sharing
  const known: Sharing = { epoch, generation, lineage: fromHex(lineage), access: { threshold, points } }
  return new Attempt(known, init)
}

/**
 * A ciphertext as it is asked about in an attempt; the caller disposes it.
 *
 * The first attempt asks about what was computed. A later one meets no ciphertext that was asked about before: a fresh encryption of zero is added, whose
 * randomness everybody can compute,
 *
 *   seed = H("slytherin attempt" ‖ epoch ‖ instance ‖ H(c0, c1 before))
 *
 * so that who follows the evaluation comes to the same second component. Where an operand is clear at the evaluator, or one party holds the whole key, every
 * attempt, the first too, adds one that nobody can foresee (mhe/rerandomization.ts): there the seed derives from the evaluator's secret of the query, and is the
 * same when the query is started again.
 */
export function attempted(session: OpenSession, secret: Uint8Array, attempt: Attempt, k: number, ciphertext: Ciphertext): Ciphertext {
  const { context, encryptor, parties, plan, sessionId } = session
  const instance = ciphertextInstance(attempt.instance, k)
  if (rerandomizes(parties, plan.operands)) return rerandomize(context, encryptor, ciphertext, deriveSeed(secret, 'attempt', instance))
  if (attempt.number === 0) return ciphertext.clone()
  const before = ciphertext.components.map(component => digest('component', encodeComponent(context, component)))
  return rerandomize(context, encryptor, ciphertext, digest('slytherin attempt', sessionId, instance, ...before))
}
