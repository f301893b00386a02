/** The functions of the WebAssembly kernel (assembly/index.ts). Addresses are byte offsets; `n` counts doubles. */
export interface KernelExports {
  probeFusedMultiplyAdd(a: number, b: number, c: number): number
  heapBase(): number
  zero(out: number, bytes: number): void
  copyBytes(out: number, from: number, bytes: number): void
  storeAddress(at: number, address: number): void

  initialiseModulus(block: number, q: number, logN: number): void
  buildPowers(powers: number, logN: number, root: number, block: number): void
  minimalRoot(powers: number, logN: number): number
  buildTables(powers: number, logN: number, block: number, inverse: number): void
  multiplyModulo(a: number, b: number, block: number): number

  forward(to: number, from: number, block: number): void
  forwardSubtractMultiply(out: number, a: number, from: number, scratch: number, w: number, ratio: number, block: number): void
  forwardSubtractMultiplyAdd(
    out: number,
    a: number,
    addend: number,
    from: number,
    scratch: number,
    w: number,
    ratio: number,
    block: number
  ): void
  backward(to: number, from: number, block: number): void

  add(out: number, a: number, b: number, n: number, block: number): void
  subtract(out: number, a: number, b: number, n: number, block: number): void
  negate(out: number, a: number, n: number): void
  multiplyRows(out: number, a: number, b: number, n: number, block: number): void
  multiplyAddRows(out: number, a: number, b: number, n: number, block: number): void
  multiplyConstantRow(out: number, a: number, n: number, w: number, ratio: number, block: number): void
  subtractMultiplyConstantRow(out: number, a: number, b: number, n: number, w: number, ratio: number, block: number): void
  reduceRow(out: number, a: number, n: number, block: number): void
  reduceWideRow(out: number, a: number, n: number, power: number, ratio: number, block: number): void

  exchangeOrder(to: number, from: number, n: number): void
  gather(out: number, a: number, offsets: number, n: number): void
  gatherAdd(out: number, a: number, offsets: number, n: number, block: number): void
  gatherSum(out: number, a: number, b: number, offsets: number, n: number, block: number): void
  automorphismCoefficients(out: number, a: number, n: number, g: number): void
  automorphismOffsets(offsets: number, logN: number, g: number): void

  combineRows(out: number, rows: number, count: number, weights: number, n: number, block: number, balance: number): void
  mixedRadixDigit(out: number, a: number, rows: number, count: number, constants: number, n: number, block: number): void
  mixedRadixValue(out: number, rows: number, count: number, moduli: number, n: number): void

  multiplyAccumulate11(c0: number, table: number, count: number, n: number, block: number, add: number): void
  multiplyAccumulate21(c0: number, c1: number, table: number, count: number, n: number, block: number, add: number): void
  multiplyAccumulate22(c0: number, c1: number, c2: number, table: number, count: number, n: number, block: number, add: number): void
  multiplyAccumulateMany22(sums: number, count: number, from: number, to: number, tile: number, block: number): void

  linearCombinations(
    inputs: number,
    outputs: number,
    offset: number,
    n: number,
    code: number,
    weights: number,
    constants: number,
    scratch: number,
    block: number
  ): void

  addMonomialProducts(out: number, terms: number, count: number, N: number, block: number): void

  interpolateSlots(out: number, real: number, imaginary: number, work: number, tables: number, n: number, factor: number): void

  encodeWords(to: number, from: number, n: number, block: number): void
  decodeWords(to: number, from: number, n: number, fault: number, block: number): void
  encodePacked(to: number, from: number, n: number, bits: number, block: number): void
  decodePacked(to: number, from: number, n: number, bits: number, fault: number, block: number): void

  encodeIntegers(to: number, from: number, n: number, bits: number, offset: number): void
  decodeIntegers(to: number, from: number, n: number, bits: number, offset: number): void

  keyStream(out: number, count: number, state: number): void
  sampleUniform(out: number, n: number, state: number, buffer: number, bits: number, block: number): void
  sampleTernary(out: number, n: number, state: number, buffer: number): void
  sampleGaussian(out: number, n: number, state: number, buffer: number, thresholds: number, count: number): void
  sampleNormal(out: number, n: number, state: number, buffer: number, sigma: number): void
  sampleBits(out: number, n: number, state: number, buffer: number, bits: number, offset: number): void
}

/** The functions without a result, which can be recorded and called later, on any thread. */
export type KernelCalls = {
  readonly [Name in keyof KernelExports as ReturnType<KernelExports[Name]> extends void ? Name : never]: KernelExports[Name]
}
