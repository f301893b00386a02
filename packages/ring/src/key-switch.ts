/**
 * Fused pieces of multiplication, key switching and rotation, all on ring polynomials.
 *
 * Hybrid key switching (eprint 2020/304, gadget of digit groups D_j, P the product of the special primes) of a polynomial a over Q_l:
 *
 *   decompose       d_j = [a]_{D_j}, centred, over Q_l ∪ P
 *   inner product   (u, v) = Σ_j d_j·(b_j, a_j)        over Q_l ∪ P
 *   divide          (round(u/P), round(v/P))            over Q_l           (divideAndRound)
 */

import type { BaseExtension } from './base-extension.js'
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
  ring.checkDomain('decompose', coefficients, 'coefficient')
  ring.checkDomain('decompose', transformed, 'ntt')
  for (const source of [coefficients, transformed]) {
    ring.checkOperand('decompose', source, source)
    if (out === source) throw new AliasError('decompose')
    for (const index of digitIndices)
      if (source.basis.positions[index]! < 0) throw new BasisMismatchError('decompose', index, source.indices)
  }
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

/**
 * The digits of one polynomial, computed row by row when wanted: a row of every digit at a time stays in the cache while keys stream past it.
 */
class DigitRows {
  readonly #digits: readonly { readonly indices: readonly number[]; readonly extension: BaseExtension }[]
  #rows = 0

  constructor(
    private readonly ring: Ring,
    private readonly polynomial: Polynomial,
    digitIndices: readonly (readonly number[])[]
  ) {
    this.#digits = digitIndices.map(indices => ({ indices, extension: ring.extension(indices) }))
  }

  get scratchBytes(): number {
    return this.#digits.reduce(
      (bytes, { indices, extension }) => bytes + extension.scratchBytes + (indices.length + 1) * this.ring.rowBytes,
      0
    )
  }

  prepare(scratch: number): void {
    const { ring } = this
    let address = scratch
    for (const { indices, extension } of this.#digits) {
      const coefficients = indices.map((index, k) => {
        const row = address + k * ring.rowBytes
        ring.kernel.exports.backward(row, this.polynomial.addressOf(index), ring.block(index))
        return row
      })
      address += indices.length * ring.rowBytes
      extension.prepare(coefficients, address)
      address += extension.scratchBytes
    }
    this.#rows = address
  }

  /** Writes the addresses of the digits modulo `index`, ntt domain, to `addresses` from `start` on, `stride` apart. */
  compute(index: number, addresses: Uint32Array, start: number, stride: number): void {
    const { ring } = this
    this.#digits.forEach(({ indices, extension }, j) => {
      let address = this.polynomial.addressOf(index)
      if (!indices.includes(index)) {
        address = this.#rows + j * ring.rowBytes
        ring.kernel.exports.forward(address, extension.extendForTransform(address, index), ring.block(index))
      }
      addresses[start + j * stride] = address
    })
  }
}

/** A table for multiplyAccumulate21, and inner products of the digits in it with keys. */
class InnerProducts {
  readonly #addresses: Uint32Array
  readonly #count: number

  constructor(
    private readonly ring: Ring,
    private readonly digits: DigitRows,
    private readonly table: number,
    count: number
  ) {
    this.#count = count
    this.#addresses = new Uint32Array(ring.kernel.memory.buffer, table, 3 * count)
  }

  static tableBytes(count: number): number {
    return Math.ceil((12 * Math.max(count, 1)) / 64) * 64
  }

  /** Goes on to another modulus. */
  start(index: number): void {
    this.digits.compute(index, this.#addresses, 2, 3)
  }

  /** Rows at c0 and c1: the sums modulo the `index` started with. */
  run(c0: number, c1: number, key: readonly Key[], index: number): void {
    const { ring } = this
    for (let j = 0; j < this.#count; j++) {
      this.#addresses[3 * j] = key[j]!.b.addressOf(index)
      this.#addresses[3 * j + 1] = key[j]!.a.addressOf(index)
    }
    ring.kernel.exports.multiplyAccumulate21(c0, c1, this.table, this.#count, ring.N, ring.block(index), 0)
  }
}

export type PolynomialPair = readonly [Polynomial, Polynomial]

/** What a key switch does to its results. */
export interface KeySwitchFinish {
  /** Added to the first and to the second component of every result, before the automorphism. */
  readonly addends?: readonly (Polynomial | undefined)[]
  /** Galois element per key; 1, and when absent, is none. */
  readonly galoisElements?: readonly number[]
}

/** See Ring.decomposeInnerProduct. */
export function decomposeInnerProduct(
  ring: Ring,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly Key[])[],
  finish: KeySwitchFinish
): void {
  const operation = 'decomposeInnerProduct'
  checkKeySwitch(ring, operation, out, a, digitIndices, keys, finish)
  if (out.length === 0) return
  const { exports } = ring.kernel
  const { N, rowBytes } = ring
  const offsets = offsetsOf(ring, keys.length, finish)
  const digits = new DigitRows(ring, a, digitIndices)
  const tableBytes = InnerProducts.tableBytes(digitIndices.length)
  ring.kernel.withScratch(tableBytes + digits.scratchBytes + 2 * rowBytes, table => {
    const scratch = table + tableBytes
    const sums = scratch + digits.scratchBytes
    digits.prepare(scratch)
    const products = new InnerProducts(ring, digits, table, digitIndices.length)
    out[0]![0].indices.forEach((index, k) => {
      const block = ring.block(index)
      products.start(index)
      out.forEach((pair, r) => {
        const rows = pair.map(output => output.rowAddress(k)) as [number, number]
        const moved = offsets[r]
        if (moved === undefined) products.run(...rows, keys[r]!, index)
        else products.run(sums, sums + rowBytes, keys[r]!, index)
        rows.forEach((row, component) => {
          const addend = finish.addends?.[component]?.addressOf(index)
          const sum = sums + component * rowBytes
          if (moved === undefined) {
            if (addend !== undefined) exports.add(row, row, addend, N, block)
          } else if (addend === undefined) exports.gather(row, sum, moved, N)
          else exports.gatherSum(row, sum, addend, moved, N, block)
        })
      })
    })
  })
  for (const output of out.flat()) output.domain = 'ntt'
}

/** See Ring.switchKeys. */
export function switchKeys(
  ring: Ring,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly Key[])[],
  drop: readonly number[],
  finish: KeySwitchFinish
): void {
  const operation = 'switchKeys'
  checkKeySwitch(ring, operation, out, a, digitIndices, keys, finish)
  const extension = ring.extension(drop)
  const first = out[0]?.[0]
  if (first === undefined) return
  for (const index of drop) {
    if (first.basis.positions[index]! >= 0)
      throw new BasisMismatchError(operation, index, first.indices, 'is to be dropped but is in the output')
    for (const part of keys.flat().flatMap(({ b, a: second }) => [b, second])) {
      if (part.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, part.indices)
    }
  }
  const { exports } = ring.kernel
  const { N, rowBytes } = ring
  const offsets = offsetsOf(ring, keys.length, finish)
  const digits = new DigitRows(ring, a, digitIndices)
  const tableBytes = InnerProducts.tableBytes(digitIndices.length)
  // Per pair and component: the rows to be dropped, and what preparing their extension takes.
  const remainderBytes = drop.length * rowBytes + extension.scratchBytes
  const bytes = tableBytes + digits.scratchBytes + 4 * rowBytes + 2 * out.length * remainderBytes
  ring.kernel.withScratch(bytes, table => {
    const sums = table + tableBytes + digits.scratchBytes
    const extendedRow = sums + 2 * rowBytes
    const quotientRow = extendedRow + rowBytes
    const remainder = (r: number, component: number): number => quotientRow + rowBytes + (2 * r + component) * remainderBytes
    digits.prepare(table + tableBytes)
    const products = new InnerProducts(ring, digits, table, digitIndices.length)
    drop.forEach((index, k) => {
      products.start(index)
      keys.forEach((key, r) => {
        const rows = [remainder(r, 0) + k * rowBytes, remainder(r, 1) + k * rowBytes] as const
        products.run(...rows, key, index)
        for (const row of rows) exports.backward(row, row, ring.block(index))
      })
    })
    const prepared = keys.map((_, r) =>
      [0, 1].map(component => {
        const rows = remainder(r, component)
        return extension.prepare(
          drop.map((_, k) => rows + k * rowBytes),
          rows + drop.length * rowBytes
        )
      })
    )
    first.indices.forEach((index, k) => {
      const block = ring.block(index)
      const { w, ratio } = extension.inverse(index)
      products.start(index)
      out.forEach((pair, r) => {
        products.run(sums, sums + rowBytes, keys[r]!, index)
        const moved = offsets[r]
        pair.forEach((output, component) => {
          extension.select(prepared[r]![component]!)
          const extended = extension.extendForTransform(extendedRow, index)
          const sum = sums + component * rowBytes
          const addend = finish.addends?.[component]?.addressOf(index)
          const row = output.rowAddress(k)
          const to = moved === undefined ? row : quotientRow
          if (addend === undefined) exports.forwardSubtractMultiply(to, sum, extended, extendedRow, w, ratio, block)
          else exports.forwardSubtractMultiplyAdd(to, sum, addend, extended, extendedRow, w, ratio, block)
          if (moved !== undefined) exports.gather(row, to, moved, N)
        })
      })
    })
  })
  for (const output of out.flat()) output.domain = 'ntt'
}

/** Gather tables of the automorphisms, undefined for none. */
function offsetsOf(ring: Ring, count: number, { galoisElements }: KeySwitchFinish): (number | undefined)[] {
  return Array.from({ length: count }, (_, r) => {
    const element = galoisElements?.[r] ?? 1
    return element === 1 ? undefined : ring.automorphismOffsets(element)
  })
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

function checkKeySwitch(
  ring: Ring,
  operation: string,
  out: readonly PolynomialPair[],
  a: Polynomial,
  digitIndices: readonly (readonly number[])[],
  keys: readonly (readonly Key[])[],
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
    checkInputs(
      ring,
      operation,
      outputs,
      key.flatMap(({ b, a: second }) => [b, second])
    )
  }
  if (outputs.length > 0) {
    checkInputs(
      ring,
      operation,
      outputs,
      addends.filter(addend => addend !== undefined)
    )
  }
  ring.checkOperand(operation, a, a)
  ring.checkDomain(operation, a, 'ntt')
  if (outputs.includes(a)) throw new AliasError(operation)
  for (const index of digitIndices.flat()) if (a.basis.positions[index]! < 0) throw new BasisMismatchError(operation, index, a.indices)
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
