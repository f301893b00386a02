/**
 * The innermost loop of convolutions, for four output planes at once:
 *
 *   sums[j·places + e] = Σ_t weights[4t + j]·x[bases[e] + offsets[t]],    0 ≤ j < 4
 *
 * Two ways to have it, which add the same products in the same order and so agree to the last bit: vectors of two doubles in WebAssembly, five times as fast, and a plain loop
 * where a host does not take them.
 */
import {
  add,
  addDoubles,
  type Code,
  constant,
  get,
  I32,
  load,
  loadHigh,
  loadLow,
  loadSplat,
  loadVector,
  loopBelow,
  moduleOf,
  multiplyDoubles,
  set,
  storeVector,
  tee,
  V128,
  zeros
} from './assembly.js'

/** Output planes that are summed at a time. */
export const TILE = 4
/** Places that are summed at a time: how many `bases` there are is a multiple of it. */
export const PLACES = 4

/** One at a time: `read` is of the places told last, `sum` of what was read last. */
export interface PlaneSums {
  /** @param bases indices into `x`; their number is a multiple of PLACES */
  at(bases: Int32Array): void
  read(x: Float64Array, offsets: Int32Array): void
  /** @returns TILE·places sums, which the next call may overwrite */
  sum(weights: Float64Array): Float64Array
}

/** The plain loop: two places at a time. */
export class LoopedSums implements PlaneSums {
  private bases = new Int32Array()
  private offsets = new Int32Array()
  private x: Float64Array = new Float64Array()
  private sums = new Float64Array()

  at(bases: Int32Array): void {
    this.bases = bases.slice()
    this.sums = new Float64Array(TILE * bases.length)
  }

  read(x: Float64Array, offsets: Int32Array): void {
    this.x = x
    this.offsets = offsets.slice()
  }

  sum(weights: Float64Array): Float64Array {
    const { x, bases, offsets, sums } = this
    const places = bases.length
    const shifts = offsets.length
    for (let e = 0; e < places; e += 2) {
      const a = bases[e]!
      const b = bases[e + 1]!
      // a pattern would be an array each time
      let a0 = 0
      let a1 = 0
      let a2 = 0
      let a3 = 0
      let b0 = 0
      let b1 = 0
      let b2 = 0
      let b3 = 0
      for (let t = 0, k = 0; t < shifts; t++, k += TILE) {
        const offset = offsets[t]!
        const xa = x[a + offset]!
        const xb = x[b + offset]!
        const w0 = weights[k]!
        const w1 = weights[k + 1]!
        const w2 = weights[k + 2]!
        const w3 = weights[k + 3]!
        a0 += w0 * xa
        b0 += w0 * xb
        a1 += w1 * xa
        b1 += w1 * xb
        a2 += w2 * xa
        b2 += w2 * xb
        a3 += w3 * xa
        b3 += w3 * xb
      }
      sums[e] = a0
      sums[e + 1] = b0
      sums[e + places] = a1
      sums[e + places + 1] = b1
      sums[e + 2 * places] = a2
      sums[e + 2 * places + 1] = b2
      sums[e + 3 * places] = a3
      sums[e + 3 * places + 1] = b3
    }
    return sums
  }
}

type Run = (bases: number, basesEnd: number, offsets: number, offsetsEnd: number, weights: number, sums: number, stride: number) => void

const PAGE = 65536

/** Vectors of two doubles, in a memory of its own that grows to the largest planes that are read. */
export class VectorSums implements PlaneSums {
  private readonly memory = new WebAssembly.Memory({ initial: 1 })
  private readonly neighbouring: Run
  private readonly scattered: Run
  private run: Run
  private places = 0
  private shifts = 0

  /** @throws WebAssembly.CompileError where the host has no vectors, or lets nothing be compiled */
  constructor() {
    this.neighbouring = this.compiled(true)
    this.scattered = this.compiled(false)
    this.run = this.scattered
  }

  private compiled(neighbours: boolean): Run {
    const module = new WebAssembly.Module(moduleOf(PARAMETERS, LOCALS, bodyOf(neighbours)))
    return new WebAssembly.Instance(module, { host: { memory: this.memory } }).exports['run'] as Run
  }

  /** Addresses: sums, bases, offsets, weights, x. */
  private get bases(): number {
    return 8 * TILE * this.places
  }

  private get offsets(): number {
    return this.bases + 4 * this.places
  }

  private get weights(): number {
    return this.offsets + 8 * Math.ceil(this.shifts / 2)
  }

  at(bases: Int32Array): void {
    this.places = bases.length
    this.reserve(this.offsets)
    const addresses = new Int32Array(this.memory.buffer, this.bases, bases.length)
    for (let e = 0; e < bases.length; e++) addresses[e] = 8 * bases[e]!
    this.run = bases.every((base, e) => e % PLACES === 0 || base === bases[e - 1]! + 1) ? this.neighbouring : this.scattered
  }

  read(x: Float64Array, offsets: Int32Array): void {
    this.shifts = offsets.length
    const start = this.weights + 8 * TILE * this.shifts
    this.reserve(start + x.byteLength)
    const addresses = new Int32Array(this.memory.buffer, this.offsets, this.shifts)
    for (let t = 0; t < this.shifts; t++) addresses[t] = start + 8 * offsets[t]!
    new Float64Array(this.memory.buffer, start, x.length).set(x)
  }

  sum(weights: Float64Array): Float64Array {
    const { buffer } = this.memory
    new Float64Array(buffer, this.weights, TILE * this.shifts).set(weights)
    const ends = [this.bases + 4 * this.places, this.offsets + 4 * this.shifts] as const
    if (this.places > 0) this.run(this.bases, ends[0], this.offsets, ends[1], this.weights, 0, 8 * this.places)
    return new Float64Array(buffer, 0, TILE * this.places)
  }

  private reserve(bytes: number): void {
    const missing = bytes - this.memory.buffer.byteLength
    if (missing > 0) this.memory.grow(Math.ceil(missing / PAGE))
  }
}

const PARAMETERS = 7
const [BASES, BASES_END, OFFSETS, OFFSETS_END, WEIGHTS, SUMS, STRIDE] = [0, 1, 2, 3, 4, 5, 6] as const
const BASE = [7, 8, 9, 10] as const
const [OFFSET, WEIGHT, ADDRESS] = [11, 12, 13] as const
/** what is read at four places, and a weight */
const X = [14, 15] as const
const FACTOR = 16
/** of every output plane, those of four places */
const SUM = [17, 18, 19, 20, 21, 22, 23, 24] as const
const LOCALS = [...new Array<number>(7).fill(I32), ...new Array<number>(11).fill(V128)]

/** @param neighbours whether four places stand one after the other */
function bodyOf(neighbours: boolean): Code {
  const pair = (k: 0 | 1): Code => {
    if (neighbours) return [...get(ADDRESS), ...get(BASE[0]), ...add, ...loadVector(16 * k), ...set(X[k])]
    const place = (base: number): Code => [...get(ADDRESS), ...get(base), ...add]
    // the upper half's address lies beneath the vector that it goes into
    return [...place(BASE[2 * k + 1]!), ...place(BASE[2 * k]!), ...loadLow, ...loadHigh, ...set(X[k])]
  }
  const planes = [0, 1, 2, 3]
  const product = (j: number): Code => [
    ...[...get(WEIGHT), ...loadSplat(8 * j), ...set(FACTOR)],
    ...X.flatMap((x, k) => [...get(SUM[2 * j + k]!), ...get(x), ...get(FACTOR), ...multiplyDoubles, ...addDoubles, ...set(SUM[2 * j + k]!)])
  ]
  const advance = (address: number, bytes: number): Code => [...get(address), ...constant(bytes), ...add]
  const shift = [
    ...[...get(OFFSET), ...load(0), ...set(ADDRESS), ...pair(0), ...pair(1)],
    ...planes.flatMap(product),
    ...[...advance(WEIGHT, 8 * TILE), ...set(WEIGHT)],
    ...[...advance(OFFSET, 4), ...tee(OFFSET)]
  ]
  const store = (j: number): Code => [
    ...[0, 1].flatMap(k => [...get(ADDRESS), ...get(SUM[2 * j + k]!), ...storeVector(16 * k)]),
    ...[...get(ADDRESS), ...get(STRIDE), ...add, ...set(ADDRESS)]
  ]
  return loopBelow(
    BASES_END,
    BASE.flatMap((base, k) => [...get(BASES), ...load(4 * k), ...set(base)]),
    SUM.flatMap(sum => [...zeros, ...set(sum)]),
    [...get(OFFSETS), ...set(OFFSET), ...get(WEIGHTS), ...set(WEIGHT)],
    loopBelow(OFFSETS_END, shift),
    [...get(SUMS), ...set(ADDRESS)],
    planes.flatMap(store),
    [...advance(SUMS, 8 * PLACES), ...set(SUMS)],
    [...advance(BASES, 4 * PLACES), ...tee(BASES)]
  )
}
