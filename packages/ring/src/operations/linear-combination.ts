/**
 * A matrix of integers times a vector of polynomials (or of tuples of them, like ciphertexts): out_o = constant_o + Σ_k w_ok·in_k, either domain, exact.
 *
 * Rows of the matrix that combine the same inputs are computed together, so that an input is read once for several outputs, and all outputs are computed for a few
 * columns at a time, whose inputs stay in the cache (assembly/linear-combination.ts). The instructions for that are the same for every prime; the coefficients are
 * reduced for each.
 */

import { AliasError, InvalidArgumentError, LengthMismatchError } from '../errors.js'
import type { KernelCalls } from '../kernel/exports.js'
import { balance, type Modulus } from '../numbers/modulus.js'
import { checkDomain, checkOperand, checkOutputs } from '../structure/checks.js'
import { COST } from '../structure/cost.js'
import type { Polynomial } from '../structure/polynomial.js'
import type { RingStructure } from '../structure/ring-structure.js'

/** One row of the matrix. */
export interface CombinationRow {
  /** Positions among the inputs. */
  readonly inputs: ArrayLike<number>
  /** Integers, as many as inputs. */
  readonly coefficients: ArrayLike<number>
  /** An integer: added to every residue of the first component, which in the ntt domain adds the constant polynomial. Default 0. */
  readonly constant?: number
}

/** Outputs computed together (scripts/burst-generator.mjs). */
const LARGEST_GROUP = 3
/** Terms added in one go, largest first. */
const BURSTS = [8, 4, 2, 1] as const
/** Where coefficients are split, as the kernel does with residues. */
const UNIT = 2 ** 24
/** The largest parts of a balanced residue: of x = xh·2^24 + xl, and of their sum. */
const LARGEST_PARTS = [2 ** 24, 2 ** 23, 1.5 * 2 ** 24] as const
/** Sums, and multiples of q next to them, are exact up to this; they are at most REDUCED after they have been reduced. */
const EXACT = 2 ** 53 - 2 ** 49
const REDUCED = 2 ** 48
/** What the split inputs of a block of columns may take: they should stay in the second-level cache. */
const TILE_BYTES = 640 * 1024
const LARGEST_BLOCK = 64
const SMALLEST_BLOCK = 8
/** Bytes of a split residue, and of the sums of a group per column. */
const SPLIT_BYTES = 24
const GROUP_BYTES = SPLIT_BYTES * LARGEST_GROUP
/** Columns of an item of work. */
const ITEM_COLUMNS = 1024
interface Group {
  readonly rows: readonly number[]
  readonly inputs: ArrayLike<number>
}

/** See Ring.linearCombinations. */
export function linearCombinations(
  ring: RingStructure,
  outs: readonly (readonly Polynomial[])[],
  inputs: readonly (readonly Polynomial[])[],
  rows: readonly CombinationRow[]
): void {
  if (rows.length !== outs.length) throw new LengthMismatchError('rows of linearCombinations', outs.length, rows.length)
  if (outs.length === 0) return
  const components = checkPolynomials(ring, outs, inputs)
  rows.forEach((row, o) => {
    checkRow(row, o, inputs.length)
  })
  const { kernel, N } = ring
  const { indices } = outs[0]![0]!
  const groups = groupsOf(rows)
  const columns = blockColumns(inputs.length, N)
  const terms = rows.reduce((sum, row) => sum + row.inputs.length, 0)
  const weights = indices.map(index => weightsOf(groups, rows, ring.moduli[index]!))
  const code = Uint32Array.from(codeOf(groups, inputs.length, columns, weights))
  const constants = indices.map(index => constantsOf(rows, ring.moduli[index]!))
  const bytes = {
    code: align(4 * code.length),
    weights: align(16 * SPLIT_PARTS * terms),
    constants: align(8 * (4 + rows.length)),
    addresses: align(4 * (inputs.length + rows.length))
  }
  const items = indices.length * components
  const total = bytes.code + indices.length * (bytes.weights + 2 * bytes.constants) + items * bytes.addresses
  const domain = inputs[0]?.[0]?.domain ?? outs[0]![0]!.domain
  kernel.withScratch(total, memory => {
    const weightsAt = memory + bytes.code
    const constantsAt = weightsAt + indices.length * bytes.weights
    const addressesAt = constantsAt + 2 * indices.length * bytes.constants
    new Uint32Array(kernel.memory.buffer, memory, code.length).set(code)
    indices.forEach((index, k) => {
      kernel.doubles(weightsAt + k * bytes.weights, weights[k]!.values.length).set(weights[k]!.values)
      // Only the first component has constants.
      for (const [second, values] of [constants[k]!, constants[k]!.map((value, i) => (i < 4 ? value : 0))].entries()) {
        kernel.doubles(constantsAt + (2 * k + second) * bytes.constants, values.length).set(values)
      }
      for (let component = 0; component < components; component++) {
        const table = new Uint32Array(
          kernel.memory.buffer,
          addressesAt + (k * components + component) * bytes.addresses,
          inputs.length + outs.length
        )
        inputs.forEach((input, i) => {
          table[i] = input[component]!.addressOf(index)
        })
        outs.forEach((out, o) => {
          table[inputs.length + o] = out[component]!.rowAddress(k)
        })
      }
    })
    const count = Math.min(N, ITEM_COLUMNS)
    const parts = N / count
    const cost = items * N * (COST.combination * terms + COST.copy * inputs.length + COST.product * rows.length)
    const work = (calls: KernelCalls, item: number, scratch: number): void => {
      const row = Math.floor(item / parts)
      const k = Math.floor(row / components)
      const table = addressesAt + row * bytes.addresses
      calls.linearCombinations(
        table,
        table + 4 * inputs.length,
        8 * count * (item % parts),
        count,
        memory,
        weightsAt + k * bytes.weights,
        constantsAt + (2 * k + Number(row % components > 0)) * bytes.constants,
        scratch,
        ring.block(indices[k]!)
      )
    }
    kernel.forEach(items * parts, cost, work, { bytes: 64 + columns * (SPLIT_BYTES * inputs.length + GROUP_BYTES) })
  })
  for (const output of outs.flat()) output.domain = domain
}

const align = (bytes: number): number => Math.ceil(bytes / 64) * 64

/** @returns the number of components */
function checkPolynomials(
  ring: RingStructure,
  outs: readonly (readonly Polynomial[])[],
  inputs: readonly (readonly Polynomial[])[]
): number {
  const operation = 'linearCombinations'
  const components = outs[0]!.length
  for (const tuple of [...outs, ...inputs]) {
    if (tuple.length !== components || components === 0)
      throw new LengthMismatchError(`components of ${operation}`, components, tuple.length)
  }
  const outputs = outs.flat()
  const written = new Set(outputs)
  if (written.size < outputs.length) throw new AliasError(operation)
  checkOutputs(ring, operation, [outputs[0]!])
  for (const output of outputs) {
    checkOperand(ring, operation, outputs[0]!, output)
    checkOperand(ring, operation, output, outputs[0]!)
  }
  const domain = inputs[0]?.[0]?.domain
  for (const input of inputs.flat()) {
    checkOperand(ring, operation, outputs[0]!, input)
    checkDomain(operation, input, domain!)
    if (written.has(input)) throw new AliasError(operation)
  }
  return components
}

function checkRow({ inputs, coefficients, constant = 0 }: CombinationRow, o: number, count: number): void {
  if (inputs.length !== coefficients.length) throw new LengthMismatchError(`coefficients of row ${o}`, inputs.length, coefficients.length)
  for (let t = 0; t < inputs.length; t++) {
    const input = inputs[t]!
    if (!Number.isInteger(input) || input < 0 || input >= count)
      throw new InvalidArgumentError(`input of row ${o}`, `an integer below ${count}`, input)
    checkInteger(`coefficient of row ${o}`, coefficients[t]!)
  }
  checkInteger(`constant of row ${o}`, constant)
}

function checkInteger(what: string, value: number): void {
  if (!Number.isInteger(value)) throw new InvalidArgumentError(what, 'an integer', value)
}

/** Rows with the same inputs in the same order, at most LARGEST_GROUP together, in the order of the first of them. */
function groupsOf(rows: readonly CombinationRow[]): Group[] {
  const open = new Map<string, { rows: number[]; inputs: ArrayLike<number> }>()
  const groups: Group[] = []
  rows.forEach(({ inputs }, o) => {
    const key = Array.prototype.join.call(inputs, ',')
    let group = open.get(key)
    if (group === undefined || group.rows.length === LARGEST_GROUP) {
      group = { rows: [], inputs }
      open.set(key, group)
      groups.push(group)
    }
    group.rows.push(o)
  })
  return groups
}

/** Columns of a block: a power of two that divides N. */
function blockColumns(inputs: number, N: number): number {
  let columns = Math.min(N, LARGEST_BLOCK)
  while (columns > SMALLEST_BLOCK && columns * SPLIT_BYTES * inputs > TILE_BYTES) columns /= 2
  return columns
}

const SPLIT_PARTS = 3

/** Split coefficients of all groups modulo one prime, and per term the largest of each part among a group's outputs. */
interface Weights {
  readonly values: Float64Array
  readonly largest: Float64Array
}

function weightsOf(groups: readonly Group[], rows: readonly CombinationRow[], modulus: Modulus): Weights {
  const terms = groups.reduce((sum, group) => sum + group.inputs.length, 0)
  const values = new Float64Array(2 * SPLIT_PARTS * groups.reduce((sum, group) => sum + group.inputs.length * group.rows.length, 0))
  const largest = new Float64Array(SPLIT_PARTS * terms)
  let next = 0
  let term = 0
  for (const group of groups) {
    for (let t = 0; t < group.inputs.length; t++, term += SPLIT_PARTS) {
      for (const o of group.rows) {
        const w = reduced(rows[o]!.coefficients[t]!, modulus)
        const high = Math.round(w / UNIT)
        const low = w - high * UNIT
        for (const part of [high, low, high + low]) {
          const at = term + ((next >> 1) % SPLIT_PARTS)
          largest[at] = Math.max(largest[at]!, Math.abs(part))
          values[next++] = part
          values[next++] = part
        }
      }
    }
  }
  return { values, largest }
}

/** The balanced residue of an integer. */
function reduced(integer: number, { value, number }: Modulus): number {
  if (Math.abs(integer) <= (number - 1) / 2) return integer
  return balance(BigInt(integer), value)
}

/** 2^24 and 2^48 modulo a prime, each with its quotient by it, then the reduced constants. */
function constantsOf(rows: readonly CombinationRow[], modulus: Modulus): number[] {
  const units = [24n, 48n].flatMap(exponent => {
    const unit = balance(2n ** exponent, modulus.value)
    return [unit, unit / modulus.number]
  })
  return [...units, ...rows.map(row => reduced(row.constant ?? 0, modulus))]
}

/** The instructions (assembly/linear-combination.ts). Sums are reduced where the largest coefficients could make them inexact modulo any of the primes. */
function codeOf(groups: readonly Group[], inputs: number, columns: number, weights: readonly Weights[]): number[] {
  const code = [inputs, columns, groups.length]
  const rowBytes = columns * SPLIT_BYTES
  let term = 0
  for (const group of groups) {
    code.push(group.rows.length, ...group.rows)
    const count = code.push(0) - 1
    let bounds = [0, 0, 0]
    for (let t = 0; t < group.inputs.length; ) {
      const burst = BURSTS.find(size => size <= group.inputs.length - t)!
      const grown = [0, 0, 0]
      const positions: number[] = []
      for (let i = 0; i < burst; i++, t++, term += SPLIT_PARTS) {
        positions.push(group.inputs[t]! * rowBytes)
        for (let part = 0; part < SPLIT_PARTS; part++) {
          grown[part]! += LARGEST_PARTS[part]! * Math.max(...weights.map(({ largest }) => largest[term + part]!))
        }
      }
      const reduce = bounds.some((bound, part) => bound + grown[part]! > EXACT)
      bounds = bounds.map((bound, part) => (reduce ? REDUCED : bound) + grown[part]!)
      code.push(burst, Number(reduce), ...positions)
      code[count]!++
    }
  }
  return code
}
