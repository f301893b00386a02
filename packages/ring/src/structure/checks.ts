/** Checks of operands that operations on several polynomials share. */

import { AliasError, BasisMismatchError } from '../errors.js'
import type { Ring } from '../ring.js'
import type { Polynomial } from './polynomial.js'

/** Outputs over one basis, none twice. */
export function checkOutputs(ring: Ring, operation: string, out: readonly Polynomial[]): void {
  const first = out[0]!
  for (const output of out) {
    ring.checkOperand(operation, output, output)
    if (output.basis !== first.basis)
      throw new BasisMismatchError(operation, first.indices[0]!, output.indices, 'and all others must be the same in every output')
    if (out.indexOf(output) !== out.lastIndexOf(output)) throw new AliasError(operation)
  }
}

/** Inputs with all rows of the outputs, ntt domain, none of them an output. */
export function checkInputs(ring: Ring, operation: string, out: readonly Polynomial[], inputs: readonly Polynomial[]): void {
  for (const input of inputs) {
    ring.checkOperand(operation, out[0]!, input)
    ring.checkDomain(operation, input, 'ntt')
    if (out.includes(input)) throw new AliasError(operation)
  }
}
