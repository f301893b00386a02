/** Sums of products and automorphisms in the ntt domain: the fused pieces that multiplication and rotation are made of. */

import { AliasError, LengthMismatchError } from '../errors.js'
import { checkDomain, checkInputs, checkOperand, checkOutputs } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

/** Components of two ciphertexts, or of a ciphertext and a plaintext; `b` has at most as many as `a`. */
export interface ComponentPair {
  readonly a: readonly Polynomial[]
  readonly b: readonly Polynomial[]
}

/** One digit of a key for switching. */
export interface KeyDigit {
  readonly b: Polynomial
  readonly a: Polynomial
}

/** See Ring.innerProduct. */
export function innerProduct(
  ring: RingStructure,
  out0: Polynomial,
  out1: Polynomial,
  digits: readonly Polynomial[],
  keys: readonly KeyDigit[]
): void {
  if (digits.length !== keys.length) throw new LengthMismatchError('keys of innerProduct', digits.length, keys.length)
  multiplyAccumulate(
    ring,
    [out0, out1],
    digits.map((digit, j) => ({ a: [keys[j]!.b, keys[j]!.a], b: [digit] })),
    false
  )
}

/** See Ring.multiplyAccumulate. */
export function multiplyAccumulate(ring: RingStructure, out: readonly Polynomial[], pairs: readonly ComponentPair[], add: boolean): void {
  const operation = 'multiplyAccumulate'
  const first = out[0]
  if (!first || out.length > 3) throw new LengthMismatchError('outputs of multiplyAccumulate (1 to 3)', 3, out.length)
  const left = Math.min(out.length, 2)
  const right = out.length - left + 1
  const inputs = pairs.flatMap(({ a, b }) => {
    if (a.length !== left) throw new LengthMismatchError('components of a', left, a.length)
    if (b.length !== right) throw new LengthMismatchError('components of b', right, b.length)
    return [...a, ...b]
  })
  checkOutputs(ring, operation, out)
  if (add) for (const output of out) checkDomain(operation, output, 'ntt')
  checkInputs(ring, operation, out, inputs)
  const { kernel } = ring
  const { indices } = first
  const addToOut = Number(add)
  const cost = COST.product * pairs.length * out.length
  const tableLength = inputs.length + (inputs.length % 2)
  for (const output of out) output.domain = 'ntt'
  kernel.withScratch(4 * tableLength * indices.length * ring.blocksPerRow(indices.length, cost), tables => {
    const addresses = new Uint32Array(kernel.memory.buffer, tables)
    ring.forEachBlock(indices.length, cost, (calls, k, offset, n, item) => {
      const index = indices[k]!
      const start = item * tableLength
      for (let i = 0; i < inputs.length; i++) addresses[start + i] = inputs[i]!.addressOf(index) + offset
      const table = tables + 4 * start
      const block = ring.block(index)
      const [c0, c1, c2] = out.map(output => output.rowAddress(k) + offset) as [number, number, number]
      if (out.length === 1) calls.multiplyAccumulate11(c0, table, pairs.length, n, block, addToOut)
      else if (out.length === 2) calls.multiplyAccumulate21(c0, c1, table, pairs.length, n, block, addToOut)
      else calls.multiplyAccumulate22(c0, c1, c2, table, pairs.length, n, block, addToOut)
    })
  })
}

/** Sums of products of pairs with two components each, as Ring.multiplyAccumulate has them. */
export interface SumOfProducts {
  /** three components */
  readonly out: readonly Polynomial[]
  readonly pairs: readonly ComponentPair[]
  /** Whether the sum is added to what `out` holds. */
  readonly add: boolean
}

/** What a few columns of all rows may take: with what else there is they should stay in the second-level cache. */
const TILE_BYTES = 384 * 1024
const SMALLEST_TILE = 512
/** A sum in the kernel's table before its pairs, and a pair: 32-bit words. */
const SUM_WORDS = 5
const PAIR_WORDS = 4

/** See Ring.multiplyAccumulateMany. */
export function multiplyAccumulateMany(ring: RingStructure, sums: readonly SumOfProducts[]): void {
  const operation = 'multiplyAccumulateMany'
  const first = sums[0]?.out[0]
  if (!first) return
  const rows = new Set<Polynomial>()
  let words = 0
  for (const { out, pairs, add } of sums) {
    if (out.length !== 3) throw new LengthMismatchError(`outputs of ${operation}`, 3, out.length)
    const inputs = pairs.flatMap(({ a, b }) => {
      if (a.length !== 2) throw new LengthMismatchError('components of a', 2, a.length)
      if (b.length !== 2) throw new LengthMismatchError('components of b', 2, b.length)
      return [...a, ...b]
    })
    checkOutputs(ring, operation, [first, ...out.filter(output => output !== first)])
    if (add) for (const output of out) checkDomain(operation, output, 'ntt')
    checkInputs(ring, operation, out, inputs)
    for (const row of [...out, ...inputs]) rows.add(row)
    words += SUM_WORDS + PAIR_WORDS * pairs.length
  }
  const outputs = new Set(sums.flatMap(({ out }) => out))
  if (outputs.size !== 3 * sums.length || sums.some(({ pairs }) => pairs.some(({ a, b }) => [...a, ...b].some(row => outputs.has(row)))))
    throw new AliasError(operation)
  const { kernel } = ring
  const { indices } = first
  const products = sums.reduce((count, { pairs }) => count + pairs.length, 0)
  const tile = Math.max(SMALLEST_TILE, 2 ** Math.floor(Math.log2(TILE_BYTES / rows.size)))
  kernel.withScratch(4 * words * indices.length, tables => {
    const table = new Uint32Array(kernel.memory.buffer, tables)
    let at = 0
    for (const [k, index] of indices.entries()) {
      for (const { out, pairs, add } of sums) {
        for (const output of out) table[at++] = output.rowAddress(k)
        table[at++] = pairs.length
        table[at++] = Number(add)
        for (const { a, b } of pairs) for (const factor of [a[0]!, a[1]!, b[0]!, b[1]!]) table[at++] = factor.addressOf(index)
      }
    }
    ring.forEachBlock(indices.length, COST.product * 3 * products, (calls, k, offset, n) =>
      calls.multiplyAccumulateMany22(tables + 4 * words * k, sums.length, offset, offset + 8 * n, tile, ring.block(indices[k]!))
    )
  })
  for (const output of outputs) output.domain = 'ntt'
}

/** See Ring.addAutomorphism. */
export function addAutomorphism(ring: RingStructure, out: Polynomial, a: Polynomial, galoisElement: number): Polynomial {
  const operation = 'addAutomorphism'
  checkOperand(ring, operation, out, a)
  checkDomain(operation, out, 'ntt')
  checkDomain(operation, a, 'ntt')
  ring.checkGaloisElement(galoisElement)
  if (out === a) throw new AliasError(operation)
  const offsets = ring.automorphismOffsets(galoisElement)
  const { indices } = out
  ring.forEachBlock(indices.length, COST.permutation, (calls, k, offset, n) => {
    const index = indices[k]!
    calls.gatherAdd(out.rowAddress(k) + offset, a.addressOf(index), offsets + offset / 2, n, ring.block(index))
  })
  return out
}

/** See Ring.automorphismOfSum. */
export function automorphismOfSum(ring: RingStructure, out: Polynomial, a: Polynomial, b: Polynomial, galoisElement: number): Polynomial {
  const operation = 'automorphismOfSum'
  checkOperand(ring, operation, out, a)
  checkOperand(ring, operation, out, b)
  checkDomain(operation, a, 'ntt')
  checkDomain(operation, b, 'ntt')
  ring.checkGaloisElement(galoisElement)
  if (out === a || out === b) throw new AliasError(operation)
  const offsets = ring.automorphismOffsets(galoisElement)
  const { indices } = out
  ring.forEachBlock(indices.length, COST.permutation, (calls, k, offset, n) => {
    const index = indices[k]!
    calls.gatherSum(out.rowAddress(k) + offset, a.addressOf(index), b.addressOf(index), offsets + offset / 2, n, ring.block(index))
  })
  out.domain = 'ntt'
  return out
}
