/** Integers into residues, residues into doubles, base extension and division with rounding. */

import { BasisMismatchError, InvalidArgumentError, LengthMismatchError } from './errors.js'
import { balance } from './modulus.js'
import type { Polynomial } from './polynomial.js'
import type { Ring } from './ring.js'

const SINGLE_STEP_LIMIT = 2 ** 51
const WIDE_LIMIT = 2 ** 98

/** See Ring.fromIntegers. @throws LengthMismatchError InvalidArgumentError when a value is not an integer below 2^98 */
export function fromIntegers(ring: Ring, out: Polynomial, values: Float64Array): Polynomial {
  ring.checkOperand('fromIntegers', out, out)
  if (values.length !== ring.N) throw new LengthMismatchError('integers', ring.N, values.length)
  let largest = 0
  for (const value of values) {
    if (value !== Math.trunc(value)) throw new InvalidArgumentError('values', 'integers', value)
    const magnitude = Math.abs(value)
    if (magnitude > largest) largest = magnitude
  }
  if (!(largest < WIDE_LIMIT)) throw new InvalidArgumentError('values', 'magnitudes below 2^98', largest)
  const { kernel, N } = ring
  out.domain = 'coefficient'
  kernel.withScratch(
    N * 8,
    scratch => {
      kernel.doubles(scratch, N).set(values)
      out.indices.forEach((index, k) => {
        if (largest < SINGLE_STEP_LIMIT) {
          kernel.exports.reduceRow(out.rowAddress(k), scratch, N, ring.block(index))
          return
        }
        const modulus = ring.moduli[index]!
        const power = balance(2n ** 49n, modulus.value)
        kernel.exports.reduceWideRow(out.rowAddress(k), scratch, N, power, power / modulus.number, ring.block(index))
      })
    },
    true
  )
  return out
}

/** See Ring.toDoubles: the mixed-radix digits (base-extension.ts) summed in double-double arithmetic. */
export function toDoubles(ring: Ring, a: Polynomial): Float64Array {
  ring.checkOperand('toDoubles', a, a)
  ring.checkDomain('toDoubles', a, 'coefficient')
  const { kernel, N } = ring
  const extension = ring.extension(a.indices)
  return kernel.withScratch(
    ring.rowBytes + extension.scratchBytes,
    scratch => {
      extension.prepare(
        a.indices.map((_, k) => a.rowAddress(k)),
        scratch + ring.rowBytes
      )
      extension.value(scratch)
      return Float64Array.from(kernel.doubles(scratch, N))
    },
    true
  )
}

/** See Ring.extendBasis. */
export function extendBasis(ring: Ring, out: Polynomial, a: Polynomial): Polynomial {
  ring.checkOperand('extendBasis', out, out)
  ring.checkOperand('extendBasis', a, a)
  ring.checkDomain('extendBasis', a, 'coefficient')
  out.domain = 'coefficient'
  if (out === a) return out
  const { kernel } = ring
  const extension = ring.extension(a.indices)
  kernel.withScratch(
    Math.max(64, extension.scratchBytes),
    scratch => {
      extension.prepare(
        a.indices.map((_, k) => a.rowAddress(k)),
        scratch
      )
      out.indices.forEach((index, k) => {
        const own = a.addressOf(index)
        if (own >= 0) kernel.exports.copyBytes(out.rowAddress(k), own, ring.N * 8)
        else extension.extend(out.rowAddress(k), index)
      })
    },
    true
  )
  return out
}

/**
 * See Ring.divideAndRound. With P = Π drop and r the centred remainder of a modulo P (extended exactly), round(a/P) = (a - r)/P.
 * In the transform domain the subtraction and the division ride on the last pass of the transform of r.
 */
export function divideAndRound(ring: Ring, out: Polynomial, a: Polynomial, drop: readonly number[], addend?: Polynomial): Polynomial {
  ring.checkOperand('divideAndRound', out, a)
  if (addend) {
    ring.checkOperand('divideAndRound', out, addend)
    ring.checkDomain('divideAndRound', addend, a.domain)
  }
  for (const index of drop) {
    if (a.basis.positions[index] === undefined || a.basis.positions[index] < 0)
      throw new BasisMismatchError('divideAndRound', index, a.indices)
    if (out.basis.positions[index]! >= 0)
      throw new BasisMismatchError('divideAndRound', index, out.indices, 'is to be dropped but is in the output')
  }
  const { kernel, N } = ring
  const { exports } = kernel
  const transformed = a.domain === 'ntt'
  const extension = ring.extension(drop)
  const transformScratch = transformed ? drop.length * ring.rowBytes : 0
  kernel.withScratch(ring.rowBytes + transformScratch + extension.scratchBytes, remainder => {
    const first = remainder + ring.rowBytes
    const rows = drop.map((index, k) => {
      if (!transformed) return a.addressOf(index)
      exports.backward(first + k * ring.rowBytes, a.addressOf(index), ring.block(index))
      return first + k * ring.rowBytes
    })
    extension.prepare(rows, first + transformScratch)
    out.indices.forEach((index, k) => {
      const block = ring.block(index)
      const { w, ratio } = extension.inverse(index)
      const to = out.rowAddress(k)
      const from = a.addressOf(index)
      if (transformed) {
        const extended = extension.extendForTransform(remainder, index)
        if (addend) exports.forwardSubtractMultiplyAdd(to, from, addend.addressOf(index), extended, remainder, w, ratio, block)
        else exports.forwardSubtractMultiply(to, from, extended, remainder, w, ratio, block)
      } else {
        extension.extend(remainder, index)
        exports.subtractMultiplyConstantRow(addend ? remainder : to, from, remainder, N, w, ratio, block)
        if (addend) exports.add(to, remainder, addend.addressOf(index), N, block)
      }
    })
  })
  out.domain = a.domain
  return out
}
