/** What every evaluator asks before it switches keys. */
import { KeyMismatchError, MissingKeyError } from './errors.js'

/**
 * The key, when there is one and it serves ciphertexts of this level.
 *
 * @param galoisElement null for the relinearisation key
 * @throws MissingKeyError; KeyMismatchError when the key is for lower levels only
 */
export function demandKey<K extends { readonly level: number }>(
  operation: string,
  galoisElement: number | null,
  key: K | undefined,
  level: number
): K {
  if (key === undefined) throw new MissingKeyError(operation, galoisElement)
  if (level > key.level) throw new KeyMismatchError(operation, 'level', level, key.level)
  return key
}
