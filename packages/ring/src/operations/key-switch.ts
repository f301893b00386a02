/**
 * Hybrid key switching (eprint 2020/304, gadget of digit groups D_j, P the product of the special primes) of a polynomial a over Q_l, for any number of keys:
 *
 *   decompose       d_j = [a]_{D_j}, centred, over Q_l ∪ P
 *   inner product   (u, v) = Σ_j d_j·(b_j, a_j)        over Q_l ∪ P
 *   divide          (round(u/P), round(v/P))            over Q_l           (divideAndRound)
 *
 * One thread does row after row from digits to result. Several first compute all inner products, then all quotients, so that neither waits for the rows of P alone.
 */

import { AliasError, BasisMismatchError, LengthMismatchError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { type Digits, extensionFrom } from '../structure/base-extension.js'
import { checkDomain, checkInputs, checkOperand, checkOutputs } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'
import { DigitProducts } from './decomposition.js'
import type { KeyDigit } from './products.js'

/** Two polynomials, as a ciphertext of degree 1 or the two components of a key's digit. */
export type PolynomialPair = readonly [Polynomial, Polynomial]

/** What a key switch does to its results. */
export interface KeySwitchFinish {
  /** Added to the first and to the second component of every result, before the automorphism. */
  readonly addends?: readonly (Polynomial | undefined)[]
  /** Galois element per key; 1, and when absent, is none. */
  readonly galoisElements?: readonly number[]
}

/** Keys that one item of work serves at most: its calls have to be noted. */
const LARGEST_PART = 256

interface Part {
  /** Row. */
  readonly k: number
  readonly first: number
  readonly end: number
}

/**
 * Rows as items of work. Rows that would leave threads idle at the end are divided by keys, which costs their digits again; so are rows with very many keys.
 */
function partsOf(ring: RingStructure, rows: number, keys: number, parallel: boolean): Part[] {
  const { threads } = ring.kernel
  const whole = rows - (rows % threads)
  return Array.from({ length: rows }, (_, k) => {
    const divided = parallel && k >= whole && keys >= 2 * threads ? threads : 1
    const count = Math.max(divided, Math.ceil(keys / LARGEST_PART))
    return Array.from({ length: count }, (_, p) => ({
      k,
      first: Math.floor((p * keys) / count),
      end: Math.floor(((p + 1) * keys) / count)
    }))
  }).flat()
}

/** See Ring.decomposeInnerProduct. */
export function decomposeInnerProduct(
  ring: RingStructure,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly KeyDigit[])[],
  finish: KeySwitchFinish
): void {
  const operation = 'decomposeInnerProduct'
  checkKeySwitch(ring, operation, out, a, digitIndices, keys, finish)
  if (out.length === 0) return
  const { kernel, N, rowBytes } = ring
  const { indices } = out[0]![0]
  const offsets = offsetsOf(ring, keys.length, finish)
  const products = new DigitProducts(ring, a, digitIndices, keys, indices.length)
  const finishRow = (calls: KernelCalls, index: number, k: number, r: number, sums: number): void => {
    const moved = offsets[r]
    out[r]!.forEach((output, component) => {
      const row = output.rowAddress(k)
      const sum = sums + component * rowBytes
      const addend = finish.addends?.[component]?.addressOf(index)
      if (moved === undefined) {
        if (addend !== undefined) calls.add(row, row, addend, N, ring.block(index))
      } else if (addend === undefined) calls.gather(row, sum, moved, N)
      else calls.gatherSum(row, sum, addend, moved, N, ring.block(index))
    })
  }
  kernel.withScratch(products.bytes, memory => {
    products.prepare(memory)
    const cost = indices.length * N * products.cost
    const parts = partsOf(ring, indices.length, keys.length, kernel.isParallel(cost))
    const work = (calls: KernelCalls, item: number, scratch: number): void => {
      const { k, first, end } = parts[item]!
      const index = indices[k]!
      const sums = scratch + products.scratchBytes
      const digits = products.digitsModulo(calls, index, scratch)
      for (let r = first; r < end; r++) {
        const [c0, c1] = offsets[r] === undefined ? out[r]!.map(output => output.rowAddress(k)) : [sums, sums + rowBytes]
        products.multiply(calls, digits, index, k, r, c0!, c1!)
        finishRow(calls, index, k, r, sums)
      }
    }
    kernel.forEach(parts.length, cost, work, { bytes: products.scratchBytes + 2 * rowBytes })
  })
  for (const output of out.flat()) output.domain = 'ntt'
}

/** See Ring.switchKeys. */
export function switchKeys(
  ring: RingStructure,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly KeyDigit[])[],
  drop: readonly number[],
  finish: KeySwitchFinish
): void {
  const operation = 'switchKeys'
  checkKeySwitch(ring, operation, out, a, digitIndices, keys, finish)
  const extension = extensionFrom(ring, drop)
  if (out.length === 0) return
  const { indices } = out[0]![0]
  checkDrop(operation, out[0]![0], keys, drop)
  const { kernel, N, rowBytes } = ring
  const kept = indices.length
  // First the rows that stay, then those to be dropped.
  const extended = [...indices, ...drop]
  const offsets = offsetsOf(ring, keys.length, finish)
  const products = new DigitProducts(ring, a, digitIndices, keys, extended.length)
  const remaindersBytes = 2 * keys.length * drop.length * rowBytes
  kernel.withScratch(products.bytes + remaindersBytes + extension.digitBytes(2 * keys.length), memory => {
    const remainders = memory + products.bytes
    const remainder = (r: number, component: number, d: number): number => remainders + ((2 * r + component) * drop.length + d) * rowBytes
    const multiply = (calls: KernelCalls, { k, first, end }: Part, scratch: number): void => {
      const index = extended[k]!
      const digits = products.digitsModulo(calls, index, scratch)
      for (let r = first; r < end; r++) {
        const rows = [0, 1].map(component => (k < kept ? out[r]![component]!.rowAddress(k) : remainder(r, component, k - kept)))
        products.multiply(calls, digits, index, k, r, rows[0]!, rows[1]!)
        if (k >= kept) for (const row of rows) calls.backward(row, row, ring.block(index))
      }
    }
    const divide = (calls: KernelCalls, k: number, r: number, component: number, scratch: number): void => {
      const index = indices[k]!
      const { w, ratio } = extension.inverse(index)
      const moved = offsets[r]
      const row = out[r]![component]!.rowAddress(k)
      const to = moved === undefined ? row : scratch + rowBytes
      const addend = finish.addends?.[component]?.addressOf(index)
      const from = extension.extendForTransform(calls, dropped[2 * r + component]!, scratch, index)
      if (addend === undefined) calls.forwardSubtractMultiply(to, row, from, scratch, w, ratio, ring.block(index))
      else calls.forwardSubtractMultiplyAdd(to, row, addend, from, scratch, w, ratio, ring.block(index))
      if (moved !== undefined) calls.gather(row, to, moved, N)
    }
    const prepareDivision = (): readonly Digits[] =>
      extension.prepare(
        keys.flatMap((_, r) => [0, 1].map(component => drop.map((_index, d) => remainder(r, component, d)))),
        remainders + remaindersBytes
      )
    let dropped: readonly Digits[] = []
    products.prepare(memory)
    const cost = extended.length * N * products.cost
    const multiplyScratch = { bytes: products.scratchBytes }
    if (kernel.isParallel(cost)) {
      const parts = partsOf(ring, extended.length, keys.length, true)
      kernel.forEach(parts.length, cost, (calls, item, scratch) => multiply(calls, parts[item]!, scratch), multiplyScratch)
      dropped = prepareDivision()
      const count = 2 * keys.length * kept
      const work = (calls: KernelCalls, item: number, scratch: number): void =>
        divide(calls, Math.floor(item / (2 * keys.length)), (item >> 1) % keys.length, item % 2, scratch)
      kernel.forEach(count, count * N * COST.transform, work, { bytes: 2 * rowBytes })
      return
    }
    const all = { first: 0, end: keys.length }
    const bytes = Math.max(products.scratchBytes, 2 * rowBytes)
    kernel.withScratch(bytes, scratch => {
      const calls = kernel.exports
      for (let d = 0; d < drop.length; d++) multiply(calls, { ...all, k: kept + d }, scratch)
      dropped = prepareDivision()
      for (let k = 0; k < kept; k++) {
        multiply(calls, { ...all, k }, scratch)
        for (let r = 0; r < keys.length; r++) for (const component of [0, 1]) divide(calls, k, r, component, scratch)
      }
    })
  })
  for (const output of out.flat()) output.domain = 'ntt'
}

/** Gather tables of the automorphisms, undefined for none. */
function offsetsOf(ring: RingStructure, count: number, { galoisElements }: KeySwitchFinish): (number | undefined)[] {
  return Array.from({ length: count }, (_, r) => {
    const element = galoisElements?.[r] ?? 1
    return element === 1 ? undefined : ring.automorphismOffsets(element)
  })
}

function checkDrop(operation: string, out: Polynomial, keys: readonly (readonly KeyDigit[])[], drop: readonly number[]): void {
  for (const index of drop) {
    if (out.basis.positions[index]! >= 0)
      throw new BasisMismatchError(operation, index, out.indices, 'is to be dropped but is in the output')
    for (const part of keys.flat().flatMap(({ b, a }) => [b, a])) {
      if (part.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, part.indices)
    }
  }
}

function checkKeySwitch(
  ring: RingStructure,
  operation: string,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly KeyDigit[])[],
  { addends = [], galoisElements }: KeySwitchFinish
): void {
  if (out.length !== keys.length) throw new LengthMismatchError(`keys of ${operation}`, out.length, keys.length)
  if (galoisElements && galoisElements.length !== keys.length) {
    throw new LengthMismatchError(`Galois elements of ${operation}`, keys.length, galoisElements.length)
  }
  for (const element of galoisElements ?? []) ring.checkGaloisElement(element)
  const outputs = out.flat()
  if (outputs.length > 0) checkOutputs(ring, operation, outputs)
  for (const key of keys) {
    if (digitIndices.length !== key.length)
      throw new LengthMismatchError(`digits of a key of ${operation}`, digitIndices.length, key.length)
    const parts = key.flatMap(({ b, a: second }) => [b, second])
    checkInputs(ring, operation, outputs, parts)
  }
  if (outputs.length > 0) {
    const present = addends.filter(addend => addend !== undefined)
    checkInputs(ring, operation, outputs, present)
  }
  checkOperand(ring, operation, a, a)
  checkDomain(operation, a, 'ntt')
  if (outputs.includes(a)) throw new AliasError(operation)
  for (const index of digitIndices.flat()) if (a.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, a.indices)
}
