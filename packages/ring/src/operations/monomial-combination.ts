/**
 * A matrix of monomials times a vector of polynomials, coefficient domain: out_o [+]= Σ_i X^(e_oi)·in_i modulo X^N + 1.
 *
 * Inputs are taken a few at a time, so that they stay in the second-level cache while all outputs take from them, and as many as need one reduction.
 */

import { AliasError, InvalidArgumentError, LengthMismatchError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { checkDomain, checkOperand, checkOutputs } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

/** In the place of an exponent: the input is not in this sum. */
export const NO_TERM = -1

/** Terms between reductions (assembly/monomial.ts). */
const BURST = 7
/** Bytes of a term in the kernel's table. */
const TERM_BYTES = 8

/** See Ring.monomialCombinations. */
export function monomialCombinations(
  ring: RingStructure,
  outs: readonly Polynomial[],
  inputs: readonly Polynomial[],
  exponents: readonly ArrayLike<number>[],
  add: boolean
): void {
  const operation = 'monomialCombinations'
  if (exponents.length !== outs.length) throw new LengthMismatchError(`rows of exponents of ${operation}`, outs.length, exponents.length)
  if (outs.length === 0) return
  checkOutputs(ring, operation, outs)
  for (const input of inputs) {
    checkOperand(ring, operation, outs[0]!, input)
    checkDomain(operation, input, 'coefficient')
    if (outs.includes(input)) throw new AliasError(operation)
  }
  for (const row of exponents) checkExponents(row, inputs.length, 2 * ring.N)
  for (const out of outs) {
    if (add) checkDomain(operation, out, 'coefficient')
    else out.wipe()
    out.domain = 'coefficient'
  }
  const { kernel, N } = ring
  const { indices } = outs[0]!
  const groups = Math.ceil(inputs.length / BURST)
  const terms = groups * BURST
  const tableBytes = TERM_BYTES * terms * outs.length
  const cost = indices.length * N * (COST.copy * inputs.length * outs.length + COST.sum * groups * outs.length)
  if (groups === 0) return
  kernel.withScratch(indices.length * tableBytes, memory => {
    const counts = indices.map((index, k) => {
      const table = new Uint32Array(kernel.memory.buffer, memory + k * tableBytes, 2 * terms * outs.length)
      return writeTerms(table, inputs, exponents, index)
    })
    const work = (calls: KernelCalls, k: number, group: number, o: number): void => {
      const count = counts[k]![group * outs.length + o]!
      const at = memory + k * tableBytes + TERM_BYTES * BURST * (group * outs.length + o)
      if (count > 0) calls.addMonomialProducts(outs[o]!.rowAddress(k), at, count, N, ring.block(indices[k]!))
    }
    if (kernel.isParallel(cost)) {
      // An item is one row of one output.
      kernel.forEach(indices.length * outs.length, cost, (calls, item) => {
        for (let group = 0; group < groups; group++) work(calls, Math.floor(item / outs.length), group, item % outs.length)
      })
    } else {
      kernel.forEach(indices.length, cost, (calls, k) => {
        for (let group = 0; group < groups; group++) for (let o = 0; o < outs.length; o++) work(calls, k, group, o)
      })
    }
  })
}

/** Per group of inputs and output the terms, BURST places each. @returns how many of them are taken */
function writeTerms(table: Uint32Array, inputs: readonly Polynomial[], exponents: readonly ArrayLike<number>[], index: number): number[] {
  const counts: number[] = []
  const addresses = inputs.map(input => input.addressOf(index))
  for (let first = 0; first < inputs.length; first += BURST) {
    for (const row of exponents) {
      const start = 2 * BURST * counts.length
      let at = start
      for (let i = first; i < Math.min(inputs.length, first + BURST); i++) {
        if (row[i]! === NO_TERM) continue
        table[at++] = addresses[i]!
        table[at++] = row[i]!
      }
      counts.push((at - start) / 2)
    }
  }
  return counts
}

function checkExponents(row: ArrayLike<number>, inputs: number, limit: number): void {
  if (row.length !== inputs) throw new LengthMismatchError('exponents', inputs, row.length)
  for (let i = 0; i < row.length; i++) {
    const e = row[i]!
    if (e !== NO_TERM && !(Number.isInteger(e) && e >= 0 && e < limit)) {
      throw new InvalidArgumentError('exponents', `integers from 0 to ${limit - 1}, or ${NO_TERM} for no term`, e)
    }
  }
}
