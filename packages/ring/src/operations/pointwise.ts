/** Row by row arithmetic, transforms and permutations of polynomials: what a ring does without looking at other rows. */

import { AliasError, DomainMismatchError, LengthMismatchError } from '../errors.js'
import { balance } from '../numbers/modulus.js'
import { checkDomain, checkOperand } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

/** Kernel functions of two rows. */
const PAIRWISE = {
  add: { name: 'add', cost: COST.sum },
  subtract: { name: 'subtract', cost: COST.sum },
  multiply: { name: 'multiplyRows', cost: COST.product },
  multiplyAdd: { name: 'multiplyAddRows', cost: COST.product }
} as const

/** See Ring.add, subtract, multiply and multiplyAdd. */
export function combinePair(
  ring: RingStructure,
  operation: keyof typeof PAIRWISE,
  out: Polynomial,
  a: Polynomial,
  b: Polynomial
): Polynomial {
  checkOperand(ring, operation, out, a)
  checkOperand(ring, operation, out, b)
  if (a.domain !== b.domain) throw new DomainMismatchError(operation, a.domain, b.domain)
  out.domain = a.domain
  const { indices } = out
  const { name, cost } = PAIRWISE[operation]
  ring.forEachBlock(indices.length, cost, (calls, k, offset, n) => {
    const index = indices[k]!
    calls[name](out.rowAddress(k) + offset, a.addressOf(index) + offset, b.addressOf(index) + offset, n, ring.block(index))
  })
  return out
}

/** See Ring.copy. */
export function copy(ring: RingStructure, out: Polynomial, a: Polynomial): Polynomial {
  checkOperand(ring, 'copy', out, a)
  out.domain = a.domain
  if (out === a) return out
  const { indices } = out
  ring.forEachBlock(indices.length, COST.copy, (calls, k, offset, n) => {
    calls.copyBytes(out.rowAddress(k) + offset, a.addressOf(indices[k]!) + offset, 8 * n)
  })
  return out
}

/** See Ring.negate. */
export function negate(ring: RingStructure, out: Polynomial, a: Polynomial): Polynomial {
  checkOperand(ring, 'negate', out, a)
  out.domain = a.domain
  const { indices } = out
  ring.forEachBlock(indices.length, COST.copy, (calls, k, offset, n) => {
    calls.negate(out.rowAddress(k) + offset, a.addressOf(indices[k]!) + offset, n)
  })
  return out
}

/** See Ring.multiplyScalar. */
export function multiplyScalar(ring: RingStructure, out: Polynomial, a: Polynomial, scalar: bigint | readonly bigint[]): Polynomial {
  checkOperand(ring, 'multiplyScalar', out, a)
  const { indices } = out
  if (typeof scalar !== 'bigint' && scalar.length !== indices.length) {
    throw new LengthMismatchError('scalars of multiplyScalar', indices.length, scalar.length)
  }
  out.domain = a.domain
  const constants = indices.map((index, k) => balance(typeof scalar === 'bigint' ? scalar : scalar[k]!, ring.moduli[index]!.value))
  ring.forEachBlock(indices.length, COST.product, (calls, k, offset, n) => {
    const index = indices[k]!
    const w = constants[k]!
    const ratio = w / ring.moduli[index]!.number
    calls.multiplyConstantRow(out.rowAddress(k) + offset, a.addressOf(index) + offset, n, w, ratio, ring.block(index))
  })
  return out
}

/** See Ring.ntt. */
export function ntt(ring: RingStructure, p: Polynomial): Polynomial {
  checkOperand(ring, 'ntt', p, p)
  checkDomain('ntt', p, 'coefficient')
  ring.forEachRow(p.indices, COST.transform, (calls, index, k) => calls.forward(p.rowAddress(k), p.rowAddress(k), ring.block(index)))
  p.domain = 'ntt'
  return p
}

/** See Ring.inverseNtt. */
export function inverseNtt(ring: RingStructure, p: Polynomial): Polynomial {
  checkOperand(ring, 'inverseNtt', p, p)
  checkDomain('inverseNtt', p, 'ntt')
  ring.forEachRow(p.indices, COST.transform, (calls, index, k) => calls.backward(p.rowAddress(k), p.rowAddress(k), ring.block(index)))
  p.domain = 'coefficient'
  return p
}

/** See Ring.automorphism. */
export function automorphism(ring: RingStructure, out: Polynomial, a: Polynomial, galoisElement: number): Polynomial {
  checkOperand(ring, 'automorphism', out, a)
  if (out === a) throw new AliasError('automorphism')
  ring.checkGaloisElement(galoisElement)
  out.domain = a.domain
  if (a.domain === 'coefficient') {
    ring.forEachRow(out.indices, COST.permutation, (calls, index, k) => {
      calls.automorphismCoefficients(out.rowAddress(k), a.addressOf(index), ring.N, galoisElement)
    })
    return out
  }
  const { indices } = out
  const offsets = ring.automorphismOffsets(galoisElement)
  ring.forEachBlock(indices.length, COST.permutation, (calls, k, offset, n) => {
    calls.gather(out.rowAddress(k) + offset, a.addressOf(indices[k]!), offsets + offset / 2, n)
  })
  return out
}
