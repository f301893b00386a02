/**
 * Fused pieces of multiplication, key switching and rotation, all on ring polynomials.
 *
 * Hybrid key switching (eprint 2020/304, gadget of digit groups D_j, P the product of the special primes) of a polynomial a over Q_l:
 *
 *   decompose       d_j = [a]_{D_j}, centred, over Q_l ∪ P
 *   inner product   (u, v) = Σ_j d_j·(b_j, a_j)        over Q_l ∪ P
 *   divide          (round(u/P), round(v/P))            over Q_l           (divideAndRound)
 */

import { AliasError, BasisMismatchError, LengthMismatchError } from './errors.js'
import type { Polynomial } from './polynomial.js'
import type { Ring } from './ring.js'

/** Components of two ciphertexts, or of a ciphertext and a plaintext; `b` has at most as many as `a`. */
export interface ComponentPair {
  readonly a: readonly Polynomial[]
  readonly b: readonly Polynomial[]
}

type Key = { readonly b: Polynomial; readonly a: Polynomial }

/** See Ring.decompose. */
export function decompose(
  ring: Ring,
  out: Polynomial,
  coefficients: Polynomial,
  transformed: Polynomial,
  digitIndices: readonly number[]
): Polynomial {
  ring.checkOperand('decompose', out, out)
  checkDecomposed(ring, 'decompose', [out], coefficients, transformed, [digitIndices])
  const { kernel } = ring
  const extension = ring.extension(digitIndices)
  kernel.withScratch(Math.max(64, extension.scratchBytes), scratch => {
    extension.prepare(
      digitIndices.map(index => coefficients.addressOf(index)),
      scratch
    )
    out.indices.forEach((index, k) => {
      const to = out.rowAddress(k)
      if (digitIndices.includes(index)) kernel.exports.copyBytes(to, transformed.addressOf(index), ring.N * 8)
      else kernel.exports.forward(to, extension.extendForTransform(to, index), ring.block(index))
    })
  })
  out.domain = 'ntt'
  return out
}

/** See Ring.decomposeInnerProduct. */
export function decomposeInnerProduct(
  ring: Ring,
  out0: Polynomial,
  out1: Polynomial,
  coefficients: Polynomial,
  transformed: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly Key[]
): void {
  const operation = 'decomposeInnerProduct'
  if (digitIndices.length !== keys.length) throw new LengthMismatchError(`keys of ${operation}`, digitIndices.length, keys.length)
  checkOutputs(ring, operation, [out0, out1])
  checkDecomposed(ring, operation, [out0, out1], coefficients, transformed, digitIndices)
  checkInputs(
    ring,
    operation,
    [out0, out1],
    keys.flatMap(({ b, a }) => [b, a])
  )
  const { kernel, N } = ring
  const { exports } = kernel
  const digits = digitIndices.map(indices => ({ indices, extension: ring.extension(indices) }))
  const extended = digits.reduce((bytes, { extension }) => bytes + extension.scratchBytes, 0)
  const tableBytes = Math.ceil((12 * keys.length) / 64) * 64
  kernel.withScratch(tableBytes + extended + digits.length * ring.rowBytes, table => {
    const addresses = new Uint32Array(kernel.memory.buffer, table, 3 * keys.length)
    let scratch = table + tableBytes
    for (const { indices, extension } of digits) {
      extension.prepare(
        indices.map(index => coefficients.addressOf(index)),
        scratch
      )
      scratch += extension.scratchBytes
    }
    out0.indices.forEach((index, k) => {
      const block = ring.block(index)
      digits.forEach(({ indices, extension }, j) => {
        addresses[3 * j] = keys[j]!.b.addressOf(index)
        addresses[3 * j + 1] = keys[j]!.a.addressOf(index)
        const to = scratch + j * ring.rowBytes
        if (indices.includes(index)) addresses[3 * j + 2] = transformed.addressOf(index)
        else {
          exports.forward(to, extension.extendForTransform(to, index), block)
          addresses[3 * j + 2] = to
        }
      })
      exports.multiplyAccumulate21(out0.rowAddress(k), out1.rowAddress(k), table, keys.length, N, block, 0)
    })
  })
  out0.domain = 'ntt'
  out1.domain = 'ntt'
}

/** See Ring.innerProduct. */
export function innerProduct(ring: Ring, out0: Polynomial, out1: Polynomial, digits: readonly Polynomial[], keys: readonly Key[]): void {
  if (digits.length !== keys.length) throw new LengthMismatchError('keys of innerProduct', digits.length, keys.length)
  multiplyAccumulate(
    ring,
    [out0, out1],
    digits.map((digit, j) => ({ a: [keys[j]!.b, keys[j]!.a], b: [digit] })),
    false
  )
}

/** See Ring.multiplyAccumulate. */
export function multiplyAccumulate(ring: Ring, out: readonly Polynomial[], pairs: readonly ComponentPair[], add: boolean): void {
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
  if (add) for (const output of out) ring.checkDomain(operation, output, 'ntt')
  checkInputs(ring, operation, out, inputs)
  const { kernel, N } = ring
  const { exports } = kernel
  for (const output of out) output.domain = 'ntt'
  kernel.withScratch(Math.max(64, 4 * inputs.length), table => {
    const addresses = new Uint32Array(kernel.memory.buffer, table, inputs.length)
    first.indices.forEach((index, k) => {
      for (let i = 0; i < inputs.length; i++) addresses[i] = inputs[i]!.addressOf(index)
      const block = ring.block(index)
      const [c0, c1, c2] = out.map(output => output.rowAddress(k)) as [number, number, number]
      if (out.length === 1) exports.multiplyAccumulate11(c0, table, pairs.length, N, block, Number(add))
      else if (out.length === 2) exports.multiplyAccumulate21(c0, c1, table, pairs.length, N, block, Number(add))
      else exports.multiplyAccumulate22(c0, c1, c2, table, pairs.length, N, block, Number(add))
    })
  })
}

/** Outputs over one basis, none twice. */
function checkOutputs(ring: Ring, operation: string, out: readonly Polynomial[]): void {
  const first = out[0]!
  for (const output of out) {
    ring.checkOperand(operation, output, output)
    if (output.basis !== first.basis)
      throw new BasisMismatchError(operation, first.indices[0]!, output.indices, 'and all others must be the same in every output')
    if (out.indexOf(output) !== out.lastIndexOf(output)) throw new AliasError(operation)
  }
}

/** Inputs with all rows of the outputs, ntt domain, none of them an output. */
function checkInputs(ring: Ring, operation: string, out: readonly Polynomial[], inputs: readonly Polynomial[]): void {
  for (const input of inputs) {
    ring.checkOperand(operation, out[0]!, input)
    ring.checkDomain(operation, input, 'ntt')
    if (out.includes(input)) throw new AliasError(operation)
  }
}

/** A polynomial in both domains, with the rows of its digits. */
function checkDecomposed(
  ring: Ring,
  operation: string,
  out: readonly Polynomial[],
  coefficients: Polynomial,
  transformed: Polynomial,
  digits: readonly (readonly number[])[]
): void {
  ring.checkDomain(operation, coefficients, 'coefficient')
  ring.checkDomain(operation, transformed, 'ntt')
  for (const source of [coefficients, transformed]) {
    ring.checkOperand(operation, source, source)
    if (out.includes(source)) throw new AliasError(operation)
    for (const index of digits.flat())
      if (source.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, source.indices)
  }
}

/** See Ring.addAutomorphism. */
export function addAutomorphism(ring: Ring, out: Polynomial, a: Polynomial, galoisElement: number): Polynomial {
  const operation = 'addAutomorphism'
  ring.checkOperand(operation, out, a)
  ring.checkDomain(operation, out, 'ntt')
  ring.checkDomain(operation, a, 'ntt')
  ring.checkGaloisElement(galoisElement)
  if (out === a) throw new AliasError(operation)
  const offsets = ring.automorphismOffsets(galoisElement)
  out.indices.forEach((index, k) => {
    ring.kernel.exports.gatherAdd(out.rowAddress(k), a.addressOf(index), offsets, ring.N, ring.block(index))
  })
  return out
}

/** See Ring.automorphismOfSum. */
export function automorphismOfSum(ring: Ring, out: Polynomial, a: Polynomial, b: Polynomial, galoisElement: number): Polynomial {
  const operation = 'automorphismOfSum'
  ring.checkOperand(operation, out, a)
  ring.checkOperand(operation, out, b)
  ring.checkDomain(operation, a, 'ntt')
  ring.checkDomain(operation, b, 'ntt')
  ring.checkGaloisElement(galoisElement)
  if (out === a || out === b) throw new AliasError(operation)
  const offsets = ring.automorphismOffsets(galoisElement)
  out.indices.forEach((index, k) => {
    ring.kernel.exports.gatherSum(out.rowAddress(k), a.addressOf(index), b.addressOf(index), offsets, ring.N, ring.block(index))
  })
  out.domain = 'ntt'
  return out
}
