/** What a `KernelEvaluator` takes: handles of its own that are alive, and ciphertexts of its context. */
import { DisposedError } from '@slytherin/ring'
import type { Ciphertext } from '../ciphertext.js'
import type { Context } from '../context.js'
import { ForeignOperandError } from '../errors.js'
import type { EvaluatorCiphertext, EvaluatorPlaintext } from '../evaluator.js'
import { type HandleCount, KernelCiphertext, KernelPlaintext } from './kernel-ciphertext.js'

/** @throws ForeignOperandError, DisposedError */
export function ownCiphertext(owner: HandleCount, operation: string, value: EvaluatorCiphertext | EvaluatorPlaintext): KernelCiphertext {
  if (!(value instanceof KernelCiphertext) || value.owner !== owner) throw new ForeignOperandError(operation)
  if (value.isDisposed) throw new DisposedError('ciphertext')
  return value
}

/** @throws ForeignOperandError, DisposedError */
export function ownPlaintext(owner: HandleCount, operation: string, value: EvaluatorPlaintext): KernelPlaintext {
  if (!(value instanceof KernelPlaintext) || value.owner !== owner) throw new ForeignOperandError(operation)
  if (value.isDisposed) throw new DisposedError('plaintext')
  return value
}

/** @throws ForeignOperandError, InvalidLevelError unless the ciphertext is one of this context, over the rows of its level */
export function checkForeign({ ring, parameters }: Context, operation: string, ciphertext: Ciphertext): void {
  parameters.checkLevel(operation, ciphertext.level)
  const rows = parameters.ciphertextIndices(ciphertext.level)
  for (const component of ciphertext.components) {
    if (component.ring !== ring) throw new ForeignOperandError(operation, 'the ciphertext belongs to another context')
    if (component.domain !== 'ntt' || component.indices.join() !== rows.join()) {
      throw new ForeignOperandError(
        operation,
        `expected ${rows.length} rows in the ntt domain, got ${component.indices.length} (${component.domain})`
      )
    }
  }
}
