/** Integers into residues, residues into doubles, base extension and division with rounding. */

import type { Domain } from '../domain.js'
import { AliasError, BasisMismatchError, InvalidArgumentError, LengthMismatchError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { balance } from '../numbers/modulus.js'
import { extensionFrom } from '../structure/base-extension.js'
import { checkDomain, checkOperand, checkOutputs } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

const SINGLE_STEP_LIMIT = 2 ** 51
/** Integers below this are reduced exactly. */
export const WIDE_LIMIT = 2 ** 98

/** `n` integers at `from`, of which the largest is below 2^98, modulo `index`. */
export function reduceIntegers(
  ring: RingStructure,
  calls: KernelCalls,
  to: number,
  from: number,
  n: number,
  largest: number,
  index: number
): void {
  if (largest < SINGLE_STEP_LIMIT) {
    calls.reduceRow(to, from, n, ring.block(index))
    return
  }
  const modulus = ring.moduli[index]!
  const power = balance(2n ** 49n, modulus.value)
  calls.reduceWideRow(to, from, n, power, power / modulus.number, ring.block(index))
}

/** See Ring.fromIntegers. @throws LengthMismatchError InvalidArgumentError when a value is not an integer below 2^98 */
export function fromIntegers(ring: RingStructure, out: Polynomial, values: Float64Array, domain: Domain): Polynomial {
  checkOperand(ring, 'fromIntegers', out, out)
  if (values.length !== ring.N) throw new LengthMismatchError('integers', ring.N, values.length)
  let largest = 0
  for (let k = 0; k < values.length; k++) {
    const value = values[k]!
    if (value !== Math.trunc(value)) throw new InvalidArgumentError('values', 'integers', value)
    const magnitude = Math.abs(value)
    if (magnitude > largest) largest = magnitude
  }
  if (!(largest < WIDE_LIMIT)) throw new InvalidArgumentError('values', 'magnitudes below 2^98', largest)
  const { kernel, N } = ring
  out.domain = domain
  const { indices } = out
  kernel.withScratch(
    N * 8,
    scratch => {
      kernel.doubles(scratch, N).set(values)
      if (domain === 'ntt') {
        ring.forEachRow(indices, COST.product + COST.transform, (calls, index, k) => {
          const to = out.rowAddress(k)
          reduceIntegers(ring, calls, to, scratch, N, largest, index)
          calls.forward(to, to, ring.block(index))
        })
        return
      }
      ring.forEachBlock(indices.length, COST.product, (calls, k, offset, n) =>
        reduceIntegers(ring, calls, out.rowAddress(k) + offset, scratch + offset, n, largest, indices[k]!)
      )
    },
    true
  )
  return out
}

/** See Ring.toDoubles: the mixed-radix digits (base-extension.ts) summed in double-double arithmetic. */
export function toDoubles(ring: RingStructure, a: Polynomial): Float64Array {
  checkOperand(ring, 'toDoubles', a, a)
  checkDomain('toDoubles', a, 'coefficient')
  const { kernel, N } = ring
  const extension = extensionFrom(ring, a.indices)
  return kernel.withScratch(
    ring.rowBytes + extension.digitBytes(),
    scratch => {
      const rows = a.indices.map((_, k) => a.rowAddress(k))
      extension.value(rows, scratch + ring.rowBytes, scratch)
      return Float64Array.from(kernel.doubles(scratch, N))
    },
    true
  )
}

/** See Ring.extendBasis. */
export function extendBasis(ring: RingStructure, out: Polynomial, a: Polynomial): Polynomial {
  checkOperand(ring, 'extendBasis', out, out)
  checkOperand(ring, 'extendBasis', a, a)
  checkDomain('extendBasis', a, 'coefficient')
  out.domain = 'coefficient'
  if (out === a) return out
  const { kernel } = ring
  const extension = extensionFrom(ring, a.indices)
  kernel.withScratch(
    extension.digitBytes(),
    memory => {
      const rows = a.indices.map((_, k) => a.rowAddress(k))
      const [digits] = extension.prepare([rows], memory)
      ring.forEachRow(out.indices, extension.cost, (calls, index, k) => {
        const own = a.addressOf(index)
        if (own >= 0) calls.copyBytes(out.rowAddress(k), own, ring.N * 8)
        else extension.extend(calls, digits!, out.rowAddress(k), index)
      })
    },
    true
  )
  return out
}

/**
 * See Ring.divideAndRoundAll. With P = Π drop and r the centred remainder of a modulo P (extended exactly), round(a/P) = (a - r)/P.
 * In the transform domain the subtraction and the division ride on the last pass of the transform of r.
 */
export function divideAndRound(
  ring: RingStructure,
  outs: readonly Polynomial[],
  inputs: readonly Polynomial[],
  drop: readonly number[],
  addends: readonly (Polynomial | undefined)[]
): void {
  if (outs.length !== inputs.length) throw new LengthMismatchError('outputs of divideAndRound', inputs.length, outs.length)
  if (outs.length === 0) return
  checkOutputs(ring, 'divideAndRound', outs)
  for (const [p, out] of outs.entries()) checkDivision(ring, outs, out, inputs[p]!, inputs[0]!.domain, drop, addends[p])
  const { kernel, N } = ring
  const { indices } = outs[0]!
  const { domain } = inputs[0]!
  const transformed = domain === 'ntt'
  const extension = extensionFrom(ring, drop)
  const { rowBytes } = ring
  const remaindersBytes = transformed ? inputs.length * drop.length * rowBytes : 0
  kernel.withScratch(remaindersBytes + extension.digitBytes(inputs.length), memory => {
    const rows = inputs.map((a, p) =>
      drop.map((index, k) => (transformed ? memory + (p * drop.length + k) * rowBytes : a.addressOf(index)))
    )
    if (transformed) {
      const dropped = inputs.length * drop.length
      kernel.forEach(dropped, dropped * N * COST.transform, (calls, item) => {
        const p = Math.floor(item / drop.length)
        const k = item % drop.length
        calls.backward(rows[p]![k]!, inputs[p]!.addressOf(drop[k]!), ring.block(drop[k]!))
      })
    }
    const digits = extension.prepare(rows, memory + remaindersBytes)
    const count = outs.length * indices.length
    const cost = transformed ? COST.transform : extension.cost + COST.product
    const divide = (calls: KernelCalls, item: number, remainder: number): void => {
      const p = Math.floor(item / indices.length)
      const k = item % indices.length
      const index = indices[k]!
      const block = ring.block(index)
      const { w, ratio } = extension.inverse(index)
      const to = outs[p]!.rowAddress(k)
      const from = inputs[p]!.addressOf(index)
      const addend = addends[p]?.addressOf(index)
      if (transformed) {
        const extended = extension.extendForTransform(calls, digits[p]!, remainder, index)
        if (addend === undefined) calls.forwardSubtractMultiply(to, from, extended, remainder, w, ratio, block)
        else calls.forwardSubtractMultiplyAdd(to, from, addend, extended, remainder, w, ratio, block)
      } else {
        extension.extend(calls, digits[p]!, remainder, index)
        calls.subtractMultiplyConstantRow(addend === undefined ? to : remainder, from, remainder, N, w, ratio, block)
        if (addend !== undefined) calls.add(to, remainder, addend, N, block)
      }
    }
    kernel.forEach(count, count * N * cost, divide, { bytes: ring.rowBytes })
  })
  for (const out of outs) out.domain = domain
}

function checkDivision(
  ring: RingStructure,
  outs: readonly Polynomial[],
  out: Polynomial,
  a: Polynomial,
  domain: Domain,
  drop: readonly number[],
  addend: Polynomial | undefined
): void {
  const operation = 'divideAndRound'
  checkOperand(ring, operation, out, a)
  checkDomain(operation, a, domain)
  if (addend) {
    if (addend !== out && outs.includes(addend)) throw new AliasError(operation)
    checkOperand(ring, operation, out, addend)
    checkDomain(operation, addend, domain)
  }
  for (const index of drop) {
    if (a.basis.positions[index] === undefined || a.basis.positions[index] < 0) throw new BasisMismatchError(operation, index, a.indices)
    if (out.basis.positions[index]! >= 0)
      throw new BasisMismatchError(operation, index, out.indices, 'is to be dropped but is in the output')
  }
}
