/** What the evaluator's randomness of queries comes from: the same as long as it lives. */
import type { SecretStore } from '../store/secrets.js'

const EVALUATOR_SECRET = 'evaluator/queries'
const SECRET_BYTES = 32

/** 32 bytes, made when they are needed first. */
export async function evaluatorSecret(secrets: SecretStore): Promise<Uint8Array> {
  const known = await secrets.get(EVALUATOR_SECRET)
  if (known !== undefined) return known
  const fresh = crypto.getRandomValues(new Uint8Array(SECRET_BYTES))
  await secrets.put(EVALUATOR_SECRET, fresh)
  return fresh
}
