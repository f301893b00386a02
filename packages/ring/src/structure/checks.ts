/** Checks of operands that operations on several polynomials share. */

import type { Domain } from '../domain.js'
import { AliasError, BasisMismatchError, DisposedError, DomainMismatchError, RingMismatchError } from '../errors.js'
import type { Polynomial } from './polynomial.js'
import type { RingStructure } from './ring-structure.js'

/** @throws RingMismatchError DisposedError BasisMismatchError unless `a` is a live polynomial of this ring with all rows of `out` */
export function checkOperand(ring: RingStructure, operation: string, out: Polynomial, a: Polynomial): void {
  if (out.ring !== ring || a.ring !== ring) throw new RingMismatchError(operation)
  if (a.isDisposed || out.isDisposed) throw new DisposedError('polynomial')
  if (ring.isDisposed) throw new DisposedError('ring')
  if (out.basis === a.basis) return
  for (const index of out.indices) if (a.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, a.indices)
}

/** @throws DomainMismatchError */
export function checkDomain(operation: string, a: Polynomial, expected: Domain): void {
  if (a.domain !== expected) throw new DomainMismatchError(operation, expected, a.domain)
}

/** Outputs over one basis, none twice. */
export function checkOutputs(ring: RingStructure, operation: string, out: readonly Polynomial[]): void {
  const first = out[0]!
  for (const output of out) {
    checkOperand(ring, operation, output, output)
    if (output.basis !== first.basis)
      throw new BasisMismatchError(operation, first.indices[0]!, output.indices, 'and all others must be the same in every output')
    if (out.indexOf(output) !== out.lastIndexOf(output)) throw new AliasError(operation)
  }
}

/** Inputs with all rows of the outputs, ntt domain, none of them an output. */
export function checkInputs(ring: RingStructure, operation: string, out: readonly Polynomial[], inputs: readonly Polynomial[]): void {
  for (const input of inputs) {
    checkOperand(ring, operation, out[0]!, input)
    checkDomain(operation, input, 'ntt')
    if (out.includes(input)) throw new AliasError(operation)
  }
}
